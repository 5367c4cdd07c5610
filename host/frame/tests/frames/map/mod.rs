//! What a map finds in damaged files.

mod damage;
mod reader;
mod targets;
