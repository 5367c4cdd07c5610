//! Running a buffer's logic as a WebAssembly component on wasmtime.
//!
//! A component gets nothing but the functions of `forebay:buffer/storage`: whatever imports more is refused by name
//! before it is instantiated. Each call is bounded in the time that the guest itself takes, in memory and in stack. After
//! any error an instance is not called again.

mod account;
mod bindings;
mod child;
mod component;
mod epoch;
mod image;
mod imports;
mod instance;
mod limits;

use std::sync::LazyLock;

pub use child::{compile_as_child, compile_in_children};
pub use component::{Component, ComponentError, Summary};
pub use image::keep_images_in;
pub use limits::Limits;
use wasmtime::{Config, Engine};

/// The most that a component may be long, in bytes.
const COMPONENT_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The stack that a guest may use, in bytes.
const STACK_BYTES_MAX: usize = 256 * 1024;

/// One engine for the whole process: components compiled by one cannot be run by another.
static ENGINE: LazyLock<Result<Engine, String>> =
    LazyLock::new(|| Engine::new(&config()).map_err(|error| error.to_string()));

fn engine() -> Result<&'static Engine, ComponentError> {
    ENGINE.as_ref().map_err(|reason| ComponentError::Engine { reason: reason.clone() })
}

/// What a guest may use: what compilers emit for plain code, and nothing that makes it less deterministic or the host's
/// attack surface larger.
fn config() -> Config {
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
