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
    /// Run CMD with 'sh -c' for each batch, with the records on its stdin; exit code 0 acknowledges them, and any other has the batch
    /// delivered again, later
    #[arg(long, value_name = "CMD")]
    pub(crate) exec: Option<String>,
    /// Send each batch as a POST to this http:// or https:// URL; an answer of 2xx acknowledges the records. 400, 413, 415 and 422 split
    /// the batch, and a record that is refused alone becomes a dead letter. 408, 429, 5xx and time-outs have the batch sent again, later.
    /// All else, such as a wrong token, holds up all records
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// With --to, send this header; @FILE reads headers from a file, a line each, which keeps a token from other users' eyes
    #[arg(long, value_name = "NAME: VALUE", requires = "to", conflicts_with = "exec")]
    pub(crate) header: Vec<String>,
    /// With --to, compress each batch
    #[arg(long, requires = "to", conflicts_with = "exec")]
    pub(crate) gzip: bool,
    /// With --to, how long a request may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = some_up_to_a_day, requires = "to", conflicts_with = "exec")]
    pub(crate) timeout: Duration,
    /// The most records in a batch
    #[arg(long, value_name = "N", default_value = "100", requires = "destination")]
    pub(crate) batch: NonZeroU32,
    /// The most bytes of payload in a batch, unless one record is longer
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size::parse, requires = "destination")]
    pub(crate) batch_bytes: u64,
    /// With --follow, how long the first record of a batch waits for others
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = up_to_an_hour, requires = "destination")]
    pub(crate) batch_wait: Duration,
    /// What happens to a batch that fails: it holds up all records behind it until it succeeds, or is requeued while others go on
    #[arg(long, value_enum, default_value_t, value_name = "ACTION", requires = "destination")]
    pub(crate) on_failure: OnFailure,
    /// Once a batch has failed N times, deliver its records one by one, and move those that fail alone to the dead letters
    /// [default: retry for ever]
    #[arg(long, value_name = "N", requires = "destination")]
    pub(crate) max_deliveries: Option<NonZeroU32>,
    /// How long to wait after a first failure; twice as long after each further one, less up to half of it at random
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
    /// It is tried again, and nothing passes it
    #[default]
    Hold,
    /// Others go on, and it comes again later
    Requeue,
}
