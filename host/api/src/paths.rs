//! Where each call is found.

/// The name of the buffer that the socket in its directory serves.
pub const THE_BUFFER: &str = "main";

/// Whether the process runs. Needs no token.
pub const HEALTH: &str = "/healthz";

/// Whether the buffer is open and takes records. Needs no token.
pub const READY: &str = "/readyz";

/// `GET` tells the buffer's figures in Prometheus' text format.
pub const METRICS: &str = "/metrics";

/// `POST` appends records, `GET` looks at those that wait.
pub const RECORDS: &str = "/v1/buffers/{buffer}/records";

/// `POST` takes a batch, under a lease.
pub const PULL: &str = "/v1/buffers/{buffer}/pull";

/// `POST` acknowledges records.
pub const ACK: &str = "/v1/buffers/{buffer}/ack";

/// `POST` gives records back, to be delivered again.
pub const NACK: &str = "/v1/buffers/{buffer}/nack";

/// `POST` makes a lease longer.
pub const EXTEND: &str = "/v1/buffers/{buffer}/extend";

/// `GET` tells who owns the buffer, with which options, and its figures.
pub const STATUS: &str = "/v1/buffers/{buffer}/status";

/// All paths, for the description of the API.
pub const ALL: [&str; 9] = [HEALTH, READY, METRICS, RECORDS, PULL, ACK, NACK, EXTEND, STATUS];

/// One of these paths, for a buffer.
pub fn of(path: &str, buffer: &str) -> String {
    path.replace("{buffer}", buffer)
}
