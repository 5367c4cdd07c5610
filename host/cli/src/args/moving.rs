//! Arguments of the commands that take records elsewhere, or away.

use std::path::PathBuf;

use clap::Args as ArgGroup;

use super::{BufferArgs, Format};
use crate::size;

/// How large a new buffer and its data files may be.
#[derive(Debug, ArgGroup)]
#[command(next_help_heading = "Options of the new buffer (sizes as 64KiB, 1MiB, 2G or bytes)")]
pub(crate) struct SizeArgs {
    /// Go on to the next data file when one has reached this size; from 4KiB [default: as the old buffer remembers it, else 128MiB or half of
    /// --max-size]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) file_size: Option<u64>,
    /// Fail if all data files together take more than this [default: as the old buffer remembers it, else no limit]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) max_size: Option<u64>,
}

/// Write all records that wait in the buffer in DIR to one file, an archive with checksums
///
/// Ids and metadata are in it, and no acknowledged records. Works while another process has the buffer, and changes nothing.
/// Ends with 1 if records are lost.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay dump /tmp/queue --output queue.dump
  forebay dump /tmp/queue | zstd > queue.dump.zst")]
pub(crate) struct DumpArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// Write this file, which must not be there yet [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What is said of the file: for people, or as a JSON object
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Make a buffer in DIR of an archive that `forebay dump` has written
///
/// DIR must hold no buffer, and is made if it is not there. Records keep their ids. Of a damaged archive all whole records come
/// back, and the command says which are missing, and ends with 1.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay restore queue.dump /tmp/again
  forebay restore queue.dump /tmp/again --format json | jq .faults")]
pub(crate) struct RestoreArgs {
    /// The archive: a file, no pipe
    pub(crate) file: PathBuf,
    /// The new buffer's directory
    pub(crate) dir: PathBuf,
    /// For people, or as a JSON object
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) sizes: SizeArgs,
}

/// Copy the records that wait in the buffer in DIR into a new buffer
///
/// Records keep their ids, and the new data files may have another size. DIR is not changed. Where another process has it, what is
/// written or acknowledged meanwhile may or may not be in the copy: stop that process first to move a buffer. Ends with 1 if
/// records are lost.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Example:
  forebay copy /tmp/queue --to /var/lib/queue --file-size 16MiB")]
pub(crate) struct CopyArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// The new buffer's directory, which must hold no buffer; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// For people, or as a JSON object
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) sizes: SizeArgs,
}

/// Remove the records of the buffer in DIR up to an id, without delivering them
///
/// They are gone after that. Works beside other commands that use the buffer. Prints how many records were removed.
#[derive(Debug, ArgGroup)]
#[command(
    after_help = "Examples:
  forebay peek /tmp/queue --framing json | jq 'select(.id <= 5000)'    see what would go
  forebay purge /tmp/queue --through 5000                              remove it",
    mut_arg("max_record", |arg| arg.hide(true)),
    mut_arg("when_full", |arg| arg.hide(true)),
    mut_arg("durability", |arg| arg.hide(true)),
    mut_arg("metadata", |arg| arg.hide(true))
)]
pub(crate) struct PurgeArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// Remove this record and all before it
    #[arg(long, value_name = "ID")]
    pub(crate) through: u64,
    /// Ask no question; needed where no terminal is there to ask at
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) buffer: BufferArgs,
}
