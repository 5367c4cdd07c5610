//! The types of bodies.

/// An object.
pub const JSON: &str = "application/json";

/// Records, one a line; the bytes before each newline, whatever they are.
pub const LINES: &str = "text/plain";

/// Records, each behind its length, a big-endian u32.
pub const LENGTH: &str = "application/vnd.forebay.length";

/// Records, a JSON object a line.
pub const NDJSON: &str = "application/x-ndjson";

/// A batch of delivered records in binary: see [`framing::batch`](crate::framing::batch).
pub const BATCH: &str = "application/vnd.forebay.batch";

/// Metrics, in Prometheus' text format.
pub const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The header of a [`BATCH`] that tells the incarnation of its records.
pub const INCARNATION_HEADER: &str = "forebay-incarnation";

/// The header of a [`BATCH`] that tells its lease.
pub const LEASE_HEADER: &str = "forebay-lease-id";
