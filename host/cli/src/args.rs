//! What can be asked of the command: its arguments, with their help.

mod buffer;
mod chosen;
mod delivery;
mod duration;
mod framing;
mod init;
mod looking;
mod moving;
mod shells;
mod status;

use std::{net::SocketAddr, path::PathBuf};

use clap::{ArgAction, Args as ArgGroup, Parser, Subcommand, ValueEnum};

pub(crate) use self::{
    buffer::{BufferArgs, Durability, Retain, WhenFull},
    chosen::{Term, variable_of},
    delivery::{DeliveryArgs, OnFailure},
    duration::interval,
    framing::{InputFraming, OnTooLong, OutputFraming},
    init::InitArgs,
    looking::{DoctorArgs, InspectArgs, LookArgs, PeekArgs, RepairArgs},
    moving::{CopyArgs, DumpArgs, PurgeArgs, RestoreArgs, SizeArgs},
    shells::{CompletionsArgs, ManArgs},
    status::{StatusArgs, StatusFormat},
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

Options for buffers may come from the environment: FOREBAY_MAX_SIZE for --max-size, and likewise for
--file-size, --max-events, --max-record, --when-full, --durability, --sync-interval, --wait and --grace.
A flag goes before them. A buffer remembers those that it was made with; see 'forebay init --help'.

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
    Init(InitArgs),
    Write(WriteArgs),
    Read(ReadArgs),
    Peek(PeekArgs),
    Pipe(PipeArgs),
    Ack(AckArgs),
    Serve(ServeArgs),
    Status(StatusArgs),
    /// Read every record of the buffer in DIR, and say what is damaged
    ///
    /// Works while another process has the buffer, and changes nothing. Ends with 1 if anything is damaged.
    #[command(after_help = "Examples:
  forebay verify /tmp/queue || echo damaged
  forebay verify /tmp/queue --format json | jq .faults")]
    Verify(LookArgs),
    Inspect(InspectArgs),
    Repair(RepairArgs),
    Dump(DumpArgs),
    Restore(RestoreArgs),
    Copy(CopyArgs),
    Purge(PurgeArgs),
    Doctor(DoctorArgs),
    DeadLetters(DeadLettersArgs),
    Component(ComponentArgs),
    Demo(DemoArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Put records from stdin into the buffer in DIR
///
/// Forebay makes DIR if it is not there. A line is a record: the bytes before the newline, whatever they are. With --framing nul, a NUL
/// ends each record, as `find -print0` writes them. With --framing json, a line is an object with `payload` or `payload_base64`, and may
/// have `metadata` and `events`. While the buffer is full, the command waits for room, unless --when-full says otherwise. It ends when
/// stdin has ended and every record has reached the level of --durability.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  seq 1 1000 | forebay write /tmp/queue
  tail -F app.log | forebay write /tmp/queue --confirm --durability synced
  tail -F app.log | forebay write /tmp/queue --max-record 64KiB --on-too-long truncate
  find /data -type f -print0 | forebay write /tmp/queue --framing nul
  forebay write /tmp/queue --framing length < records.bin")]
pub(crate) struct WriteArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// How records are separated on stdin: `lines`, a newline behind each; `nul`, a NUL behind each; `length`, the length in front of each,
    /// as a big-endian u32; `json`, an object a line, as `read --framing json` prints them
    #[arg(long, value_enum, default_value_t)]
    pub(crate) framing: InputFraming,
    /// What happens to a record that is longer than --max-record. After skip and truncate, the last line on stderr counts such records, and
    /// the command ends with 1
    #[arg(long, value_enum, default_value_t, value_name = "ACTION")]
    pub(crate) on_too_long: OnTooLong,
    /// Print the id of the last record that has reached the level of --durability, a line each time that more have
    #[arg(long)]
    pub(crate) confirm: bool,
    /// With json, print a last line on stdout that says what was done, as an object
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) buffer: BufferArgs,
}

/// Take records out of the buffer in DIR, to stdout
///
/// Forebay delivers the records that wait, in their order, and ends; with --follow it waits for more. A record is acknowledged, and leaves
/// the buffer, when it is in the file or on the terminal that stdout is, or when the reader of a pipe has taken it out of the pipe. A
/// reader takes more than it uses: to take ten records, say `--count 10`, not `| head`. With stdout closed, Forebay takes none.
/// Several `read` commands on one buffer share its records.
///
/// With --exec or --to, Forebay delivers the records in batches, to a command or an HTTP endpoint. It acknowledges those of a batch when
/// the command has ended with 0, or the endpoint has answered 2xx, and tries a batch that fails again. The last line on stderr counts
/// records that became dead letters, and the command ends with 1 then; `forebay dead-letters` shows them.
// Options that only matter to writing are taken, so that one set serves all commands, and not shown.
#[derive(Debug, ArgGroup)]
#[command(
    after_help = "Examples:
  forebay read /tmp/queue
  forebay read /tmp/queue --count 10
  forebay read /tmp/queue --framing nul | xargs -0 gzip
  forebay read /tmp/queue --follow --framing json | jq .id
  forebay read /tmp/queue --follow --exec 'curl --fail --data-binary @- https://example.org/logs'
  forebay read /tmp/queue --follow --to https://example.org/logs --header @token --gzip",
    mut_arg("max_record", |arg| arg.hide(true)),
    mut_arg("when_full", |arg| arg.hide(true)),
    mut_arg("durability", |arg| arg.hide(true)),
    mut_arg("metadata", |arg| arg.hide(true))
)]
pub(crate) struct ReadArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// How records are separated, on stdout and in a batch: `lines`, a newline behind each; `nul`, a NUL behind each; `length`, the length
    /// in front of each, as a big-endian u32; `json`, an object a line, with the id, the metadata and the payload
    #[arg(long, value_enum, default_value_t)]
    pub(crate) framing: OutputFraming,
    /// Take at most N records, and end
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// At the end of the buffer wait for more, until a signal comes
    #[arg(long)]
    pub(crate) follow: bool,
    /// Print the records and leave them in the buffer, as `forebay peek` does
    #[arg(long)]
    pub(crate) peek: bool,
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
    #[command(flatten)]
    pub(crate) buffer: BufferArgs,
}

