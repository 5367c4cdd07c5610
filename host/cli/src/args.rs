//! What can be asked of the command: its arguments, with their help.

mod looking;

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args as ArgGroup, Parser, Subcommand, ValueEnum};
use forebay::Options;

pub(crate) use self::looking::{DoctorArgs, InspectArgs, LookArgs, RepairArgs};
use crate::{
    limits,
    retain::{self, Retain},
    size,
};

/// A durable, bounded, crash-safe queue of records in a directory.
///
/// Records go in with `write`, and come out, in their order, with `read`. What was written survives the death of any process,
/// and what was not read stays. The directories are those of Vector's disk buffer.
#[derive(Debug, Parser)]
#[command(
    name = "forebay",
    version,
    after_help = "Examples:
  seq 1 1000 | forebay write /tmp/queue    put records in, one a line
  forebay status /tmp/queue                see how many wait
  forebay read /tmp/queue                  take them out
  forebay demo                             see it survive kill -9

Exit codes: 0 done; 1 damage was found, or a record was refused, lost, or delivered without its
acknowledgement being stored; 2 it could not be done;
129, 130 and 143 after SIGHUP, SIGINT and SIGTERM, with the buffer closed cleanly."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) logging: LoggingArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is said on stderr.
#[derive(Debug, ArgGroup)]
pub(crate) struct LoggingArgs {
    /// Say more on stderr; -vv and -vvv say still more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// How log lines on stderr look
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Write(WriteArgs),
    Read(ReadArgs),
    Pipe(PipeArgs),
    /// Show how much waits in the buffer in DIR, without opening it
    ///
    /// Works while another process has the buffer, and changes nothing. What was received was sent, which is acknowledged,
    /// dropped to make room, or lost to damage; the rest waits. What was rejected was never received. Dead letters, which
    /// consumers gave back too often, count as sent: the line `dead` says how many are in their file.
    #[command(after_help = "Examples:
  forebay status /tmp/queue
  forebay status /tmp/queue --format json | jq .records")]
    Status(LookArgs),
    /// Read every record of the buffer in DIR, and say what is damaged
    ///
    /// Works while another process has the buffer, and changes nothing. Ends with 1 if anything is damaged.
    #[command(after_help = "Examples:
  forebay verify /tmp/queue || echo damaged
  forebay verify /tmp/queue --format json | jq .faults")]
    Verify(LookArgs),
    Inspect(InspectArgs),
    Repair(RepairArgs),
    Doctor(DoctorArgs),
    DeadLetters(DeadLettersArgs),
    Component(ComponentArgs),
    Demo(DemoArgs),
}

/// Put records from stdin into the buffer in DIR
///
/// DIR is made if it is not there. A line is a record: the bytes before the newline, whatever they are. Ends when stdin has
/// ended and every record has reached the level of durability.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  seq 1 1000 | forebay write /tmp/queue
  tail -F app.log | forebay write /tmp/queue --confirm --durability synced
  forebay write /tmp/queue --framing length < records.bin")]
pub(crate) struct WriteArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// How records are told apart on stdin: by newlines, or by a length before each, a big-endian u32
    #[arg(long, value_enum, default_value_t)]
    pub(crate) framing: InputFraming,
    /// Print the id of the last record that has reached the level of durability, a line each time that it moves
    #[arg(long)]
    pub(crate) confirm: bool,
    /// What the last line on stdout is: nothing, or a JSON object of what was done
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) buffer: BufferArgs,
}

/// Take records out of the buffer in DIR, to stdout
///
/// A record is acknowledged, and gone, when its bytes are written to stdout. With stdout closed nothing is taken. Ends at the end of the buffer. A pipe takes more
/// than its reader may want: to take out ten records, say `--count 10` here, not `head` behind it.
// Options that only matter to writing are taken, so that one set serves all commands, and not shown.
#[derive(Debug, ArgGroup)]
#[command(
    after_help = "Examples:
  forebay read /tmp/queue
  forebay read /tmp/queue --peek --framing json | jq .id
  forebay read /tmp/queue --count 10",
    mut_arg("max_record", |arg| arg.hide(true)),
    mut_arg("when_full", |arg| arg.hide(true)),
    mut_arg("durability", |arg| arg.hide(true)),
    mut_arg("metadata", |arg| arg.hide(true))
)]
pub(crate) struct ReadArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// How records are told apart on stdout: by newlines, by a big-endian u32 before each, or as JSON objects
    #[arg(long, value_enum, default_value_t)]
    pub(crate) framing: OutputFraming,
    /// Take so many records at the most
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// At the end of the buffer wait for more, until a signal comes
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only look: acknowledge nothing
    #[arg(long)]
    pub(crate) peek: bool,
    #[command(flatten)]
    pub(crate) buffer: BufferArgs,
}

/// Take records from stdin to stdout through the buffer in DIR
///
/// What the buffer held comes first. Ends when stdin has ended and every record is written to stdout.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  produce | forebay pipe /tmp/queue | consume
  produce | forebay pipe /tmp/queue --max-size 10GiB --durability synced | consume")]
