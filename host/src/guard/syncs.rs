//! Requests for syncs and how they end. At most one sync of a target is under way; requests that come meanwhile share
//! the next one. However the disk answers, the logic hears of the tickets in the order in which it got them.

use std::collections::{HashMap, VecDeque};

use forebay_frame::RecordId;

use super::{Ticket, syncing::Covers};
use crate::storage::{FileId, SyncTarget};

#[derive(Debug)]
struct Outstanding {
    ticket: Ticket,
    ended: Option<bool>,
}

/// A sync that is under way.
#[derive(Debug)]
pub(super) struct Flight {
    /// The last ticket that it covers.
    pub(super) last: Ticket,
    /// What it makes durable.
    pub(super) covers: Covers,
}

/// How many syncs may be asked for and not have ended: each takes up memory until then. On opening there may be one for each
/// of 65,534 files.
const SYNCS_MAX: usize = 131_072;

/// All syncs that were asked for and have not ended.
#[derive(Debug, Default)]
pub(super) struct Syncs {
    last: u64,
    /// How many more may be asked for, if that is bounded.
    left: Option<usize>,
    /// Their tickets follow each other without a gap.
    outstanding: VecDeque<Outstanding>,
    /// The tickets of each target that no sync which has ended covers: on opening there is one for each of 65,534 files.
    waiting: HashMap<SyncTarget, VecDeque<Ticket>>,
    flights: HashMap<SyncTarget, Flight>,
    /// The files that are to be written anew, and wait for another one that is.
    renewals: VecDeque<FileId>,
}

impl Syncs {
    /// Notes a request, and says whether its sync may start at once.
    pub(super) fn request(&mut self, target: SyncTarget) -> (Ticket, bool) {
        self.last += 1;
        self.left = self.left.map(|left| left.saturating_sub(1));
        let ticket = Ticket(self.last);
        self.outstanding.push_back(Outstanding { ticket, ended: None });
        self.waiting.entry(target).or_default().push_back(ticket);
        (ticket, !self.flights.contains_key(&target))
    }

    /// A sync starts that covers every request for the target until now.
    pub(super) fn started(&mut self, target: SyncTarget, covers: Covers) {
        let last = Ticket(self.last);
        let before = self.flights.insert(target, Flight { last, covers });
        debug_assert!(before.is_none(), "one sync of a target at a time");
    }

    /// Whether a file that is to be written anew has to wait: one at a time, so that no more than one takes up room twice.
    pub(super) fn queue_renewal(&mut self, file: FileId) -> bool {
        let is_renewal = |flight: &Flight| matches!(flight.covers, Covers::Renewal | Covers::OldRenewal);
        let waits = self.flights.values().any(is_renewal);
        if waits && !self.renewals.contains(&file) {
            self.renewals.push_back(file);
        }
        waits
    }

    /// The next file that waits to be written anew, once no other one is.
    pub(super) fn next_renewal(&mut self) -> Option<FileId> {
        // Where a sync is under way, the number leads to another file by now.
        self.renewals.retain(|file| !self.flights.contains_key(&SyncTarget::Data(*file)));
        self.renewals.pop_front()
    }

    /// The sync of a target has ended.
    pub(super) fn landed(&mut self, target: SyncTarget) -> Option<Flight> {
        self.flights.remove(&target)
    }

    /// How it ended is noted for all tickets up to the last that it covers. Says whether another is wanted by now.
    pub(super) fn answer(&mut self, target: SyncTarget, last: Ticket, ok: bool) -> bool {
        let mut waiting = self.waiting.remove(&target).unwrap_or_default();
        let first = self.outstanding.front().map_or(Ticket(self.last), |outstanding| outstanding.ticket);
        while let Some(ticket) = waiting.pop_front_if(|ticket| *ticket <= last) {
            let place = usize::try_from(ticket.0.saturating_sub(first.0)).unwrap_or(usize::MAX);
            if let Some(outstanding) = self.outstanding.get_mut(place) {
                outstanding.ended.get_or_insert(ok);
            }
        }
        let again = !waiting.is_empty();
        if again {
            self.waiting.insert(target, waiting);
        }
        again
    }

    /// A file was cut: what comes behind the cut was not there when a sync started that is under way.
    pub(super) fn cut(&mut self, file: FileId, to: u64) {
        let flight = self.flights.get_mut(&SyncTarget::Data(file));
        match flight.map(|flight| &mut flight.covers) {
            Some(Covers::Data { length, .. }) => *length = (*length).min(to),
            Some(covers @ Covers::Renewal) => *covers = Covers::OldRenewal,
            _ => {}
        }
    }

    /// A file was removed: one that is made under the same name is another, which no sync under way covers.
    pub(super) fn removed(&mut self, file: FileId) {
        self.cut(file, 0);
        if let Some(Flight { covers: Covers::Data { next, .. }, .. }) =
            self.flights.get_mut(&SyncTarget::Data(file))
        {
            *next = RecordId(0);
        }
        self.renamed(file);
    }

