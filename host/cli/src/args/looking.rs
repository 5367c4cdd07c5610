//! Arguments of the commands that look at a buffer from outside, or mend it.

use std::path::PathBuf;

use clap::Args as ArgGroup;

use super::Format;

/// What a look from outside needs to be told.
#[derive(Debug, ArgGroup)]
pub(crate) struct LookArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// For people, or as a JSON object
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Take what is damaged out of the buffer in DIR, and keep every whole record
///
/// A damaged data file gives way to one with its whole records, under their ids; the file as it was goes into the folder
/// buffer.quarantine, with a report. Records that are lost stay lost. A healthy buffer is not touched. Ends with 1 if anything
/// was damaged.
#[derive(Debug, ArgGroup)]
#[command(after_help = "Example:
  forebay repair /tmp/queue --dry-run")]
pub(crate) struct RepairArgs {
    /// The buffer's directory
    pub(crate) dir: PathBuf,
    /// Change nothing, and say what would be changed; works while another process has the buffer
    #[arg(long)]
    pub(crate) dry_run: bool,
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
