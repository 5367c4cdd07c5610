//! What this crate promises about data files, tried on whole files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]
// Lengths of files that these tests make.
#![allow(clippy::cast_possible_truncation)]

mod data_file;
mod events;
mod format;
mod map;
mod round_trip;
mod unordered;
