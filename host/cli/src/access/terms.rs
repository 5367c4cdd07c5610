//! Options that hold for all processes that use a buffer. Its owner has chosen them.

use std::{fmt::Display, path::Path};

use forebay_api::{API_VERSION, Owner};

use crate::args::{BufferArgs, Retain, SYNC_INTERVAL, WhenFull};

/// Fails where an option was chosen here, and the owner has chosen another.
pub(super) fn must_agree(
    dir: &Path,
    args: &BufferArgs,
    component: Option<&str>,
    owner: &Owner,
) -> anyhow::Result<()> {
    let Owner { api, version, pid, options, .. } = owner;
    if *api != API_VERSION {
        anyhow::bail!(
            "process {pid} owns the buffer {} and speaks version {api} of the API, forebay {version}; this is forebay {}, \
             which speaks version {API_VERSION}: use the same one for both",
            dir.display(),
            env!("CARGO_PKG_VERSION")
        );
    }
    let interval_ms = u64::try_from(args.sync_interval.as_millis()).unwrap_or(u64::MAX);
    let chosen_interval_ms = Some(interval_ms).filter(|_| args.sync_interval != SYNC_INTERVAL);
    let max_events = Some(args.max_events).filter(|events| *events != 0);
    let drop_oldest = Some(1).filter(|_| args.when_full == WhenFull::DropOldest);
    let retained = args.retain.map(|Retain::Newest(events)| events);
    let numbers = [
        ("--file-size", args.file_size, options.file_bytes),
        ("--max-size", args.max_size, options.max_bytes),
        ("--max-events", max_events, options.max_events),
        ("--max-record", args.max_record, options.max_record_bytes),
        ("--when-full=drop-oldest", drop_oldest, options.drop_oldest.into()),
        ("--retain newest", retained, options.retain_newest.unwrap_or(0)),
        ("--sync-interval in ms", chosen_interval_ms, options.sync_interval_ms),
    ];
    let numbers = numbers.into_iter().map(|(name, here, there)| differs(name, here.as_ref(), &there));
    let built_in = "the built-in one";
    let component = differs("--component", component, owner.component.as_deref().unwrap_or(built_in));
    let differences = numbers.chain([component]);
    let differences: Vec<_> = differences.flatten().collect();
    if differences.is_empty() {
        return Ok(());
    }
    anyhow::bail!(
        "process {pid} owns the buffer {} with other options: {}; leave these out, or stop that process first",
        dir.display(),
        differences.join(", ")
    )
}

fn differs<T: PartialEq + Display + ?Sized>(name: &str, chosen: Option<&T>, owners: &T) -> Option<String> {
    let chosen = chosen.filter(|chosen| *chosen != owners)?;
    Some(format!("{name} is {chosen} here and {owners} there"))
}
