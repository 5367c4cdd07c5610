//! A buffer that is served to other processes, through its socket. No test waits for a time to pass.

#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]
#![allow(clippy::missing_panics_doc, clippy::cast_possible_truncation)]

mod described;
mod ending;
mod limits;
mod metrics;
mod network;
#[path = "../support/openmetrics.rs"]
mod openmetrics;
mod producing;
mod pulling;
mod requests;
mod support;
