//! The options of a buffer, as the library takes them, from the arguments of a command.

use forebay::{Options, OptionsError};

use crate::args::{BufferArgs, Durability, Retain, Term, WhenFull};

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
    match options.check() {
        Ok(()) => Ok(options),
        Err(error) => Err(with_variables(error, args)),
    }
}

/// An error about sizes, with the environment variables that have a part in it. A flag is in sight of the user, and they are not.
fn with_variables(error: OptionsError, args: &BufferArgs) -> anyhow::Error {
    let terms: &[Term] = match error {
        OptionsError::FileBytes { .. } => &[Term::FileSize],
        OptionsError::MaxBytes { .. } | OptionsError::TooManyFiles { .. } => &[Term::FileSize, Term::MaxSize],
        _ => &[Term::FileSize, Term::MaxSize, Term::MaxRecord],
    };
    let with_value = |term: &Term| {
        let name = args.name_of(*term);
        let value = std::env::var(&name).unwrap_or_default();
        format!("{name}={value}")
    };
    let variables = terms.iter().filter(|term| args.from_environment.contains(term)).map(with_value);
    let variables: Vec<_> = variables.collect();
    let error = anyhow::Error::new(error);
    if variables.is_empty() {
        return error;
    }
    error.context(format!("with {} from the environment", variables.join(" and ")))
}
