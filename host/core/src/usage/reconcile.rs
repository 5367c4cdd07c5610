//! What has gone through a buffer, when it is opened: from what was noted before, and what is there now.

use forebay_types::RecordId;

use crate::storage::{Amount, Ledger, Memo, Usage};

/// What is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Present {
    /// The machine has been up since the note was written.
    pub(crate) is_same_boot: bool,
    /// The ledger before the logic opened the buffer.
    pub(crate) found: Option<Ledger>,
    /// The ledger now.
    pub(crate) ledger: Ledger,
    /// How many bytes lie from the first unacknowledged record on.
    pub(crate) waiting_bytes: u64,
    /// How many bytes were acknowledged since the note, as far as it could be found out.
    pub(crate) sent_bytes: u64,
}

/// The counters. As many events as the ledger counts between its two ids wait, and as many bytes as are there; what was
/// noted decides how the rest is divided.
pub(crate) fn reconcile(memo: Option<&Memo>, present: &Present) -> Usage {
    let (next, last) = (present.ledger.writer_next_record, present.ledger.reader_last_record);
    let waiting = Amount::new(between(last.after(1), next), present.waiting_bytes);
    // Without a note the counting begins with what is there.
    let Some(memo) = memo else { return Usage { received: waiting, ..Usage::default() } };
    let mut usage = memo.usage;
    let (noted_next, noted_last) = (memo.ledger.writer_next_record, memo.ledger.reader_last_record);

    // Events that the note does not know: written just before the process died, or by another program.
    let received = between(noted_next, next);
    // What had been noted as passed and is there again: the ledger did not reach the disk, or the process died before it
    // dropped what it had noted as dropped.
    let back = between(last.after(1), noted_last.after(1).min(next));
    // What had been written and is gone with the machine's memory: its ids are given again.
    let gone = between(next.max(noted_last.after(1)), noted_next);
    let last_before =
        present.found.map_or(noted_last, |found| found.reader_last_record).clamp(noted_last.min(last), last);
    let sent = between(noted_last, last_before);
    let passed = between(last_before.max(noted_last), last).saturating_add(gone);

    let add = u64::saturating_add;
    usage.received.events = add(usage.received.events, received);
    let hides_drops = present.found.is_some_and(|found| memo.hides_drops(&found));
    let went = if hides_drops { &mut usage.sent_or_dropped } else { &mut usage.sent };
    went.events = add(went.events, sent);
    went.bytes = add(went.bytes, present.sent_bytes);
    take_back(&mut usage, present.is_same_boot, back, |amount| &mut amount.events);
    usage.lost.events = add(usage.lost.events, passed);

    let accounted = add(usage.gone().bytes, waiting.bytes);
    if accounted >= usage.received.bytes && back == 0 {
        usage.received.bytes = accounted;
    } else if accounted >= usage.received.bytes {
        let excess = accounted.saturating_sub(usage.received.bytes);
        let left = take_back(&mut usage, present.is_same_boot, excess, |amount| &mut amount.bytes);
        usage.received.bytes = add(usage.received.bytes, left);
    } else {
        let rest = usage.received.bytes.saturating_sub(accounted);
        // The files that were dropped are gone, and nothing tells how long they were.
        let amount = if hides_drops && sent > 0 { &mut usage.sent_or_dropped } else { &mut usage.lost };
        amount.bytes = add(amount.bytes, rest);
    }
    // A note that contradicts itself, or ids that began again: what waits is certain.
    let gone = usage.gone().events;
    usage.received.events = gone.saturating_add(waiting.events);
    usage
}

/// Takes what is there again from what was counted as gone. As long as the machine is up, the ledger is as it was stored last,
/// and only what was to be dropped is noted before it; otherwise it was sent, as far as that much was. Gives what is left.
fn take_back(
    usage: &mut Usage,
    is_same_boot: bool,
    much: u64,
    part: impl Fn(&mut Amount) -> &mut u64,
) -> u64 {
    let Usage { sent, dropped, sent_or_dropped: either, .. } = usage;
    let order = if is_same_boot { [dropped, either, sent] } else { [sent, either, dropped] };
    order.into_iter().fold(much, |left, amount| {
        let amount = part(amount);
        let taken = left.min(*amount);
        *amount = amount.saturating_sub(taken);
        left.saturating_sub(taken)
    })
}

