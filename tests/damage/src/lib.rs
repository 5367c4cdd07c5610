//! Damages directories of data files, looks at them with the binary `forebay` as a user does, and counts what is lost.
//!
//! An undamaged directory is a [`base`], made with the binary. The [`generator`] makes many damaged directories of each, by the
//! [`kinds`] of damage and what becomes of the [`ledger`]. Each is given five [`looks`]. The [`reference`](mod@reference) knows
//! what must come of them, the [`verdict`] says what is wrong, and the [`tally`] adds it up for the [`report`].
//!
//! All base directories were closed well, and all processes run in one boot of the machine. Other histories are not covered here.

#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "a test: what it indexes it has made itself, and a panic is a failed test"
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod base;
pub mod bed;
pub mod binary;
pub mod frame;
pub mod generator;
pub mod image;
pub mod kinds;
pub mod ledger;
pub mod looks;
pub mod payloads;
pub mod random;
pub mod reference;
pub mod report;
pub mod sidecar;
pub mod suite;
pub mod tally;
pub mod verdict;
