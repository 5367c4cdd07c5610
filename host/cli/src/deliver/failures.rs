//! How often each record was in a delivery that failed, and what the destination has accepted since.

use std::collections::HashMap;

use crate::access::Held;

/// The failures of records that are not delivered. A record that another process was given, or that no destination has answered about,
/// has none.
#[derive(Debug, Default)]
pub(super) struct Failures {
    of: HashMap<Name, Failed>,
    /// How many deliveries the destination has accepted.
    accepted: u64,
}

/// The incarnation of a record, and its id.
type Name = (u64, u64);

#[derive(Clone, Copy, Debug)]
struct Failed {
    times: u32,
    /// How many deliveries were accepted before it failed first.
    accepted_before: u64,
}

impl Failures {
    /// The destination has answered that these records failed, together.
    pub(super) fn add(&mut self, records: &[Held]) {
        for record in records {
            let new = Failed { times: 0, accepted_before: self.accepted };
            let failed = self.of.entry(name(record)).or_insert(new);
            failed.times = failed.times.saturating_add(1);
        }
    }

    /// The destination has accepted these records.
    pub(super) fn accepted(&mut self, records: &[Held]) {
        self.accepted = self.accepted.saturating_add(1);
        self.forget(records);
    }

    /// Nothing more is to be known of these records.
    pub(super) fn forget(&mut self, records: &[Held]) {
        if !self.of.is_empty() {
            for record in records {
                self.of.remove(&name(record));
            }
        }
    }

    /// How often the one that failed most has failed.
    pub(super) fn most(&self, records: &[Held]) -> u32 {
        let times = records.iter().filter_map(|record| self.of.get(&name(record)));
        times.map(|failed| failed.times).max().unwrap_or(0)
    }

    /// Whether others were accepted since this record failed first: the record is to blame, and not the destination.
    pub(super) fn others_passed(&self, record: &Held) -> bool {
        self.of.get(&name(record)).is_some_and(|failed| failed.accepted_before < self.accepted)
    }

    /// Whether anything was accepted.
    pub(super) fn any_accepted(&self) -> bool {
        self.accepted > 0
    }
}

fn name(record: &Held) -> Name {
    (record.incarnation, record.id)
}
