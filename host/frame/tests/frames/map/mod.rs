//! What a map finds in damaged files.

mod damage;
mod embedded;
mod reader;
mod targets;
