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
mod cli;
mod contained;
mod defects;
mod format;
mod hostile;
mod kill;
mod lives;
mod loading;
mod lockfile;
mod model;
mod own_file;
mod own_logic;
mod pains;
mod shipped;
mod support;
mod table;
mod twins;
