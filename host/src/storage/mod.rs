//! Where a buffer's bytes live: the seam of `forebay-core`, and the directory on a local disk behind it.

pub mod native;

pub use forebay_core::storage::*;
