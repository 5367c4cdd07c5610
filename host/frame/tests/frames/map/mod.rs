//! What a map finds in damaged files.

mod reader;
mod targets;
