//! The records that wait in a buffer, in their order, as they are seen from outside: without the lock, by the same look as
//! `verify`'s. Nothing is changed, whatever state the directory is in.
//!
//! Another process may have the buffer meanwhile. What it acknowledges is skipped, and what it is about to write comes later:
//! neither counts as lost.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use forebay::{
    Loss, Place, RecordId,
    storage::{
        Checkpoint, FileId, Ledger, StorageError,
        native::{Holder, LedgerOnDisk, ReadOnly, Snapshot, SnapshotError},
    },
};
use forebay_core::{
    ReadRecord,
    look::{LedgerState, Look},
};
use tracing::{info, warn, warn_span};

use crate::{framing::Shown, logging};

/// The most bytes of frames that are read at a time, unless one is longer.
const READ_BYTES: u64 = 1 << 20;

/// How often a look begins again at the same record because data files are removed meanwhile.
const LOOKS_MAX: u32 = 16;

/// How many places without a record are kept, to be told of.
const PLACES_MAX: usize = 1000;

/// Records of a buffer that is looked at.
pub(crate) struct Records {
    dir: PathBuf,
    look: Look,
    seen: Seen,
    /// The bytes of the ledger when the look began.
    ledger: Option<Vec<u8>>,
    /// Another process has the buffer, or had it since the look began.
    is_live: bool,
    /// The first event that was not acknowledged, as far as that had to be known.
    first: RecordId,
    /// The first event that was neither given out nor lost.
    next: RecordId,
    /// The id behind the last record that was given out, or the first event where none was.
    given_out: RecordId,
    /// A place before it that the next look can begin at.
    known: Option<Checkpoint>,
    lost: Lost,
}

/// What was found in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    ledger: LedgerOnDisk,
    data_files: Vec<(FileId, u64)>,
    is_held: bool,
}

/// What no data file holds whole, of the records that should wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) events: u64,
    /// The first places where records should be.
    pub(crate) places: Vec<Place>,
}

impl Records {
    /// The records that wait in the buffer in a directory.
    pub(crate) fn of(dir: &Path) -> anyhow::Result<Self> {
        let ledger = ledger_bytes(dir);
        let (look, seen) = begin(dir, false)?;
        let next = look.first_unread();
        quietly_if(seen.is_held, dir, || {
            if let LedgerOnDisk::Unreadable { length_bytes } = seen.ledger {
                warn!(
                    length_bytes,
                    "the ledger, buffer.db, cannot be read: this look goes by what was noted beside it or by the data files"
                );
            }
            info!(first_id = next.0, next_id = look.next_id().0, "looking at what waits");
        });
        let is_live = seen.is_held;
        Ok(Self {
            dir: dir.to_owned(),
            look,
            seen,
            ledger,
            is_live,
            first: next,
            next,
            given_out: next,
            known: None,
            lost: Lost::default(),
        })
    }

    /// The id of the first event that was not acknowledged. Higher than before where the look has met that others were.
    pub(crate) fn first_id(&self) -> RecordId {
        self.first
    }

    /// The id of the first event that was not given out. A ledger that does not count says nothing of ids behind the last record.
    pub(crate) fn next_id(&self) -> RecordId {
        if self.bad_ledger().is_some() { self.given_out } else { self.next }
    }

