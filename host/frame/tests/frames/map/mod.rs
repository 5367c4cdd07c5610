//! What a map finds in damaged files.

mod cases;
mod cost;
mod damage;
mod embedded;
mod reader;
mod streaming;
mod targets;
