//! What opening a buffer needs to be told: the arguments that most commands share.

use std::{path::PathBuf, time::Duration};

use clap::{Args as ArgGroup, ValueEnum};
use forebay::Options;

use super::{
    Term,
    duration::{interval, some_up_to_a_day, up_to_a_day},
};
use crate::{limits, size};

/// What opening a buffer needs to be told.
#[derive(Clone, Debug, PartialEq, Eq, ArgGroup)]
#[command(next_help_heading = "Buffer options (sizes as 64KiB, 1MiB, 2G or bytes)")]
pub(crate) struct BufferArgs {
    /// Go on to the next data file when one has reached this size; from 4KiB [default: 128MiB, or less: half of --max-size, or
    /// the limit of 'ulimit -f']
    #[arg(long, value_name = "SIZE", value_parser = size::parse, env = "FOREBAY_FILE_SIZE", hide_env = true)]
    pub(crate) file_size: Option<u64>,
    /// The most that all data files may hold, acknowledged or not; at least twice the file size and 32 bytes, at most 65534
    /// times the file size [default: 1GiB, or more where the file size needs it]
    #[arg(long, value_name = "SIZE", value_parser = size::parse, env = "FOREBAY_MAX_SIZE", hide_env = true)]
    pub(crate) max_size: Option<u64>,
    /// The most records that may wait, read or not; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 0, env = "FOREBAY_MAX_EVENTS", hide_env = true)]
    pub(crate) max_events: u64,
    /// The longest record that is taken [default: the file size less 48 bytes]
    #[arg(long, value_name = "SIZE", value_parser = size::parse, env = "FOREBAY_MAX_RECORD", hide_env = true)]
    pub(crate) max_record: Option<u64>,
    /// What happens to new records when the buffer is full
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "ACTION",
        env = "FOREBAY_WHEN_FULL",
        hide_env = true
    )]
    pub(crate) when_full: WhenFull,
    /// Let the component drop older records, although there is room, once N newer ones wait; only with --component: the
    /// built-in logic drops nothing before the buffer is full [default: drop nothing while there is room]
    #[arg(long, value_name = "newest:N", value_parser = retain, requires = "component")]
    pub(crate) retain: Option<Retain>,
    /// When a write is confirmed: `written`, it is safe if this process crashes; `synced`, it is safe if the machine loses power
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "LEVEL",
        env = "FOREBAY_DURABILITY",
        hide_env = true
    )]
    pub(crate) durability: Durability,
    /// No record that waits stays unsynced for longer than two of these; from 1ms to 49 days
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = interval, env = "FOREBAY_SYNC_INTERVAL", hide_env = true)]
    pub(crate) sync_interval: Duration,
    /// How long to try to reach the process that has the buffer, and how long it may take to answer; up to a day
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = up_to_a_day, env = "FOREBAY_WAIT", hide_env = true)]
    pub(crate) wait: Duration,
    /// After a signal, how long the command may take to end well; then the buffer's logic is cut short. From 1ms to a day
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = some_up_to_a_day, env = "FOREBAY_GRACE", hide_env = true)]
    pub(crate) grace: Duration,
    /// Remove a damaged data file when its records were read; without this the last 8 are kept in buffer.quarantine, as far as an
    /// eighth of --max-size has room for them
    #[arg(long)]
    pub(crate) discard_damaged: bool,
    /// A number to keep beside each record that is written
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) metadata: u32,
    /// Small data files are meant: say nothing about them
    #[arg(long, hide = true)]
    pub(crate) small_files: bool,
    /// Which options were chosen, by a flag or by the environment
    #[arg(skip)]
    pub(crate) chosen: Vec<Term>,
    /// Which of them were chosen by the environment
    #[arg(skip)]
    pub(crate) from_environment: Vec<Term>,
    /// The same before the command was given what the buffer remembers
    #[arg(skip)]
    pub(crate) as_given: Option<Box<BufferArgs>>,
    /// Run the buffer's logic from this WebAssembly component instead of the one that is built in
    #[arg(long, value_name = "FILE")]
    pub(crate) component: Option<PathBuf>,
}

impl BufferArgs {
    /// The size of a data file and the most that all may hold, in bytes: as they were chosen, or as they go together.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        let mut options = Options::default();
        options.set_sizes(self.file_size, self.max_size);
        if self.file_size.is_none()
            && let Some(limit) = limits::file_bytes()
            && limit < options.file_bytes
        {
            let least = options.max_bytes.div_ceil(Options::FILES_MAX).max(Options::FILE_BYTES_MIN);
            options.set_sizes(Some(limit.max(least)), self.max_size);
        }
        (options.file_bytes, options.max_bytes)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhenFull {
    /// They wait
    #[default]
    Block,
    /// They are refused
    Reject,
    /// The oldest data files are dropped, with all that is in them
    DropOldest,
}

/// Which records stay although a component would drop them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retain {
    /// So many of the newest.
    Newest(u64),
}

/// `newest:N`.
fn retain(text: &str) -> Result<Retain, String> {
    let records = text.strip_prefix("newest:").and_then(|number| number.parse().ok());
    records
        .map(Retain::Newest)
        .ok_or_else(|| "give newest: and a number of records, such as newest:1000".to_owned())
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    #[default]
    Written,
    Synced,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is mistyped must not let records go.
    #[test]
    fn what_is_retained_is_a_number_of_the_newest_records() {
        assert_eq!(retain("newest:1000"), Ok(Retain::Newest(1000)));
        for text in ["", "newest", "newest:", "newest:-1", "oldest:5", "1000"] {
            assert!(retain(text).is_err(), "{text:?}");
        }
    }
}
