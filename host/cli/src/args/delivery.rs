//! How `forebay read` delivers records to a command or to an HTTP endpoint, instead of stdout.

use std::{num::NonZeroU32, time::Duration};

use clap::{ArgGroup, Args, ValueEnum};

use super::duration::{some_up_to_a_day, up_to_an_hour};
use crate::size;

/// Where batches go, and what becomes of those that fail.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Delivery in batches",
    group(ArgGroup::new("destination").args(["exec", "to"]).conflicts_with("peek"))
)]
pub(crate) struct DeliveryArgs {
    /// Run CMD with 'sh -c' for each batch, with the records on its stdin. Exit code 0 acknowledges them. After any other, and after a
    /// signal that kills CMD, Forebay delivers the batch again, later; 126 and 127, with which a shell says that it cannot run CMD, count
    /// as no failure of the records. The environment has `FOREBAY_RECORDS`, `FOREBAY_FIRST_ID`, `FOREBAY_LAST_ID` and `FOREBAY_ATTEMPT`, which
    /// is above 1 if the batch may have been delivered before. CMD has a process group of its own: after SIGTERM or SIGHUP it has half of
    /// --grace to end, then Forebay sends SIGTERM to the group, and SIGKILL when three quarters are over. SIGINT is passed on at once
    #[arg(long, value_name = "CMD")]
    pub(crate) exec: Option<String>,
    /// Send each batch as a POST to this http:// or https:// URL. An answer of 2xx acknowledges the records. 400, 413, 415 and 422 refuse
    /// them: Forebay sends parts of the batch, and moves a record that is refused alone to the dead letters, if others are accepted. After
    /// 408, 429 or 5xx, or no answer, it sends the batch again, and heeds Retry-After. All else, such as a wrong token (401), a wrong path
    /// (404) or a redirection, which is not followed, holds up all records and costs none
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// With --to, send this header; may be given several times. @FILE reads headers from a file, a line each, which keeps a token from
    /// other users' eyes. Forebay itself sets those that say how a request is sent, such as Content-Length and Host
    #[arg(long, value_name = "NAME: VALUE", requires = "to", conflicts_with = "exec")]
    pub(crate) header: Vec<String>,
    /// With --to, compress each batch
    #[arg(long, requires = "to", conflicts_with = "exec")]
    pub(crate) gzip: bool,
    /// With --to, how long a request may take, with its answer; from 1ms to a day
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = some_up_to_a_day, requires = "to", conflicts_with = "exec")]
    pub(crate) timeout: Duration,
    /// The most records in a batch
    #[arg(long, value_name = "N", default_value = "100", requires = "destination")]
    pub(crate) batch: NonZeroU32,
    /// The most bytes of payload in a batch, unless one record is longer
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size::parse, requires = "destination")]
    pub(crate) batch_bytes: u64,
    /// With --follow, how long the first record of a batch waits for others; at most 1h
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = up_to_an_hour, requires = "destination")]
    pub(crate) batch_wait: Duration,
    /// What happens to a batch that fails
    #[arg(long, value_enum, default_value_t, value_name = "ACTION", requires = "destination")]
    pub(crate) on_failure: OnFailure,
    /// Once a batch has failed N times, deliver its records one by one, and move one that fails alone to the dead letters, if others are
    /// accepted meanwhile. What counts is a failure that the destination has answered: an exit code of CMD, or a 5xx. No answer, 408, 429,
    /// 502, 503 and 504 are an outage, and do not count [default: retry for ever]
    #[arg(long, value_name = "N", requires = "destination")]
    pub(crate) max_deliveries: Option<NonZeroU32>,
    /// How long to wait after a first failure; twice as long after each further one, less up to half of it at random; from 1ms to a day
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = some_up_to_a_day, requires = "destination")]
    pub(crate) retry_wait: Duration,
    /// The longest wait after a failure, unless the endpoint asks for more
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = some_up_to_a_day, requires = "destination")]
    pub(crate) retry_wait_max: Duration,
}

impl DeliveryArgs {
    /// Whether records go elsewhere than to stdout.
    pub(crate) fn has_destination(&self) -> bool {
        self.exec.is_some() || self.to.is_some()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnFailure {
    /// It is tried again until it succeeds, and the records behind it wait
    #[default]
    Hold,
    /// It is requeued, and others go on meanwhile
    Requeue,
}
