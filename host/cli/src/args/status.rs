//! Arguments of `forebay status`.

use std::{path::PathBuf, time::Duration};

use clap::{Args as ArgGroup, ValueEnum};

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
    /// Look again every so many seconds, until a signal comes [default without a number: 2]
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

/// A pause that does not keep a processor busy.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds, such as 5".to_owned())?;
    let pause =
        Duration::try_from_secs_f64(seconds).ok().filter(|pause| *pause >= Duration::from_millis(100));
    pause.ok_or_else(|| "give at least 0.1 seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pause of nothing would keep a processor busy.
    #[test]
    fn a_pause_has_a_length() {
        assert_eq!(
            (seconds("5"), seconds("0.5")),
            (Ok(Duration::from_secs(5)), Ok(Duration::from_millis(500)))
        );
        for text in ["", "0", "-1", "q", "NaN", "1e300"] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
    }
}
