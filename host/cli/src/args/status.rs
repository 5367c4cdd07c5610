//! Arguments of `forebay status`.

use std::{path::PathBuf, time::Duration};

use clap::{Args as ArgGroup, ValueEnum};

use super::duration::seconds;

/// Show how much waits in the buffers in these directories, without opening them
///
/// Works while another process has a buffer, and changes nothing. That process tells what no file does: what is delivered and not
/// acknowledged, and how long syncs take. What was received was sent, which is acknowledged, dropped to make room, or lost to damage;
/// the rest waits. What was rejected was never received. Dead letters, which consumers gave back too often, count as sent: the line
/// `dead` says how many are in their file. Ends with 2 if one of the directories cannot be looked at; the others are shown.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay status /tmp/queue
  forebay status /tmp/queue --watch 5
  forebay status /tmp/queue --format json | jq .records
  forebay status /var/lib/queues/* --format prometheus")]
pub(crate) struct StatusArgs {
    /// The buffers' directories
    #[arg(required = true, value_name = "DIR")]
    pub(crate) dirs: Vec<PathBuf>,
    /// For people, as a JSON object a line, or as metrics that Prometheus reads: docs/metrics.md explains them
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: StatusFormat,
    /// Look again every so many seconds, until a signal comes; goes after the directories [default without a number: 2]
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = seconds,
        hide_default_value = true
    )]
    pub(crate) watch: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusFormat {
    #[default]
    Text,
    Json,
    Prometheus,
}
