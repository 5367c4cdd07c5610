//! Options that hold for all processes that use a buffer. Its owner has chosen them.

use std::{fmt::Display, path::Path};

use forebay_api::{API_VERSION, Owner};

use crate::args::{BufferArgs, Retain, Term, WhenFull};

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
    // What is only remembered or a default gives way to what the owner goes by.
    let chosen = |term, number: Option<u64>| number.filter(|_| args.chosen.contains(&term));
    let interval_ms = u64::try_from(args.sync_interval.as_millis()).unwrap_or(u64::MAX);
    let drop_oldest = Some(1).filter(|_| args.when_full == WhenFull::DropOldest);
    let retained = args.retain.map(|Retain::Newest(events)| events);
    let numbers = [
        (Term::FileSize, "", args.file_size, options.file_bytes),
        (Term::MaxSize, "", args.max_size, options.max_bytes),
        (Term::MaxEvents, "", Some(args.max_events), options.max_events),
        (Term::MaxRecord, "", args.max_record, options.max_record_bytes),
        (Term::WhenFull, "=drop-oldest", drop_oldest, options.drop_oldest.into()),
        (Term::Retain, " newest", retained, options.retain_newest.unwrap_or(0)),
        (Term::SyncInterval, " in ms", Some(interval_ms), options.sync_interval_ms),
    ];
    let numbers = numbers.into_iter().map(|(term, more, here, there)| {
        differs(&format!("{}{more}", args.name_of(term)), chosen(term, here).as_ref(), &there)
    });
    let component = component.filter(|_| args.chosen.contains(&Term::Component));
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
