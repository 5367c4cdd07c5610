//! Requests for syncs, and how they end.
//!
//! At most one sync of a target is in flight. Requests that come meanwhile share the next one. A ticket ends when what it
//! covers is durable, however many retries that takes; tickets end in the order of the requests.

mod flight;
mod vanished;

use std::collections::{HashMap, HashSet, VecDeque};

use forebay_types::{FileId, RecordId, Ticket};

pub(crate) use self::{
    flight::{Covers, Flight},
    vanished::Vanished,
};
use crate::storage::SyncTarget;

/// How many syncs may be requested and not have ended: each takes memory until then. On opening there may be one for each
/// of 65,534 files.
const REQUESTS_MAX: usize = 131_072;

#[derive(Debug)]
struct Request {
    ticket: Ticket,
    is_durable: bool,
}

/// All syncs that were requested and have not ended.
#[derive(Debug, Default)]
pub(crate) struct Syncs {
    last: u64,
    /// How many more may be requested, if that is bounded.
    left: Option<usize>,
    /// Their tickets follow each other without a gap.
    requests: VecDeque<Request>,
    /// The tickets of each target that no flight covers which has ended well.
    waiting: HashMap<SyncTarget, VecDeque<Ticket>>,
    flights: HashMap<SyncTarget, Flight>,
    /// The target of the flight that is a rewrite. There may be a flight for each of 65,534 files: they are not searched.
    rewriting: Option<SyncTarget>,
    /// Rewritten files, each durable once its new name is, and the tickets that wait for that.
    awaiting_name: HashMap<FileId, VecDeque<Ticket>>,
    /// Files that are to be rewritten, and wait for another one that is: no more than one takes room twice.
    rewrites: VecDeque<FileId>,
    /// The same files.
    queued: HashSet<FileId>,
}

impl Syncs {
    /// Takes a request, and says whether its flight may start at once.
    pub(crate) fn request(&mut self, target: SyncTarget) -> (Ticket, bool) {
        self.last += 1;
        self.left = self.left.map(|left| left.saturating_sub(1));
        let ticket = Ticket(self.last);
        self.requests.push_back(Request { ticket, is_durable: false });
        self.waiting.entry(target).or_default().push_back(ticket);
        (ticket, !self.is_in_flight(target))
    }

    /// Whether a sync of a target is in flight.
    pub(crate) fn is_in_flight(&self, target: SyncTarget) -> bool {
        self.flights.contains_key(&target)
    }

    /// A flight starts that covers every request for the target until now.
    pub(crate) fn started(&mut self, target: SyncTarget, covers: Covers) {
        if matches!(covers, Covers::Rewrite) {
            debug_assert!(self.rewriting.is_none(), "one rewrite at a time");
            self.rewriting = Some(target);
        }
        let before = self.flights.insert(target, Flight { last: Ticket(self.last), covers });
        debug_assert!(before.is_none(), "one flight of a target at a time");
    }

    /// Whether a file is being rewritten.
    pub(crate) fn is_rewriting(&self) -> bool {
        self.rewriting.is_some()
    }

    /// Whether a file that is to be rewritten has to wait for another one that is.
    pub(crate) fn queue_rewrite(&mut self, file: FileId) -> bool {
        let waits = self.is_rewriting();
        if waits && self.queued.insert(file) {
            self.rewrites.push_back(file);
        }
        waits
    }

    /// The next file that waits to be rewritten.
    pub(crate) fn next_rewrite(&mut self) -> Option<FileId> {
        let is_free = |file: &FileId| !self.flights.contains_key(&SyncTarget::Data(*file));
        let at = self.rewrites.iter().position(is_free)?;
        let file = self.rewrites.remove(at)?;
        self.queued.remove(&file);
        Some(file)
    }

    /// The flight of a target has ended, well or not.
    pub(crate) fn landed(&mut self, target: SyncTarget) -> Option<Flight> {
        self.rewriting.take_if(|rewriting| *rewriting == target);
        self.flights.remove(&target)
    }

    /// The target is durable for all tickets up to `last`. Says whether later requests want another flight.
    pub(crate) fn settle(&mut self, target: SyncTarget, last: Ticket) -> bool {
        let mut waiting = self.waiting.remove(&target).unwrap_or_default();
        while let Some(ticket) = waiting.pop_front_if(|ticket| *ticket <= last) {
            self.end(ticket);
        }
        let wants_more = !waiting.is_empty();
        if wants_more {
            self.waiting.insert(target, waiting);
        }
        wants_more
    }

