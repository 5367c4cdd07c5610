//! Arguments of `forebay init`.

use std::path::PathBuf;

use clap::Args as ArgGroup;

use super::{BufferArgs, Format};

/// Make the buffer in DIR, and have it remember its options
///
/// Later commands go by them unless they are given others. They are in the file buffer.options. A component is a file elsewhere, and is
/// not remembered. Of a buffer that is there, init changes the options that are named, and leaves its records alone. The first
/// 'forebay write' into a new directory remembers its options, too.
#[derive(Debug, ArgGroup)]
#[command(
    after_help = "Examples:
  forebay init /tmp/queue --max-size 10GiB --durability synced
  forebay init /tmp/queue",
    mut_arg("metadata", |arg| arg.hide(true))
)]
pub(crate) struct InitArgs {
    /// The buffer's directory; made if it is not there
    pub(crate) dir: PathBuf,
    /// For people, or as a JSON object
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) buffer: BufferArgs,
}
