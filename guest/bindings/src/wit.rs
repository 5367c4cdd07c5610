//! The contract in `wit/` as Rust, generated when this crate is compiled.
#![allow(missing_docs, unreachable_pub)] // The contract's own documentation is in `wit/`.
#![expect(clippy::same_length_and_capacity, reason = "the canonical ABI passes lists so; wit-bindgen's code")]

wit_bindgen::generate!({
    world: "logic",
    path: "../../wit",
    pub_export_macro: true,
    export_macro_name: "export_symbols",
    default_bindings_module: "forebay_bindings::wit",
});
