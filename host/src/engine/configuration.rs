//! What the engine of the process is, and what it lets guests use.

use std::sync::LazyLock;

use wasmtime::{Config, Engine};

use super::error::ComponentError;

/// The stack that a guest may use, in bytes.
const STACK_BYTES_MAX: usize = 256 * 1024;

/// One engine for the whole process: components compiled by one cannot be run by another.
static ENGINE: LazyLock<Result<Engine, String>> =
    LazyLock::new(|| Engine::new(&config()).map_err(|error| error.to_string()));

pub(super) fn engine() -> Result<&'static Engine, ComponentError> {
    ENGINE.as_ref().map_err(|reason| ComponentError::Engine { reason: reason.clone() })
}

/// What a guest may use: what compilers emit for plain code, and nothing that makes it less deterministic or the host's
/// attack surface larger.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .concurrency_support(false);
    config
}
