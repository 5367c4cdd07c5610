//! Integration tests, through the public ways in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs,
    unreachable_pub
)]

mod alike;
mod contained;
mod containment;
mod defects;
mod format;
mod hostile;
mod lives;
mod loading;
mod lockfile;
mod model;
mod pains;
mod support;
mod table;
mod twins;
