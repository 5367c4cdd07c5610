//! The buffer's logic as a WebAssembly component: `forebay-logic` behind the world `logic` of `wit/`.
//!
//! Nothing is decided here. Custom logic is a crate like this one: a program has one `export!`, so it depends on
//! `forebay-bindings` and `forebay-logic`, and not on this.

forebay_bindings::export!(forebay_logic::Buffer);
