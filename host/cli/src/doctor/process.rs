//! What limits a process has here, and which process has the buffer.

use std::path::Path;

use forebay::storage::native::{Holder, Snapshot};
use rustix::process::{Resource, getrlimit};

use super::{Check, Verdict};
use crate::{limits, logging, print, size};

/// What one buffer of this process may need, and the process itself.
const DESCRIPTORS_MIN: u64 = 128;

/// Looks at the limits of processes that are started from here, and at the buffer's holder.
pub(super) fn check(dir: &Path) -> Vec<Check> {
    let mut checks = vec![descriptors(), address_space()];
    if let Some(bytes) = limits::file_bytes() {
        let text =
            format!("files may be {} long (ulimit -f): choose a --file-size below that", size::shown(bytes));
        checks.push(Check::new("file size", Verdict::Note, text));
    }
    checks.extend(holder(dir));
    checks
}

fn descriptors() -> Check {
    const SUBJECT: &str = "descriptors";
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < DESCRIPTORS_MIN => {
            let text =
                format!("this process may have {limit}: raise the limit with `ulimit -n` or LimitNOFILE=");
            Check::new(SUBJECT, Verdict::Bad, text)
        }
        Some(limit) => Check::new(SUBJECT, Verdict::Ok, format!("this process may have {limit}")),
        None => Check::new(SUBJECT, Verdict::Ok, "this process may have any number"),
    }
}

fn address_space() -> Check {
    match limits::must_have_address_space() {
        Ok(()) => Check::new("address space", Verdict::Ok, "there is enough for the sandbox"),
        Err(error) => Check::new("address space", Verdict::Bad, error.to_string()),
    }
}

/// Who has the buffer; nothing where there is none.
fn holder(dir: &Path) -> Option<Check> {
    // `status` and `verify` say what is odd about the buffer itself.
    let look = || Snapshot::take(dir).ok().filter(|snapshot| snapshot.must_be_buffer().is_ok());
    let snapshot = logging::in_silence(look)?;
    let text = match snapshot.holder() {
        Holder::Held(Some(process)) => format!("process {process} has the buffer"),
        Holder::Held(None) => "another process has the buffer".to_owned(),
        _ => "no process has the buffer".to_owned(),
    };
    let waiting = print::count(u64::try_from(snapshot.data_files().len()).unwrap_or(u64::MAX), "data file");
    Some(Check::new("holder", Verdict::Ok, format!("{text}; {waiting}")))
}
