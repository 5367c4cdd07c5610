//! A component that does what a test tells it to: what comes through its imports is as raw as a guest can make it, and what
//! it may use is measured from within.

use forebay::{
    Limits, NewRecord, RecordId,
    guard::{BatchId, Guard},
    logic::{CallError, Logic, NotMade},
    storage::{Ledger, memory::Disk},
};

use super::{
    attack::guest,
    bed::{Bed, torn_file},
};
use crate::support::{
    Runs,
    dice::Dice,
    storage::{data_file, disk, ledger, options},
};

/// What `tests/guests/obeys.wat` can be told to do. Below `GROW` are the storage calls, in the order of the contract.
const LOAD_LEDGER: u64 = 0;
const STORE_LEDGER: u64 = 1;
const APPEND: u64 = 4;
const RELEASE: u64 = 8;
const REQUEST_SYNC: u64 = 10;
const GROW: u64 = 11;
const FILL: u64 = 12;
const RECURSE: u64 = 13;
const DISCARD_OFTEN: u64 = 14;

/// Its figures: whether the storage call was answered with an error, the pages of its memory, the elements of its table.
const PAGES: u16 = 2;
const ELEMENTS: u16 = 3;

const PAGE_BYTES: usize = 65_536;

/// An instance under these limits, over a guard.
fn obeying(guard: Guard, limits: Limits) -> Result<Box<dyn Logic>, Box<NotMade>> {
    guest("obeys.wasm").instantiate(guard, limits)
}

fn alone(limits: Limits) -> Box<dyn Logic> {
    obeying(Bed::new().guard, limits).unwrap()
}

fn figure(logic: &mut dyn Logic, number: u16) -> u64 {
    logic.status().unwrap().into_iter().find_map(|(which, value)| (which == number).then_some(value)).unwrap()
}