    /// A file was rewritten. Its tickets up to `last` end once its new name is durable.
    pub(crate) fn wait_for_name(&mut self, file: FileId, last: Ticket) {
        let mut waiting = self.waiting.remove(&SyncTarget::Data(file)).unwrap_or_default();
        let covered = waiting.partition_point(|ticket| *ticket <= last);
        let later = waiting.split_off(covered);
        if !later.is_empty() {
            self.waiting.insert(SyncTarget::Data(file), later);
        }
        self.awaiting_name.entry(file).or_default().extend(waiting);
    }

    /// The rewritten files whose new names are not durable yet.
    pub(crate) fn awaiting_name(&self) -> impl Iterator<Item = FileId> {
        self.awaiting_name.keys().copied()
    }

    /// The name of a file is durable.
    pub(crate) fn name_durable(&mut self, file: FileId) {
        for ticket in self.awaiting_name.remove(&file).unwrap_or_default() {
            self.end(ticket);
        }
    }

    fn end(&mut self, ticket: Ticket) {
        let first = self.requests.front().map_or(Ticket(self.last), |request| request.ticket);
        let at = usize::try_from(ticket.0.saturating_sub(first.0)).unwrap_or(usize::MAX);
        if let Some(request) = self.requests.get_mut(at) {
            request.is_durable = true;
        }
    }

    /// A file was truncated: what comes behind the truncation was not there when a flight started that is under way.
    pub(crate) fn truncated(&mut self, file: FileId, to: u64) {
        match self.flights.get_mut(&SyncTarget::Data(file)).map(|flight| &mut flight.covers) {
            Some(Covers::Data { length, .. }) => *length = (*length).min(to),
            Some(covers @ Covers::Rewrite) => *covers = Covers::StaleRewrite,
            _ => {}
        }
    }

    /// A file was removed: one that is made under the same name is another, which no flight covers. Requests for it end,
    /// as nothing is left to sync.
    pub(crate) fn removed(&mut self, file: FileId) {
        self.truncated(file, 0);
        if let Some(Flight { covers: Covers::Data { next_id, .. }, .. }) =
            self.flights.get_mut(&SyncTarget::Data(file))
        {
            *next_id = RecordId(0);
        }
        self.renamed(file);
        for ticket in self.waiting.remove(&SyncTarget::Data(file)).unwrap_or_default() {
            self.end(ticket);
        }
        self.name_durable(file);
    }

    /// A name leads to another file than before: no sync of the directory that is in flight covers it.
    pub(crate) fn renamed(&mut self, file: FileId) {
        if let Some(Flight { covers: Covers::Names(files), .. }) =
            self.flights.get_mut(&SyncTarget::Directory)
        {
            files.retain(|named| *named != file);
        }
    }

    /// From now on no more than this are accepted.
    pub(crate) fn bound(&mut self, requests: usize) {
        self.left = Some(requests);
    }

    /// Whether no more may be requested now.
    pub(crate) fn is_full(&self) -> bool {
        self.requests.len() >= REQUESTS_MAX || self.left == Some(0)
    }

    /// The instance that requested these tickets is gone. Flights still complete.
    pub(crate) fn forget_tickets(&mut self) {
        self.requests.clear();
        self.waiting.clear();
        self.awaiting_name.values_mut().for_each(VecDeque::clear);
    }

    /// The next ticket, in order, that is durable.
    pub(crate) fn next_durable(&mut self) -> Option<Ticket> {
        self.requests.pop_front_if(|request| request.is_durable).map(|request| request.ticket)
    }

    pub(crate) fn has_durable(&self) -> bool {
        self.requests.front().is_some_and(|request| request.is_durable)
    }

    /// Whether nothing was requested that has not ended.
    #[cfg(test)]
    fn is_idle(&self) -> bool {
        self.requests.is_empty() && self.flights.is_empty()
    }

    /// Whether nothing is in flight. Requests that failed may wait for a retry.
    pub(crate) fn has_landed(&self) -> bool {
        self.flights.is_empty()
    }

    /// Whether requests for a target wait, and no flight serves them.
    pub(crate) fn is_unserved(&self, target: SyncTarget) -> bool {
        let is_wanted = match target {
            // A rewritten file needs its name, whether or not a ticket waits for it.
            SyncTarget::Directory => self.waiting.contains_key(&target) || !self.awaiting_name.is_empty(),
            _ => self.waiting.contains_key(&target),
        };
        is_wanted && !self.is_in_flight(target)
    }