    /// A name leads to another file than before: no sync of the directory that is under way covers it.
    pub(super) fn renamed(&mut self, file: FileId) {
        let names = self.flights.get_mut(&SyncTarget::Directory);
        if let Some(Flight { covers: Covers::Names(files), .. }) = names {
            files.retain(|named| *named != file);
        }
    }

    /// From now on no more than this are asked for.
    pub(super) fn bound(&mut self, requests: usize) {
        self.left = Some(requests);
    }

    /// Whether no more may be asked for now.
    pub(super) fn is_full(&self) -> bool {
        self.outstanding.len() >= SYNCS_MAX || self.left == Some(0)
    }

    /// A sync has failed: whatever else was asked for has failed with it.
    pub(super) fn fail_all(&mut self) {
        for outstanding in &mut self.outstanding {
            outstanding.ended = Some(false);
        }
        self.waiting.clear();
        self.renewals.clear();
    }

    /// Whoever asked is gone: nobody is to hear of the tickets. Syncs that are under way go on.
    pub(super) fn forget_tickets(&mut self) {
        self.outstanding.clear();
        self.waiting.clear();
        self.renewals.clear();
    }

    /// The next ticket, in order, whose sync has ended.
    pub(super) fn next_ended(&mut self) -> Option<(Ticket, bool)> {
        let ok = self.outstanding.front()?.ended?;
        self.outstanding.pop_front().map(|outstanding| (outstanding.ticket, ok))
    }

    /// Whether nothing was asked for that has not ended.
    pub(super) fn is_idle(&self) -> bool {
        self.outstanding.is_empty() && self.flights.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::SyncTarget::{Directory, Ledger};

    fn end(syncs: &mut Syncs, target: SyncTarget, ok: bool) -> Option<bool> {
        let flight = syncs.landed(target)?;
        Some(syncs.answer(target, flight.last, ok))
    }

    /// The logic counts on "all tickets up to this one": an answer out of order would call a file durable that is not.
    #[test]
    fn tickets_end_in_the_order_of_the_requests() {
        let mut syncs = Syncs::default();
        let (first, _) = syncs.request(Directory);
        syncs.started(Directory, Covers::Nothing);
        let (second, _) = syncs.request(Ledger);
        syncs.started(Ledger, Covers::Nothing);

        end(&mut syncs, Ledger, true);
        assert_eq!(syncs.next_ended(), None, "the second ended first, and waits");
        end(&mut syncs, Directory, true);
        assert_eq!(syncs.next_ended(), Some((first, true)));
        assert_eq!(syncs.next_ended(), Some((second, true)));
        assert!(syncs.is_idle());
    }

    /// A sync that was under way when the bytes were written does not cover them.
    #[test]
    fn a_request_during_a_sync_waits_for_the_next_one() {
        let mut syncs = Syncs::default();
        let (first, start) = syncs.request(Ledger);
        assert!(start);
        syncs.started(Ledger, Covers::Nothing);
        let (_, start) = syncs.request(Ledger);
        assert!(!start, "one at a time");

        let again = end(&mut syncs, Ledger, true);
        assert_eq!(again, Some(true));
        assert_eq!(syncs.next_ended(), Some((first, true)));
        assert_eq!(syncs.next_ended(), None, "the later request is not covered");
    }

    /// A fresh instance of the logic would take the end of its predecessor's sync for that of its own.
    #[test]
    fn tickets_that_are_forgotten_are_not_told_and_hold_up_nobody() {
        let mut syncs = Syncs::default();
        syncs.request(Ledger);
        syncs.started(Ledger, Covers::Nothing);
        syncs.forget_tickets();
        let (ticket, start) = syncs.request(Ledger);
        assert!(!start, "one at a time");

        let again = end(&mut syncs, Ledger, true);
        assert_eq!((again, syncs.next_ended()), (Some(true), None), "it began before the request");
        syncs.started(Ledger, Covers::Nothing);
        end(&mut syncs, Ledger, true);
        assert_eq!(syncs.next_ended(), Some((ticket, true)));
        assert!(syncs.is_idle());
    }

    /// After a failed sync nothing may be answered as durable.
    #[test]
    fn one_failure_fails_every_outstanding_ticket() {
        let mut syncs = Syncs::default();
        syncs.request(Directory);
        syncs.started(Directory, Covers::Nothing);
        syncs.request(Ledger);
        syncs.started(Ledger, Covers::Nothing);
        end(&mut syncs, Ledger, false);
        syncs.fail_all();
        assert_eq!(syncs.next_ended().map(|(_, ok)| ok), Some(false));
        assert_eq!(syncs.next_ended().map(|(_, ok)| ok), Some(false));
    }
}
