//! A buffer that is served to other processes, through its socket. No test waits for a time to pass.

#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::missing_panics_doc, clippy::cast_possible_truncation)]

mod described;
mod ending;
#[path = "../support/exposition.rs"]
mod exposition;
mod figures;
mod limits;
mod metrics;
mod network;
mod producing;
mod pulling;
mod requests;
mod support;
