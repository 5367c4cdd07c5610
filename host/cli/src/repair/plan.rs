//! What becomes of each data file: which stretches of it stay.

use forebay::{RecordId, storage::FileId};
use forebay_core::look::Finding;

/// What stays of a data file, in its order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Remains {
    pub(super) file: FileId,
    /// Whether a reader reaches the file.
    is_in_order: bool,
    pub(super) pieces: Vec<Piece>,
    pub(super) records: u64,
    pub(super) cut_bytes: u64,
}

/// A stretch of a data file that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Whole frames, one behind the other.
    Whole { offset: u64, bytes: u64 },
    /// One frame whose length is damaged. It is encoded again.
    Undelimited { offset: u64, bytes: u64, events: u64 },
}

/// What is to be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing is wrong with it.
    Leave,
    /// What stays takes its place.
    Replace,
    /// No reader reaches it.
    SetAside,
}

impl Remains {
    pub(super) fn action(&self) -> Action {
        let is_whole =
            self.cut_bytes == 0 && self.pieces.iter().all(|piece| matches!(piece, Piece::Whole { .. }));
        match (self.is_in_order, is_whole) {
            (false, _) => Action::SetAside,
            (true, false) => Action::Replace,
            (true, true) => Action::Leave,
        }
    }

    fn add(&mut self, offset: u64, bytes: u64) {
        match self.pieces.last_mut() {
            Some(Piece::Whole { offset: from, bytes: length }) if from.saturating_add(*length) == offset => {
                *length = length.saturating_add(bytes);
            }
            _ => self.pieces.push(Piece::Whole { offset, bytes }),
        }
    }
}

/// What stays of all data files.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) files: Vec<Remains>,
}

impl Plan {
    /// Adds what a look has found.
    pub(super) fn add(&mut self, finding: &Finding) {
        if let Finding::File { file, is_in_order } = finding {
            let (file, is_in_order) = (*file, *is_in_order);
            self.files.push(Remains { file, is_in_order, pieces: Vec::new(), records: 0, cut_bytes: 0 });
        }
        let Some(remains) = self.files.last_mut() else { return };
        match finding {
            Finding::Record { offset, bytes, is_undelimited, ids } => {
                remains.records += 1;
                if *is_undelimited {
                    let events = ids.end.since(ids.start.max(RecordId(0)));
                    remains.pieces.push(Piece::Undelimited { offset: *offset, bytes: *bytes, events });
                } else {
                    remains.add(*offset, *bytes);
                }
            }
            Finding::Stretch { bytes, .. } => {
                remains.cut_bytes = remains.cut_bytes.saturating_add(*bytes);
            }
            _ => {}
        }
    }

    /// The files of which something is to be changed.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Remains> {
        self.files.iter().filter(|remains| remains.action() != Action::Leave)
    }

    /// The records that stay.
    pub(super) fn records(&self) -> u64 {
        self.files
            .iter()
            .filter(|remains| remains.action() != Action::SetAside)
            .map(|remains| remains.records)
            .sum()
    }
}
