//! From arguments to a buffer. Whatever can be wrong with them is found before anything is touched on the disk.

use std::path::Path;

use forebay::{Buffer, Builder, Component, Options};
use tracing::warn;

use crate::args::{BufferArgs, Durability, WhenFull};

/// Below this size of a data file, making and removing files costs more than writing to them.
const SMALL_FILE_BYTES: u64 = 64 << 10;

/// The options that were asked for.
pub(crate) fn options(args: &BufferArgs) -> anyhow::Result<Options> {
    let mut options = Options::default();
    options.file_bytes = args.file_size;
    options.max_bytes = args.max_size();
    options.max_record_bytes = args.max_record;
    options.when_full = match args.when_full {
        WhenFull::Block => forebay::WhenFull::Block,
        WhenFull::Reject => forebay::WhenFull::Reject,
        WhenFull::DropOldest => forebay::WhenFull::DropOldest,
    };
    options.durability = match args.durability {
        Durability::Written => forebay::Durability::Written,
        Durability::Synced => forebay::Durability::Synced,
    };
    options.sync_interval = args.sync_interval;
    options.check()?;
    Ok(options)
}

/// Takes the buffer in a directory, which is made if need be, and then opens it.
pub(crate) fn create(dir: &Path, args: &BufferArgs) -> anyhow::Result<Buffer> {
    Ok(builder(dir, args, options(args)?)?.lock()?.open()?)
}

/// Opens the buffer in a directory that must be there.
pub(crate) fn existing(dir: &Path, args: &BufferArgs, peek: bool) -> anyhow::Result<Buffer> {
    let mut options = options(args)?;
    options.peek = peek;
    Ok(builder(dir, args, options)?.must_exist().open()?)
}

fn builder(dir: &Path, args: &BufferArgs, options: Options) -> anyhow::Result<Builder> {
    let builder = Buffer::builder(dir).options(options);
    let builder = match &args.component {
        Some(file) => builder.component(Component::from_file(file)?),
        None => builder,
    };
    if options.file_bytes < SMALL_FILE_BYTES && !args.small_files {
        warn!(
            file_size = options.file_bytes,
            "data files below 64 KiB cost more to make and remove than to write: choose a larger --file-size"
        );
    }
    Ok(builder)
}
