//! What belongs to the tests: the logic, natively, and work that they count.

#[path = "../../support/fuse.rs"]
pub(crate) mod fuse;
#[path = "../../support/native_logic.rs"]
pub(crate) mod native_logic;
#[path = "../../support/single_acks.rs"]
pub(crate) mod single_acks;