pub(crate) struct PipeArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// How records are told apart, on stdin and stdout: by newlines, or by a length before each, a big-endian u32
    #[arg(long, value_enum, default_value_t)]
    pub(crate) framing: InputFraming,
    #[command(flatten)]
    pub(crate) buffer: BufferArgs,
}

/// What opening a buffer needs to be told.
#[derive(Clone, Debug, PartialEq, Eq, ArgGroup)]
#[command(next_help_heading = "Buffer options (sizes as 64KiB, 1MiB, 2G or bytes)")]
pub(crate) struct BufferArgs {
    /// Go on to the next data file when one has reached this size; from 4KiB [default: 128MiB, or less: half of --max-size, or
    /// the limit of 'ulimit -f']
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) file_size: Option<u64>,
    /// The most that all data files may hold, acknowledged or not; at least twice the file size and 32 bytes, at most 65534
    /// times the file size [default: 1GiB, or that]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) max_size: Option<u64>,
    /// The most records that may wait, read or not; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) max_events: u64,
    /// The longest record that is taken [default: the file size less 48 bytes]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) max_record: Option<u64>,
    /// What becomes of records when the buffer is full: they wait, are refused, or have the oldest dropped
    #[arg(long, value_enum, default_value_t, value_name = "ACTION")]
    pub(crate) when_full: WhenFull,
    /// Let the component drop older records, although there is room, once N newer ones wait; only with --component: the
    /// built-in logic drops nothing before the buffer is full [default: drop nothing while there is room]
    #[arg(long, value_name = "newest:N", value_parser = retain::parse, requires = "component")]
    pub(crate) retain: Option<Retain>,
    /// What a record must survive before it counts: the death of the process, or power loss
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    pub(crate) durability: Durability,
    /// No record that waits stays unsynced for longer than two of these; from 1ms
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = interval)]
    pub(crate) sync_interval: Duration,
    /// After a signal, how long the command may take to end well; then the logic's work is cut. From 1ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub(crate) grace: Duration,
    /// A number to keep beside each record that is written
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) metadata: u32,
    /// Small data files are meant: say nothing about them
    #[arg(long, hide = true)]
    pub(crate) small_files: bool,
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

/// Show the records of the buffer in DIR that were given back too often and set aside
///
/// They are in the file buffer.dead-letters, which may be moved away at any time. Works while another process has the buffer,
/// and changes nothing. Ends with 1 if any are damaged.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay dead-letters /tmp/queue --framing json | jq .id
  forebay dead-letters /tmp/queue --framing length | forebay write /tmp/again --framing length")]
pub(crate) struct DeadLettersArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// How records are told apart on stdout: by newlines, by a big-endian u32 before each, or as JSON objects
    #[arg(long, value_enum, default_value_t)]
    pub(crate) framing: OutputFraming,
}

/// Show what a component imports and exports
///
/// The one that is built in, unless a FILE is named.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay component
  forebay component my-logic.wasm --format json")]
pub(crate) struct ComponentArgs {
    /// A WebAssembly component
    pub(crate) file: Option<PathBuf>,
    /// For people, or as a JSON object
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Send a million records through a buffer that is killed on the way, and count what arrives
///
/// A process that writes is killed with SIGKILL five times in mid-stream, then one that reads is. What arrives is compared
/// with what was sent, record by record.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay demo
  forebay demo /tmp/demo --input /var/log/syslog --durability synced")]
pub(crate) struct DemoArgs {
    /// The buffer's directory, empty or new [default: a new one in the directory for temporary files]
    pub(crate) dir: Option<PathBuf>,
    /// Send the lines of this file instead of the built-in text
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// How many records to send; the lines are repeated, with the number of the pass, until there are so many
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) records: u64,
    #[command(flatten)]
    pub(crate) buffer: BufferArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFraming {
    #[default]
    Lines,
    Length,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFraming {
    #[default]
    Lines,
    Length,
    Json,
}

impl From<InputFraming> for OutputFraming {
    fn from(framing: InputFraming) -> Self {
        match framing {
            InputFraming::Lines => Self::Lines,
            InputFraming::Length => Self::Length,
        }
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    #[default]
    Written,
    Synced,
}

/// A time between syncs. The logic counts it in milliseconds.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text)
        .map_err(|_| "give a number and a unit, such as 500ms or 2s".to_owned())?;
    let in_range = (1..=u128::from(u32::MAX)).contains(&interval.as_millis());
    if in_range { Ok(interval) } else { Err("give at least 1ms and at most 49days".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// clap checks its own tables only when it is asked to.
    #[test]
    fn the_arguments_are_in_order() {
        Args::command().debug_assert();
    }

    /// An interval of nothing would sync without end.
    #[test]
    fn a_sync_interval_has_a_length() {
        assert_eq!(interval("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(interval("2s"), Ok(Duration::from_secs(2)));
        for text in ["", "0s", "10us", "500", "1000years"] {
            assert!(interval(text).is_err(), "{text:?}");
        }
    }
}