    /// What is wrong with the ledger, in words, if it does not count. What was acknowledged stood in it alone.
    pub(crate) fn bad_ledger(&self) -> Option<&'static str> {
        match self.look.ledger_state() {
            LedgerState::Missing | LedgerState::Replaced => Some(
                "the ledger, buffer.db, is missing, damaged or out of date: this goes by what was noted beside it or by the data files, and \
                 acknowledged records may be among these",
            ),
            LedgerState::Overrun => Some(
                "the ledger, buffer.db, has passed more than was ever written: this goes by what was noted beside it or by the data files",
            ),
            _ => None,
        }
    }

    /// The id behind everything that was there when the look began.
    pub(crate) fn end_id(&self) -> RecordId {
        self.look.next_id()
    }

    /// Leaves out all events before this one.
    pub(crate) fn skip_to(&mut self, id: RecordId) -> anyhow::Result<()> {
        self.next = self.next.max(id);
        self.look.skip_to(self.next, None)?;
        Ok(())
    }

    /// Leaves out all but so many records at the end.
    pub(crate) fn skip_to_last(&mut self, records: u64) -> anyhow::Result<()> {
        let start = self.look.start_of_last(records)?;
        self.skip_to(start)
    }

    /// The next records, at most so many; none at the end of what was there when the look began.
    pub(crate) fn next(&mut self, max_records: usize) -> anyhow::Result<Vec<ReadRecord>> {
        let max_records = u32::try_from(max_records).unwrap_or(u32::MAX);
        let mut looks = 1;
        loop {
            self.is_live = self.is_live || ledger_bytes(&self.dir) != self.ledger;
            let is_live = self.is_live;
            let look = &mut self.look;
            let read = quietly_if(is_live, &self.dir, || {
                let records = look.next_records(max_records, READ_BYTES)?;
                if records.is_empty() && !is_live {
                    look.reached_end()?;
                }
                Ok((records, look.take_losses()))
            });
            let (records, losses) = match read {
                Err(StorageError::NotFound { .. }) if looks < LOOKS_MAX => {
                    looks += 1;
                    self.begin_again()?;
                    continue;
                }
                read => read.context("cannot read on")?,
            };
            self.note_losses(losses)?;
            let Some(last) = records.last() else { return Ok(records) };
            self.given_out = last.id.after(last.events.get().into());
            self.next = self.next.max(self.given_out);
            // A part of what was acknowledged meanwhile is gone. The rest of it would look like records behind a loss.
            let waits = |record: &ReadRecord| record.id.after(record.events.get().into()) > self.first;
            let records: Vec<ReadRecord> = records.into_iter().filter(waits).collect();
            if !records.is_empty() {
                return Ok(records);
            }
        }
    }

    /// Looks whether there is more by now.
    pub(crate) fn look_again(&mut self) -> anyhow::Result<bool> {
        let now = Seen::of(&quietly_if(true, &self.dir, || Snapshot::take(&self.dir))?);
        let has_changed = now != self.seen;
        if has_changed {
            self.begin_again()?;
        }
        Ok(has_changed)
    }

    /// What was lost before and between the records that were given out.
    pub(crate) fn lost(&self) -> &Lost {
        &self.lost
    }

    fn begin_again(&mut self) -> anyhow::Result<()> {
        self.known = self.look.checkpoint().or(self.known);
        let ledger = ledger_bytes(&self.dir);
        let (look, seen) = begin(&self.dir, true)?;
        self.is_live = seen.is_held;
        (self.look, self.seen, self.ledger) = (look, seen, ledger);
        self.look.skip_to(self.next, self.known)?;
        Ok(())
    }

    /// Adds what is lost, but for what another process has acknowledged and removed since the look began.
    fn note_losses(&mut self, losses: Vec<Loss>) -> anyhow::Result<()> {
        if losses.iter().all(|loss| loss.ids.is_empty()) {
            return Ok(());
        }
        let now = Seen::of(&quietly_if(true, &self.dir, || Snapshot::take(&self.dir))?);
        let passed = now.readable_ledger().filter(|ledger| Some(*ledger) != self.seen.readable_ledger());
        let first_unread = passed.map_or(RecordId(0), |ledger| ledger.first_unread());
        self.first = self.first.max(first_unread);
        for loss in losses {
            let events = loss.ids.end.since(loss.ids.start.max(first_unread));
            self.next = self.next.max(loss.ids.end);
            if events > 0 {
                self.lost.events = self.lost.events.saturating_add(events);
                let room = PLACES_MAX.saturating_sub(self.lost.places.len());
                self.lost.places.extend(loss.places.into_iter().take(room));
            }
        }
        Ok(())
    }
}

impl Seen {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            ledger: snapshot.ledger(),
            data_files: snapshot.data_files().to_vec(),
            is_held: matches!(snapshot.holder(), Holder::Held(_)),
        }
    }

    fn readable_ledger(&self) -> Option<Ledger> {
        match self.ledger {
            LedgerOnDisk::Readable(ledger) => Some(ledger),
            LedgerOnDisk::None | LedgerOnDisk::Unreadable { .. } => None,
        }
    }
}

/// What other processes change first.
fn ledger_bytes(dir: &Path) -> Option<Vec<u8>> {
    fs::read(dir.join("buffer.db")).ok()
}

fn begin(dir: &Path, is_quiet: bool) -> Result<(Look, Seen), SnapshotError> {
    Snapshot::look(
        || quietly_if(is_quiet, dir, || Snapshot::take(dir)),
        |snapshot| {
            snapshot.must_be_buffer()?;
            let seen = Seen::of(snapshot);
            let is_quiet = is_quiet || seen.is_held;
            let look = quietly_if(is_quiet, dir, || Look::new(Box::new(ReadOnly::of(snapshot)?)))?;
            Ok((look, seen))
        },
    )
}

/// Logs what a look says, unless another process has the buffer, which logs what is wrong with the files itself.
fn quietly_if<T>(is_quiet: bool, dir: &Path, look: impl FnOnce() -> T) -> T {
    if is_quiet { logging::in_silence(look) } else { warn_span!("buffer", directory = ?dir).in_scope(look) }
}

/// What is shown of a record.
pub(crate) fn shown(record: &ReadRecord) -> Shown<'_> {
    let ReadRecord { id, events, metadata, payload, .. } = record;
    Shown { id: id.0, events: *events, metadata: *metadata, payload }
}