fn limited(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[track_caller]
fn assert_failed(answer: &Result<(), CallError>, words: &str) {
    assert!(
        matches!(answer, Err(CallError::Failed { reason }) if reason.contains(words)),
        "{words}: {answer:?}"
    );
}

/// A guest that asks for more memory gets no more than the operator allows, and the default is what is documented.
#[test]
fn the_memory_of_an_instance_is_bounded() {
    for (limits, bytes) in [
        (Limits::default(), 64 << 20),
        (limited(|limits| limits.memory_bytes = 1 << 20), 1 << 20),
        (limited(|limits| limits.memory_bytes = 4 * PAGE_BYTES), 4 * PAGE_BYTES),
    ] {
        let mut logic = alone(limits);
        logic.write(BatchId(1), &[GROW]).unwrap();
        assert_eq!(figure(&mut *logic, PAGES), (bytes / PAGE_BYTES) as u64);
    }
    let refused = obeying(Bed::new().guard, limited(|limits| limits.memory_bytes = PAGE_BYTES));
    assert!(refused.is_err(), "it begins with four pages");
}

/// Tables are memory of the host's.
#[test]
fn the_tables_of_an_instance_are_bounded() {
    for (limits, elements) in
        [(Limits::default(), 10_000), (limited(|limits| limits.table_elements = 77), 77)]
    {
        let mut logic = alone(limits);
        logic.write(BatchId(1), &[FILL]).unwrap();
        assert_eq!(figure(&mut *logic, ELEMENTS), elements);
    }
    for few in [limited(|limits| limits.tables = 0), limited(|limits| limits.instances = 0)] {
        assert!(obeying(Bed::new().guard, few).is_err(), "{few:?}");
    }
}

/// Each call of a guest uses the stack of the thread that the host calls it on.
#[test]
fn the_stack_of_an_instance_is_bounded() {
    let mut logic = alone(Limits::default());
    // A frame of it takes 16 bytes at the least, and a few dozen at the most.
    logic.write(BatchId(1), &[RECURSE, 1_000]).unwrap();
    assert_failed(&logic.write(BatchId(2), &[RECURSE, 256 * 1024 / 16]), "call stack exhausted");
}

/// A call that has failed has left the instance in any state: it must not run again, whatever the engine would allow.
#[test]
fn an_instance_that_has_failed_is_not_called_again() {
    let mut logic = alone(limited(|limits| limits.host_calls = 0));
    assert_failed(&logic.write(BatchId(1), &[LOAD_LEDGER]), "more than 0 storage calls");
    assert_failed(&logic.write(BatchId(2), &[GROW]), "it failed before");
    assert_failed(&logic.flush(), "it failed before");
}

/// The limits are those of one call: what one call has used, the next one has again.
#[test]
fn each_call_has_its_own_limits() {
    let limits = limited(|limits| (limits.host_calls, limits.refusals) = (1, 1));
    let mut logic = alone(limits);
    for batch in 1..100 {
        logic.write(BatchId(batch), &[RELEASE, 65_535]).unwrap();
    }
    assert_eq!(logic.guard().refused(), 99);
}

/// A storage call may cost the host what a file holds, and calls alone are no bound on it: a million walks through 8 MiB each
/// keep a thread for hours. What a call of well-behaved logic may need grows with the buffer, and so does the bound.
#[test]
fn what_one_call_has_read_is_bounded() {
    let (kept, damaged) = (data_file(1..=1000), torn_file(1..=999, 100));
    // Damage behind the first frame: each look at the file is a look at all of it.
    let mut damaged = damaged;
    damaged[60] ^= 1;
    let held = (kept.len() + damaged.len()) as u64;
    let walks = Limits::WALKS;
    for (limits, most) in [
        (limited(|limits| limits.walked_bytes = 20 * held), 20 * held),
        (limited(|limits| limits.walked_bytes = 0), walks * held),
    ] {
        let disk = disk(Some(ledger(1001, 0, 0, 0)), &[(0, kept.clone()), (9, damaged.clone())]);
        let bed = Bed::open(&disk);
        let mut logic = obeying(bed.guard, limits).unwrap();
        let walked = |logic: &mut Box<dyn Logic>| logic.guard().walked_bytes();
        let before = walked(&mut logic);
        for batch in 1..4 {
            logic.write(BatchId(batch), &[DISCARD_OFTEN, 1, 9]).unwrap();
        }
        assert!(walked(&mut logic) - before <= 3 * 4 * held, "each look takes a walk or two");
        let before = walked(&mut logic);
        assert_failed(
            &logic.write(BatchId(4), &[DISCARD_OFTEN, 100_000, 9]),
            "of data files read in one call",
        );
        let walked = walked(&mut logic) - before;
        assert!((most..=most + 4 * held).contains(&walked), "{walked} of {most}");
    }
}

/// Numbers that could be right, and such as cannot.
fn argument(dice: &mut Dice, guard: &mut Guard, batch: BatchId) -> u64 {
    const FAR: [u64; 10] = [
        1 << 16,
        65_534,
        65_535,
        u32::MAX as u64,
        1 << 32,
        1 << 48,
        i64::MAX as u64,
        1 << 63,
        u64::MAX - 7,
        u64::MAX,
    ];
    let ledger = guard.ledger().unwrap_or(Ledger::EMPTY);
    let segments = guard.segments(0, u32::MAX).unwrap();
    let near = match dice.below(6) {
        0 => batch.0,
        1 => guard.next_id().0,
        2 => ledger.reader_last_record.0,
        3 => segments
            .get(dice.below(segments.len().max(1) as u64) as usize)
            .map_or(0, |segment| segment.file.get().into()),
        4 => u64::from(ledger.writer_data_file.get()),
        _ => dice.below(3),
    };
    match dice.below(8) {
        0 => FAR[dice.below(FAR.len() as u64) as usize],
        1 => near.wrapping_sub(1),
        2 => near.wrapping_add(1),
        3 => dice.below(64),
        _ => near,
    }
}

/// No number that a guest can put into a call makes the host panic: that would take the process down, or leave the account
/// half changed. Sums are checked in this build.
#[test]
fn no_argument_of_a_storage_call_makes_the_host_panic() {
    const MAX_BYTES: u64 = 64 * 1024;
    let calls = std::env::var("FOREBAY_HOSTILE_CALLS").map_or(20_000, |calls| calls.parse().unwrap());
    let mut dice = Dice::new();
    let disk = Disk::new();
    let mut bed = Bed::opening(&disk, MAX_BYTES);
    bed.guard.allow_files(8);
    bed.guard.roll().unwrap();
    bed.guard.opened().unwrap();
    let (mut logic, mut traps, mut placed) = (obeying(bed.guard, Limits::default()).unwrap(), 0, 0);
    for _ in 0..calls {
        let records = (0..3).map(|_| NewRecord::new(vec![b'x'; dice.below(100) as usize])).collect();
        let (batch, _) = logic.guard().offer(records);
        // Appends more often than the others.
        let mut list = vec![if dice.below(3) == 0 { APPEND } else { dice.below(GROW) }];
        list.extend((0..4).map(|_| argument(&mut dice, logic.guard(), batch)));
        if list[0] == APPEND && dice.below(4) > 0 {
            list[1..3].copy_from_slice(&[batch.0, 1 + dice.below(3)]);
        }
        if list[0] == STORE_LEDGER && dice.below(2) > 0 {
            let next = logic.guard().next_id().0;
            let segments = logic.guard().segments(0, u32::MAX).unwrap();
            let number =
                |dice: &mut Dice| u64::from(segments[dice.below(segments.len() as u64) as usize].file.get());
            list[1..].copy_from_slice(&[next, number(&mut dice), number(&mut dice), 0]);
        }
        let answer = logic.write(batch, &list);
        placed += logic.guard().take_offer().placed;
        while logic.guard().next_durable().is_some() {}
        if let Err(error) = answer {
            // A value that is none of its type, such as a target of syncs: the engine ends the call.
            assert!(
                matches!(error, CallError::Failed { .. }) && list[0] == REQUEST_SYNC,
                "{list:?}: {error}"
            );
            traps += 1;
            let mut guard = logic.into_guard();
            guard.reopen();
            guard.opened().unwrap();
            logic = obeying(guard, Limits::default()).unwrap();
        }
        let on_disk: u64 = disk.data_files().iter().map(|(_, length)| length).sum();
        assert!(on_disk <= MAX_BYTES && disk.data_files().len() <= 8, "{list:?}");
    }
    assert!(traps > 0 && placed > 100, "{traps} traps, {placed} records placed");
    let refusals = logic.guard().refusals();
    assert!(refusals.len() >= 8, "{refusals:?}");

    // Nothing was acknowledged: the next opener finds every record.
    let next = logic.guard().next_id();
    drop(logic);
    disk.kill();
    let buffer = Runs::Natively.open(disk.open().unwrap(), options());
    let (mut expected, reader) = (RecordId(1), buffer.reader());
    loop {
        let records = reader.try_next_batch(1000).unwrap();
        if records.is_empty() {
            break;
        }
        for record in records {
            assert_eq!(record.id(), expected);
            expected = expected.after(1);
        }
    }
    assert_eq!(expected, next);
}
