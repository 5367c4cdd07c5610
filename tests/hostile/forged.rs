//! Answers to reads that are near the truth: the host gives out what it has read itself, and that in order, or nothing.

use forebay::{RecordId, guard::ScanLimits, logic::Run};

use super::bed::{Bed, run_of};
use crate::support::{dice::Dice, storage::file};

/// Buffers, and answers to reads in each.
const BUFFERS: u64 = 100;
const ANSWERS: u64 = 60;

/// One run for each record of the two files.
fn single_runs(bed: &mut Bed) -> Vec<Run> {
    let mut runs = Vec::new();
    for number in 0..2 {
        let mut offset = 0;
        while offset < bed.length(number) {
            let limits = ScanLimits { max_spans: 1, max_records: 1, max_bytes: u64::MAX };
            let scanned = bed.guard.scan(file(number), offset, limits).unwrap();
            runs.extend(scanned.spans.iter().map(|span| run_of(file(number), span)));
            offset = scanned.next_offset;
        }
    }
    runs
}

/// Says something else than what was read.
fn forge(dice: &mut Dice, runs: &mut Vec<Run>) {
    if runs.is_empty() {
        return;
    }
    let below = |dice: &mut Dice, length: usize| dice.below(length as u64) as usize;
    let (at, other) = (below(dice, runs.len()), below(dice, runs.len()));
    let by = 1 + dice.below(3);
    let (mut run, copied) = (runs[at], runs[other]);
    match dice.below(12) {
        0 => run.first_id = RecordId(dice.below(30)),
        1 => run.next_id = RecordId(dice.below(30)),
        // The ids and their number agree.
        2 => (run.first_id, run.next_id) = (run.first_id.after(by), run.next_id.after(by)),
        3 => (run.records, run.next_id) = (run.records + by as u32, run.next_id.after(by)),
        4 => run.records = 0,
        5 => run.bytes = dice.below(500),
        6 => run.offset = dice.below(100) * 8,
        7 => run.file = file(dice.below(3) as u16),
        // The ids of another record, at the place of this one.
        8 => (run.first_id, run.next_id) = (copied.first_id, copied.next_id),
        9 => run = copied,
        10 => runs.insert(other, run),
        _ => {
            runs.remove(at);
            return;
        }
    }
    runs[at] = run;
}

/// A consumer acknowledges by id, and what it was not given it cannot miss: a record under another's id, or one that is left
/// out, would be lost without a word.
#[test]
fn whatever_a_guest_answers_to_a_read_only_the_next_records_come_out() {
    let mut dice = Dice::new();
    let (mut given, mut refused) = (0, 0);
    for _ in 0..BUFFERS {
        let mut bed = Bed::new();
        bed.guard.create_file(file(1)).unwrap();
        let (first, last) = (1 + dice.below(8), 9 + dice.below(8));
        for id in 1..=last {
            bed.append(u16::from(id > first), &format!("record {id}")).unwrap();
        }
        bed.store(|ledger| ledger.writer_data_file = file(1)).unwrap();
        let mut expected = 1;
        for answer in 1..=ANSWERS {
            bed.guard.start_reading();
            let mut runs = single_runs(&mut bed);
            // Mostly it begins where delivery stands; the last answer is the truth.
            if answer == ANSWERS || dice.below(4) > 0 {
                runs.retain(|run| run.first_id.0 >= expected);
            }
            if answer < ANSWERS {
                runs.truncate(dice.below(4) as usize);
                forge(&mut dice, &mut runs);
            }
            let Some(records) = bed.guard.collect(&runs) else {
                refused += 1;
                continue;
            };
            for record in records {
                assert_eq!(record.id.0, expected, "{runs:?}");
                assert_eq!(record.payload, format!("record {expected}"), "{runs:?}");
                expected += 1;
                given += 1;
            }
        }
        assert_eq!(expected, last + 1, "all of them came");
    }
    assert!(given > 500 && refused > 500, "it has to come to something: {given} given, {refused} refused");
}
