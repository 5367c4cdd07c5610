//! From arguments to a buffer. Whatever can be wrong with them is found before anything is touched on the disk.

use std::path::Path;

use anyhow::anyhow;
use forebay::{Buffer, Builder, Component, OpenError, Options};
use tracing::warn;

use crate::{
    args::{BufferArgs, Durability, WhenFull},
    limits, place,
    retain::Retain,
};

/// Below this size of a data file, making and removing files costs more than writing to them.
const SMALL_FILE_BYTES: u64 = 64 << 10;

/// The options that were asked for.
pub(crate) fn options(args: &BufferArgs) -> anyhow::Result<Options> {
    let mut options = Options::default();
    (options.file_bytes, options.max_bytes) = args.sizes();
    options.max_record_bytes = args.max_record;
    options.max_events = args.max_events;
    options.when_full = match args.when_full {
        WhenFull::Block => forebay::WhenFull::Block,
        WhenFull::Reject => forebay::WhenFull::Reject,
        WhenFull::DropOldest => forebay::WhenFull::DropOldest,
    };
    options.retain_newest = args.retain.map(|Retain::Newest(records)| records);
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
    let options = options(args)?;
    place::must_be_free(dir)?;
    if let Some(limit) = limits::file_bytes().filter(|limit| *limit < options.file_bytes) {
        warn!(
            file_size = options.file_bytes,
            limit,
            "this process may not make files that long (ulimit -f, LimitFSIZE): writing ends at the limit as on a full disk; \
             choose a smaller --file-size"
        );
    }
    let opened = builder(dir, args, options)?.lock()?.open();
    opened.map_err(|error| about(error, dir, args))
}

/// Opens the buffer in a directory that must be there.
pub(crate) fn existing(dir: &Path, args: &BufferArgs, peek: bool) -> anyhow::Result<Buffer> {
    let mut options = options(args)?;
    options.peek = peek;
    let opened = builder(dir, args, options)?.must_exist().open();
    opened.map_err(|error| about(error, dir, args))
}

/// A user who chose the logic hears which one it was, and what it has done.
fn about(error: OpenError, dir: &Path, args: &BufferArgs) -> anyhow::Error {
    match (&error, &args.component) {
        (OpenError::Logic(reason), Some(component)) => anyhow!(
            "{} does not open the buffer in {}: {reason}; nothing in it is lost: open it without --component, or with \
             other logic",
            component.display(),
            dir.display()
        ),
        _ => error.into(),
    }
}

fn builder(dir: &Path, args: &BufferArgs, options: Options) -> anyhow::Result<Builder> {
    let builder = Buffer::builder_with(dir, options);
    let builder = match &args.component {
        Some(file) => builder.component(Component::from_file(file)?),
        None => builder,
    };
    limits::must_have_address_space()?;
    if options.file_bytes < SMALL_FILE_BYTES && !args.small_files {
        warn!(
            file_size = options.file_bytes,
            "data files below 64 KiB cost more to make and remove than to write: choose a larger --file-size"
        );
    }
    Ok(builder)
}
