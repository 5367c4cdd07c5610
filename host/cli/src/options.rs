//! The options of a buffer, as the library takes them, from the arguments of a command.

use forebay::Options;

use crate::args::{BufferArgs, Durability, Retain, WhenFull};

/// How many records readers may have and not have acknowledged: those of all processes together, each of which takes thousands at a
/// time. What they hold of memory has a limit of its own.
const UNACKNOWLEDGED_RECORDS_MAX: usize = 100_000;

/// The options that were asked for.
pub(crate) fn of(args: &BufferArgs) -> anyhow::Result<Options> {
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
    options.keep_damaged_files = !args.discard_damaged;
    options.max_unacknowledged_records = UNACKNOWLEDGED_RECORDS_MAX;
    options.check()?;
    Ok(options)
}