    /// The targets that requests wait for and no flight serves.
    pub(crate) fn unserved(&self) -> Vec<SyncTarget> {
        let names = Some(SyncTarget::Directory).filter(|names| self.is_unserved(*names));
        let mut targets: Vec<SyncTarget> =
            self.waiting.keys().copied().chain(names).filter(|target| !self.is_in_flight(*target)).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::storage::SyncTarget::{Data, Directory, Ledger};

    fn land(syncs: &mut Syncs, target: SyncTarget) -> Option<bool> {
        let flight = syncs.landed(target)?;
        Some(syncs.settle(target, flight.last))
    }

    /// Logic counts on "all tickets up to this one": an answer out of order would call a file durable that is not.
    #[test]
    fn tickets_end_in_the_order_of_the_requests() {
        let mut syncs = Syncs::default();
        let (first, _) = syncs.request(Directory);
        syncs.started(Directory, Covers::Names(Vec::new()));
        let (second, _) = syncs.request(Ledger);
        syncs.started(Ledger, Covers::Names(Vec::new()));

        land(&mut syncs, Ledger);
        assert_eq!(syncs.next_durable(), None, "the second ended first, and waits");
        land(&mut syncs, Directory);
        assert_eq!(syncs.next_durable(), Some(first));
        assert_eq!(syncs.next_durable(), Some(second));
        assert!(syncs.is_idle());
    }

    /// A flight that was under way when the bytes were written does not cover them.
    #[test]
    fn a_request_during_a_flight_waits_for_the_next_one() {
        let mut syncs = Syncs::default();
        let (first, start) = syncs.request(Ledger);
        assert!(start);
        syncs.started(Ledger, Covers::Names(Vec::new()));
        let (_, start) = syncs.request(Ledger);
        assert!(!start, "one at a time");

        assert_eq!(land(&mut syncs, Ledger), Some(true));
        assert_eq!(syncs.next_durable(), Some(first));
        assert_eq!(syncs.next_durable(), None, "the later request is not covered");
    }

    /// A failed flight ends no ticket: each stays open until a retry has ended well.
    #[test]
    fn a_failed_flight_leaves_its_tickets_open() {
        let mut syncs = Syncs::default();
        let (ticket, _) = syncs.request(Ledger);
        syncs.started(Ledger, Covers::Names(Vec::new()));
        syncs.landed(Ledger);
        assert_eq!((syncs.next_durable(), syncs.unserved()), (None, vec![Ledger]));
        syncs.started(Ledger, Covers::Names(Vec::new()));
        land(&mut syncs, Ledger);
        assert_eq!(syncs.next_durable(), Some(ticket));
    }

    /// A rewritten file under a name that a power loss takes away is a lost file.
    #[test]
    fn tickets_of_a_rewritten_file_wait_for_its_name() {
        let mut syncs = Syncs::default();
        let file = FileId::new(3).unwrap();
        let (ticket, _) = syncs.request(Data(file));
        syncs.started(Data(file), Covers::Rewrite);
        let flight = syncs.landed(Data(file)).unwrap();
        syncs.wait_for_name(file, flight.last);
        assert_eq!((syncs.next_durable(), syncs.unserved()), (None, vec![Directory]));
        syncs.started(Directory, Covers::Names(vec![file]));
        land(&mut syncs, Directory);
        syncs.name_durable(file);
        assert_eq!(syncs.next_durable(), Some(ticket));
    }

    /// A fresh instance would take the end of its predecessor's sync for that of its own.
    #[test]
    fn forgotten_tickets_hold_up_no_later_one() {
        let mut syncs = Syncs::default();
        syncs.request(Ledger);
        syncs.started(Ledger, Covers::Names(Vec::new()));
        syncs.forget_tickets();
        let (ticket, start) = syncs.request(Ledger);
        assert!(!start, "one at a time");
        assert_eq!(land(&mut syncs, Ledger), Some(true), "it began before the request");
        assert_eq!(syncs.next_durable(), None);
        syncs.started(Ledger, Covers::Names(Vec::new()));
        land(&mut syncs, Ledger);
        assert_eq!(syncs.next_durable(), Some(ticket));
        assert!(syncs.is_idle());
    }

    /// A file that is gone has nothing left to sync, and must not hold up the tickets behind it.
    #[test]
    fn requests_for_a_removed_file_end() {
        let mut syncs = Syncs::default();
        let file = FileId::new(3).unwrap();
        let (ticket, _) = syncs.request(Data(file));
        syncs.removed(file);
        assert_eq!(syncs.next_durable(), Some(ticket));
    }
}