/// How many ids lie from one up to, not including, another; none if it is not higher.
fn between(from: RecordId, to: RecordId) -> u64 {
    to.0.saturating_sub(from.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use forebay_types::FileId;
    use proptest::prelude::*;

    use super::*;

    fn ledger(next: u64, last: u64) -> Ledger {
        Ledger { writer_next_record: RecordId(next), reader_last_record: RecordId(last), ..Ledger::EMPTY }
    }

    /// 200 events received, 90 sent and 10 lost, each of 10 bytes.
    fn memo() -> Memo {
        let usage = Usage {
            received: Amount::new(200, 2000),
            sent: Amount::new(90, 900),
            lost: Amount::new(10, 100),
            ..Usage::default()
        };
        Memo {
            ledger: ledger(201, 100),
            usage,
            place: None,
            checkpoints: Vec::new(),
            bounds: Vec::new(),
            is_degraded: false,
            may_drop: false,
        }
    }

    fn present(next: u64, last: u64, waiting_bytes: u64, sent_bytes: u64) -> Present {
        let found = Some(ledger(next, last));
        Present { is_same_boot: false, found, ledger: ledger(next, last), waiting_bytes, sent_bytes }
    }

    fn figures(usage: &Usage) -> [(u64, u64); 3] {
        [usage.received, usage.sent, usage.lost].map(|amount| (amount.events, amount.bytes))
    }

    /// The usual case.
    #[test]
    fn after_a_close_everything_is_as_it_was() {
        assert_eq!(reconcile(Some(&memo()), &present(201, 100, 1000, 0)), memo().usage);
    }

    /// The process died between the bytes, the ledger, and the note.
    #[test]
    fn what_came_after_the_note_is_found_out() {
        let usage = reconcile(Some(&memo()), &present(211, 105, 1050, 50));
        assert_eq!(figures(&usage), [(210, 2100), (95, 950), (10, 100)]);
    }

    /// Acknowledged, noted, and the ledger that says so did not reach the disk: it will be sent again, and counted then.
    #[test]
    fn what_is_there_again_was_not_sent() {
        let usage = reconcile(Some(&memo()), &present(201, 60, 1400, 0));
        assert_eq!(figures(&usage), [(200, 2000), (50, 500), (10, 100)]);
    }

    /// Noted as dropped, and the process died before the ledger said so: they are there, and will go another time.
    #[test]
    fn what_was_to_be_dropped_and_is_there_was_not() {
        let mut memo = memo();
        (memo.usage.sent, memo.usage.dropped) = (Amount::new(60, 600), Amount::new(30, 300));
        let again = Present { is_same_boot: true, ..present(201, 80, 1200, 0) };
        let usage = reconcile(Some(&memo), &again);
        assert_eq!(figures(&usage), [(200, 2000), (60, 600), (10, 100)]);
        assert_eq!((usage.dropped.events, usage.dropped.bytes), (10, 100));
    }

    /// Written and noted, and gone with the machine's memory: a loss, of which neither ledger nor frames know.
    #[test]
    fn what_is_gone_with_the_machines_memory_is_lost() {
        let usage = reconcile(Some(&memo()), &present(151, 100, 500, 0));
        assert_eq!(figures(&usage), [(200, 2000), (90, 900), (60, 600)]);
    }

    /// What the logic passed over on opening is lost, not sent.
    #[test]
    fn a_gap_that_was_passed_on_opening_is_lost() {
        let mut present = present(201, 200, 0, 0);
        present.found = Some(ledger(201, 100));
        let usage = reconcile(Some(&memo()), &present);
        assert_eq!(figures(&usage), [(200, 2000), (90, 900), (110, 1100)]);
    }

    /// Records were dropped, and the disk had no room to note it: that they were sent is more than is known.
    #[test]
    fn what_may_have_been_dropped_is_not_counted_as_sent() {
        let memo = Memo { may_drop: true, ..memo() };
        let mut present = present(201, 150, 500, 0);
        let behind = Ledger { reader_data_file: FileId::new(1).unwrap(), ..present.ledger };
        (present.found, present.ledger) = (Some(behind), behind);
        let usage = reconcile(Some(&memo), &present);
        assert_eq!(figures(&usage), [(200, 2000), (90, 900), (10, 100)]);
        assert_eq!(usage.sent_or_dropped, Amount::new(50, 500));
        // Where no whole file was passed, nothing was dropped.
        present.found = Some(ledger(201, 150));
        present.ledger = ledger(201, 150);
        assert_eq!(reconcile(Some(&memo), &present).sent.events, 140);
    }

    proptest! {
        /// Whatever was noted and whatever is there: what waits is what is there, and nothing is below zero.
        #[test]
        fn what_waits_is_what_is_there(
            numbers in prop::array::uniform10(0..1_000_u64),
            known in any::<bool>(),
            last_known in any::<bool>(),
        ) {
            let [noted_next, noted_last, next, last, bytes, sent_bytes, received, sent, lost, before] = numbers;
            let usage = Usage {
                received: Amount::new(received, received * 7),
                sent: Amount::new(sent, sent * 7),
                lost: Amount::new(lost, lost * 7),
                ..Usage::default()
            };
            let noted = ledger(noted_next + 1, noted_last);
            let memo = Memo { ledger: noted, usage, place: None, checkpoints: Vec::new(), bounds: Vec::new(), is_degraded: false, may_drop: false };
            let last = last.min(next);
            let present = Present {
                is_same_boot: known ^ last_known,
                found: last_known.then_some(ledger(next + 1, before)),
                ledger: ledger(next + 1, last),
                waiting_bytes: bytes,
                sent_bytes,
            };
            let usage = reconcile(known.then_some(&memo), &present);
            prop_assert_eq!(usage.waiting(), Amount::new(next - last, bytes));
        }
    }
}
