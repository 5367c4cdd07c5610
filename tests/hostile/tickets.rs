//! What tickets that have ended promise of the disk, and whether a power loss keeps it.

use std::collections::{BTreeMap, BTreeSet};

use forebay::{
    guard::Ticket,
    storage::{FileId, Ledger, memory::Disk},
};
use forebay_types::SyncTarget;

/// What a ticket covers, as the disk was when it was requested. A file that was truncated, made or removed since is left out.
#[derive(Debug, Default)]
struct Covers {
    /// What each data file begins with.
    data: BTreeMap<FileId, Vec<u8>>,
    /// The names that are there; every other name is not, but those that changed since.
    names: Option<BTreeSet<FileId>>,
    changed_names: BTreeSet<FileId>,
    ledger: Option<Ledger>,
}

impl Covers {
    /// Whether the name of a file was there, and still leads to the same.
    fn names(&self, file: FileId) -> bool {
        !self.changed_names.contains(&file) && self.names.as_ref().is_some_and(|names| names.contains(&file))
    }
}

/// All tickets of one process.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    open: BTreeMap<Ticket, Covers>,
    ended: Vec<Covers>,
    last: Option<Ticket>,
}

impl Tickets {
    pub(super) fn requested(&mut self, ticket: Ticket, target: SyncTarget, disk: &Disk) {
        let mut covers = Covers::default();
        match target {
            SyncTarget::Data(file) => covers.data.extend(disk.data_file(file).map(|bytes| (file, bytes))),
            SyncTarget::Directory => {
                covers.names = Some(disk.data_files().into_iter().map(|(file, _)| file).collect());
            }
            SyncTarget::Ledger => covers.ledger = disk.ledger(),
        }
        let before = self.open.insert(ticket, covers);
        assert!(before.is_none(), "{ticket:?} is given twice");
    }

    pub(super) fn ended(&mut self, ticket: Ticket) {
        assert!(self.last < Some(ticket), "{ticket:?} comes behind {:?}", self.last);
        self.last = Some(ticket);
        let first = self.open.pop_first();
        let (first, covers) = first.expect("it was requested");
        assert_eq!(first, ticket, "tickets end in the order of the requests");
        self.ended.push(covers);
    }

    /// The instance that requested those that are open is gone.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }

    /// A data file had one length, and has another now.
    pub(super) fn changed(&mut self, file: FileId, before: Option<u64>, now: Option<u64>) {
        let is_grown = before.is_some() && now >= before;
        for covers in self.open.values_mut().chain(&mut self.ended) {
            if !is_grown {
                covers.data.remove(&file);
                if before.is_none() || now.is_none() {
                    covers.changed_names.insert(file);
                }
            }
        }
    }

    /// The power went.
    #[track_caller]
    pub(super) fn assert_kept(&self, disk: &Disk) {
        let files: BTreeMap<FileId, Vec<u8>> =
            disk.data_files().into_iter().map(|(file, _)| (file, disk.data_file(file).unwrap())).collect();
        for covers in &self.ended {
            for (file, bytes) in &covers.data {
                // Whether its name leads to it is another ticket's.
                let is_named = self.ended.iter().any(|other| other.names(*file));
                let is_kept = files.get(file).is_some_and(|left| left.starts_with(bytes));
                assert!(is_kept || !is_named, "of file {file} {} bytes were durable", bytes.len());
            }
            if let Some(names) = &covers.names {
                let is_changed = |file: &&FileId| !covers.changed_names.contains(*file);
                let missing = names.iter().filter(is_changed).find(|file| !files.contains_key(file));
                assert_eq!(missing, None, "its name was durable");
                let back = files.keys().filter(is_changed).find(|file| !names.contains(file));
                assert_eq!(back, None, "its removal was durable");
            }
            if let (Some(ledger), Some(left)) = (covers.ledger, disk.ledger()) {
                assert!(
                    left.reader_last_record >= ledger.reader_last_record,
                    "{ledger:?} was durable, not {left:?}"
                );
                assert!(
                    left.writer_next_record >= ledger.writer_next_record,
                    "{ledger:?} was durable, not {left:?}"
                );
            }
        }
    }
}
