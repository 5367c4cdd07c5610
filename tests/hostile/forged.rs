//! Answers that are near the truth: the host gives out what it has read itself, and that in order, or nothing.

use forebay::RecordId;

use super::bed::Bed;
use crate::support::{dice::Dice, storage::file};

/// Buffers, and answers to reads in each.
const BUFFERS: u64 = 100;
const ANSWERS: u64 = 60;

/// A consumer acknowledges by id, and what it was not given it cannot miss: a record under another's id, or one that is left
/// out, would be lost without a word.
#[test]
fn whatever_a_guest_answers_to_a_read_only_the_next_records_come_out() {
    let mut dice = Dice::new();
    let (mut given, mut withheld) = (0, 0);
    for _ in 0..BUFFERS {
        let mut bed = Bed::new();
        let (first, last) = (1 + dice.below(8), 9 + dice.below(8));
        for id in 1..=last {
            if id == first + 1 {
                assert_eq!(bed.guard.roll().unwrap(), file(1));
            }
            bed.append(&format!("record {id}")).unwrap();
        }
        let mut expected = 1;
        for answer in 1..=ANSWERS {
            // The last answer is the truth.
            let count = match dice.below(4) {
                _ if answer == ANSWERS => u32::MAX,
                0 => 0,
                1 => u32::MAX,
                _ => u32::try_from(dice.below(4)).unwrap(),
            };
            let max_bytes = if dice.below(2) == 0 { u64::MAX } else { dice.below(200) };
            let records = bed.guard.deliver(count, max_bytes).unwrap();
            assert!(records.len() as u64 <= u64::from(count));
            if records.is_empty() {
                let next = bed.guard.reached_end().unwrap();
                assert_eq!(next, (expected <= last).then_some(RecordId(expected)), "what waits is told");
                withheld += u64::from(next.is_some());
            }
            for record in records {
                assert_eq!(record.id.0, expected);
                assert_eq!(record.payload, format!("record {expected}"));
                expected += 1;
                given += 1;
            }
            // An id near the truth: what was not delivered is not acknowledged by it.
            let through = bed.guard.acknowledge(RecordId(dice.below(last + 3))).unwrap();
            assert!(through.0 < expected);
        }
        while expected <= last {
            let records = bed.deliver(u32::MAX);
            assert_eq!(records[0].id.0, expected);
            expected += records.len() as u64;
        }
    }
    assert!(given > 500 && withheld > 100, "too few calls had an effect: {given} given, {withheld} withheld");
}
