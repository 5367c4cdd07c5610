//! What the tests run the logic with, natively.

#[path = "../../support/fuse.rs"]
pub(crate) mod fuse;
#[path = "../../support/native_logic.rs"]
pub(crate) mod native_logic;
