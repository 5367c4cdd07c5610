//! The buffer's logic as a WebAssembly component: `forebay-logic` behind the world `logic` of `wit/`.
//!
//! Nothing is decided here. `storage` turns the logic's calls into imports, `exports` turns the host's calls into the
//! logic's. Custom logic depends on `forebay-logic` and not on this crate, because a program has one `export!`.

mod bindings;
mod exports;
mod storage;
