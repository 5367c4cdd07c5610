//! Data files that are not in use, and take up room until they can go.

use crate::ring::FileId;
use crate::storage::{RecordId, Ticket};

/// A data file with nothing unacknowledged in it, which is to be removed.
#[derive(Clone, Copy, Debug)]
pub struct Leaving {
    /// Its number.
    pub id: FileId,
    /// Its length in bytes.
    pub length: u64,
    /// The sync of the ledger that has passed it; `None` if it is yet to be asked for.
    pub ticket: Option<Ticket>,
}

/// A data file that is not in use and cannot be removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stranger {
    pub(crate) length: u64,
    pub(crate) end_id: Option<RecordId>,
}