/// Take records from stdin to stdout through the buffer in DIR
///
/// Records that waited in the buffer come first. The command ends when stdin has ended and the reader of stdout has taken every record.
/// While that reader is slow, records wait in the buffer. When it goes, the command reads stdin to its end and keeps the rest in the
/// buffer, for `forebay read` or the next `pipe`, and ends with 1.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  produce | forebay pipe /tmp/queue | consume
  produce | forebay pipe /tmp/queue --max-size 10GiB --durability synced | consume")]
pub(crate) struct PipeArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// How records are separated, on stdin and stdout: `lines`, a newline behind each; `nul`, a NUL behind each; `length`, the length in
    /// front of each, as a big-endian u32; `json`, an object a line
    #[arg(long, value_enum, default_value_t)]
    pub(crate) framing: InputFraming,
    /// What happens to a record that is longer than --max-record. After skip and truncate, the last line on stderr counts such records, and
    /// the command ends with 1
    #[arg(long, value_enum, default_value_t, value_name = "ACTION")]
    pub(crate) on_too_long: OnTooLong,
    #[command(flatten)]
    pub(crate) buffer: BufferArgs,
}

/// Acknowledge records of the buffer in DIR by their ids, without delivering them
///
/// The records leave the buffer, and no reader gets them. `forebay peek --framing json` shows ids. The command prints how many records
/// it acknowledged. The process that has the buffer notes ids of records that it has not delivered yet, and acknowledges them when
/// their turn comes. The command ends with 1 if an id is of no record that waits, as when the record was acknowledged before, or is
/// behind one that waits while no process has the buffer.
#[derive(Debug, ArgGroup)]
#[command(
    after_help = "Examples:
  forebay ack /tmp/queue 17
  forebay ack /tmp/queue 1-1000 1017",
    mut_arg("max_record", |arg| arg.hide(true)),
    mut_arg("when_full", |arg| arg.hide(true)),
    mut_arg("durability", |arg| arg.hide(true)),
    mut_arg("metadata", |arg| arg.hide(true))
)]
pub(crate) struct AckArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// An id, such as 17, or a range of ids, such as 1-1000: the first and the last
    #[arg(required = true, value_name = "ID", value_parser = ids)]
    pub(crate) ids: Vec<(u64, u64)>,
    #[command(flatten)]
    pub(crate) buffer: BufferArgs,
}

/// Own the buffer in DIR, and serve it to other processes, until a signal comes
///
/// Other commands that use DIR meanwhile reach it through the socket DIR/buffer.sock. They do so as well while any other command of
/// Forebay has it: `serve` is for a buffer whose options are to stay the same for all writers and readers.
#[derive(Debug, ArgGroup)]
#[command(
    after_help = "Examples:
  forebay serve /tmp/queue --max-size 10GiB
  forebay serve /tmp/queue --listen 127.0.0.1:7070 --token-file tokens
  curl --unix-socket /tmp/queue/buffer.sock http://localhost/v1/buffers/main/status",
    mut_arg("durability", |arg| arg.hide(true)),
    mut_arg("metadata", |arg| arg.hide(true))
)]
pub(crate) struct ServeArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// Serve a network, too, on this address and port: unencrypted, so on a network that you trust
    #[arg(long, value_name = "ADDRESS", requires = "token_file")]
    pub(crate) listen: Option<SocketAddr>,
    /// The tokens that clients on the network must show: lines of 'produce TOKEN', 'consume TOKEN' and 'metrics TOKEN', each TOKEN of at least 16 characters, in a file of mode 0600
    #[arg(long, value_name = "FILE", requires = "listen")]
    pub(crate) token_file: Option<PathBuf>,
    /// A name by which clients on the network may call this server, besides its address
    #[arg(long, value_name = "NAME", requires = "listen")]
    pub(crate) host: Vec<String>,
    #[command(flatten)]
    pub(crate) buffer: BufferArgs,
}

/// An id, or the first and the last of a range.
fn ids(text: &str) -> Result<(u64, u64), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        _ => Err("give an id, such as 17, or a range of ids, such as 1-1000".to_owned()),
    }
}

/// Show the records of the buffer in DIR that were given back too often and set aside
///
/// They are in the file buffer.dead-letters, which may be moved away at any time. Works while another process has the buffer,
/// and changes nothing. Ends with 1 if any are damaged.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay dead-letters /tmp/queue --framing json | jq .id
  forebay dead-letters /tmp/queue --framing json | forebay write /tmp/again --framing json")]
pub(crate) struct DeadLettersArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// How records are told apart on stdout: by newlines, by NULs, by a big-endian u32 before each, or as JSON objects
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// clap checks its own tables only when it is asked to.
    #[test]
    fn the_arguments_are_in_order() {
        Args::command().debug_assert();
    }

    /// What is mistyped must not let records go.
    #[test]
    fn ids_are_numbers_or_ranges() {
        assert_eq!((ids("17"), ids("1-1000")), (Ok((17, 17)), Ok((1, 1000))));
        for text in ["", "-", "1-", "-1", "5-3", "a", "1-2-3"] {
            assert!(ids(text).is_err(), "{text:?}");
        }
    }
}
