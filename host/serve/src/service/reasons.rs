//! Why records are among the dead letters. The file of dead letters holds records as they are; a file beside it holds the reasons.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use forebay::Record;
use forebay_api::{DeadLetterReason, REASON_BYTES_MAX, REASONS_NAME};
use rustix::fs::OFlags;
use tracing::warn;

/// The longest file. Records are set aside without a reason once it is that long.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The file of reasons.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    /// Incarnation and id of records whose reason is in the file, and which could not be set aside. A client that tries again and again
    /// must not fill the disk with reasons.
    kept: Mutex<BTreeSet<(u64, u64)>>,
}

impl Reasons {
    /// Says why these records are to be set aside. Blocks on the disk. A reason that cannot be kept is logged: the record is set aside
    /// all the same.
    pub(super) fn add(&self, directory: &Path, records: &[Record], reason: &str) {
        let new: Vec<_> = {
            let mut kept = self.lock();
            records.iter().filter(|record| !kept.remove(&name(record))).collect()
        };
        if !new.is_empty()
            && let Err(error) = try_to_add(directory, &new, reason)
        {
            warn!(%error, reason, "the reason why records are set aside cannot be kept in {REASONS_NAME}");
        }
    }

    /// These records could not be set aside.
    pub(super) fn keep_for(&self, records: &[Record]) {
        self.lock().extend(records.iter().map(name));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(u64, u64)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(record: &Record) -> (u64, u64) {
    (record.incarnation(), record.id().0)
}

fn try_to_add(directory: &Path, records: &[&Record], reason: &str) -> io::Result<()> {
    let end = reason.floor_char_boundary(REASON_BYTES_MAX);
    let reason = reason.get(..end).unwrap_or_default();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut lines = Vec::new();
    for record in records {
        let line = DeadLetterReason {
            id: record.id().0,
            incarnation: record.incarnation(),
            deliveries: record.deliveries().get(),
            at_ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            reason: reason.to_owned(),
        };
        serde_json::to_writer(&mut lines, &line)?;
        lines.push(b'\n');
    }
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut options = OpenOptions::new();
    let options = options.append(true).create(true).mode(0o600).custom_flags(flags);
    let mut file = options.open(directory.join(REASONS_NAME))?;
    let length = file.metadata()?.len();
    if length.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX)) > FILE_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::QuotaExceeded,
            format!("it has {length} of at most {FILE_BYTES_MAX} bytes: move it away"),
        ));
    }
    file.write_all(&lines)?;
    file.sync_data()
}
