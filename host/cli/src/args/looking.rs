//! Arguments of the commands that look at a buffer from outside, or mend it.

use std::path::PathBuf;

use clap::Args as ArgGroup;

use super::{Format, OutputFraming};

/// What a look from outside needs to be told.
#[derive(Debug, ArgGroup)]
pub(crate) struct LookArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// For people, or as a JSON object
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Print the records that wait in the buffer in DIR, and leave them there
///
/// Works while another process has the buffer, on file systems mounted read-only and with damaged files, and changes nothing.
/// Ends with 1 if records are lost.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay peek /tmp/queue -n 10
  forebay peek /tmp/queue --last 10 --follow
  forebay peek /tmp/queue --from 354 -n 1 --framing json | jq .")]
pub(crate) struct PeekArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// Begin with the record of this id
    #[arg(long, value_name = "ID")]
    pub(crate) from: Option<u64>,
    /// Begin with the last N records
    #[arg(long, value_name = "N", conflicts_with = "from")]
    pub(crate) last: Option<u64>,
    /// Print at most N records
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// At the end of the buffer wait for more, until a signal comes
    #[arg(long)]
    pub(crate) follow: bool,
    /// How records are told apart on stdout: by newlines, by NULs, by a big-endian u32 before each, or as JSON objects
    #[arg(long, value_enum, default_value_t)]
    pub(crate) framing: OutputFraming,
}

/// Take what is damaged out of the buffer in DIR, and keep every whole record
///
/// A damaged data file gives way to one with its whole records, under their ids; the file as it was goes into the folder
/// buffer.quarantine, with a report. Records that are lost stay lost. A healthy buffer is not touched. Ends with 1 if anything
/// was damaged.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay repair /tmp/queue --dry-run             see what would be changed
  forebay repair /tmp/queue                       change it
  forebay repair /tmp/queue --clear-quarantine    remove the old files that were kept")]
pub(crate) struct RepairArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// Change nothing, and say what would be changed; works while another process has the buffer
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Repair nothing, and remove for good what repairs and reads have put into buffer.quarantine until now
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) clear_quarantine: bool,
    /// For people, or as a JSON object
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Show what is in each data file of the buffer in DIR, or the bytes of one record
///
/// Works while another process has the buffer, and changes nothing. Records that are acknowledged and still there are shown, too.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay inspect /tmp/queue
  forebay inspect /tmp/queue --record 354")]
pub(crate) struct InspectArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// Show this record: where it lies, what is kept beside it, and its bytes
    #[arg(long, value_name = "ID")]
    pub(crate) record: Option<u64>,
    /// For people, or as a JSON object
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Look at the place of the buffer in DIR: what the file system promises, and what may run out
///
/// Measures how long a sync takes, in a file without a name. Nothing in the buffer is changed; it may be in use, or not made yet.
/// Ends with 1 if records could be lost or refused here.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay doctor /tmp/queue
  forebay doctor /tmp/queue --format json | jq '.[] | select(.verdict != \"ok\")'")]
pub(crate) struct DoctorArgs {
    /// The buffer's directory, or one where it is to be
    pub(crate) dir: PathBuf,
    /// For people, or as a JSON array
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
