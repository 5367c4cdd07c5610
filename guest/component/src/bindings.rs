//! The contract in `wit/` as Rust, generated when this crate is compiled.
#![expect(clippy::same_length_and_capacity, reason = "the canonical ABI passes lists so; wit-bindgen's code")]

wit_bindgen::generate!({
    world: "logic",
    path: "../../wit",
});

/// The exported functions. Only for wasm: a native linker refuses their names. What they call is checked on every
/// target.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "a symbol with a name of its own needs it; wit-bindgen's code")]
mod symbols {
    use crate::exports::Component;

    super::export!(Component with_types_in super);
}
