//! What several tests stand on. What is not of the command line is shared with the library's tests.

pub mod cli;
#[path = "../../support/dice.rs"]
pub mod dice;
#[path = "../../support/exposition.rs"]
pub mod exposition;
pub mod fixtures;
#[path = "../../support/ids.rs"]
mod ids;
#[allow(dead_code, reason = "the library's tests use the rest")]
#[path = "../../support/storage.rs"]
pub mod storage;
pub mod tools;
pub mod user;
#[path = "../../support/wasm.rs"]
pub mod wasm;
mod watchdog;
