//! Running a buffer's logic as a WebAssembly component on wasmtime.
//!
//! A component gets nothing but the functions of `forebay:buffer/storage`: whatever imports more is refused by name
//! before it is instantiated. Each call is bounded in the time that the guest itself takes, in memory and in stack. After
//! any error an instance is not called again.

mod account;
mod bindings;
mod child;
mod component;
mod configuration;
mod epoch;
mod error;
mod image;
mod imports;
mod instance;
mod limits;
mod printable;

pub use child::{compile_as_child, compile_in_children};
pub use component::{Component, Summary};
pub use error::ComponentError;
pub use image::keep_images_in;
pub use limits::Limits;
