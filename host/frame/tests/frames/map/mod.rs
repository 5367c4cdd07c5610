//! What a map finds in damaged files.

mod cases;
pub(crate) mod cost;
mod damage;
mod elsewhere;
pub(crate) mod embedded;
mod endings;
mod many_faults;
mod order;
mod reader;
mod single_fault;
mod streaming;
mod targets;
