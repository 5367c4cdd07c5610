//! What callers are promised: `written` survives the death of the process, `synced` survives power loss.

use std::collections::BTreeMap;

use forebay::{Buffer, Durability, NewRecord, Pending, RecordId, storage::memory::Disk};
use proptest::prelude::*;

use crate::support::{
    Runs,
    storage::{HeldSyncs, ids, options, read, records, write},
};

/// One step of a history.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Hands over so many records, to be answered when they are synced, and goes on.
    Submit(u64),
    /// Writes so many records.
    Write(u64),
    /// Waits for the answers, if syncs go on.
    Wait,
    /// Reads so many records and acknowledges them.
    Consume(usize),
    HoldSyncs,
    LetSyncsGoOn,
    Close,
    Kill,
    LosePower,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..12_u64).prop_map(Step::Submit),
        3 => (1..30_u64).prop_map(Step::Write),
        3 => Just(Step::Wait),
        2 => (1..40_usize).prop_map(Step::Consume),
        1 => Just(Step::HoldSyncs),
        2 => Just(Step::LetSyncsGoOn),
        1 => Just(Step::Close),
        2 => Just(Step::Kill),
        2 => Just(Step::LosePower),
    ]
}

/// Records by their ids. Each has a number of its own, which never comes again: ids do, after a power loss.
type Records = BTreeMap<u64, u64>;

/// A buffer, and what was promised of it.
struct History {
    runs: Runs,
    disk: Disk,
    buffer: Option<Buffer>,
    are_syncs_held: bool,
    pending: Vec<(Pending, Vec<u64>)>,
    last_number: u64,
    written: Records,
    synced: Records,
    acknowledged: u64,
}

/// Whatever has failed: closing waits for syncs.
impl Drop for History {
    fn drop(&mut self) {
        self.disk.let_syncs_go_on();
    }
}

impl History {
    fn start(runs: Runs) -> Self {
        let mut history = Self {
            runs,
            disk: Disk::new(),
            buffer: None,
            are_syncs_held: false,
            pending: Vec::new(),
            last_number: 0,
            written: Records::new(),
            synced: Records::new(),
            acknowledged: 0,
        };
        history.open();
        history
    }

    fn open(&mut self) {
        self.are_syncs_held = false;
        self.disk.let_syncs_go_on();
        self.buffer = Some(self.runs.open(self.disk.open().unwrap(), options()));
    }

    fn buffer(&self) -> &Buffer {
        self.buffer.as_ref().unwrap()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Submit(count) => {
                let (numbers, batch) = self.batch(count);
                let writer = self.buffer().writer().with_durability(Durability::Synced);
                self.pending.push((writer.submit(batch).unwrap(), numbers));
            }
            Step::Write(count) => {
                let (numbers, batch) = self.batch(count);
                let receipt = self.buffer().writer().write_batch(batch).unwrap();
                self.written.extend((receipt.first_id.unwrap().0..).zip(numbers));
            }
            Step::Wait if self.are_syncs_held => {}
            Step::Wait => {
                for (pending, numbers) in std::mem::take(&mut self.pending) {
                    let receipt = pending.wait().unwrap();
                    self.synced.extend((receipt.first_id.unwrap().0..).zip(numbers));
                }
            }
            Step::Consume(count) => {
                let records = self.buffer().reader().try_next_batch(count).unwrap();
                if let Some(last) = records.last() {
                    self.buffer().reader().ack_through(last.id());
                    self.acknowledged = last.id().0;
                }
            }
            Step::HoldSyncs => {
                self.are_syncs_held = true;
                self.disk.hold_syncs();
            }
            Step::LetSyncsGoOn => {
                self.are_syncs_held = false;
                self.disk.let_syncs_go_on();
            }
            Step::Close => {
                self.disk.let_syncs_go_on();
                self.take_answers();
                self.buffer.take().unwrap().close().unwrap();
                // Closing syncs: from here on it makes no difference how the machine ends.
                self.disk.power_loss();
                self.check(self.written.clone().into_iter().chain(self.synced.clone()).collect());
            }
            Step::Kill => {
                self.take_answers();
                self.disk.kill();
                self.buffer = None;
                self.check(self.written.clone().into_iter().chain(self.synced.clone()).collect());
            }
            Step::LosePower => {
                self.take_answers();
                self.disk.power_loss();
                self.buffer = None;
                self.check(self.synced.clone());
            }
        }
    }

    fn batch(&mut self, count: u64) -> (Vec<u64>, Vec<NewRecord>) {
        let numbers: Vec<u64> = (self.last_number + 1..=self.last_number + count).collect();
        self.last_number += count;
        let payload = |number: &u64| {
            NewRecord::new(format!("{number} {:x>1$}", "", usize::try_from(number % 300).unwrap()))
        };
        (numbers.clone(), numbers.iter().map(payload).collect())
    }

    /// What was answered until now was promised.
    fn take_answers(&mut self) {
        for (mut pending, numbers) in std::mem::take(&mut self.pending) {
            if let Some(answer) = pending.try_take() {
                self.synced.extend((answer.unwrap().first_id.unwrap().0..).zip(numbers));
            }
        }
    }

    /// Opens the buffer again: these records must be in it, but for what was acknowledged, and nothing that was never
    /// written.
    fn check(&mut self, promised: Records) {
        self.open();
        let mut delivered = Records::new();
        loop {
            let records = self.buffer().reader().try_next_batch(1000).unwrap();
            if records.is_empty() {
                break;
            }
            for record in records {
                let text = String::from_utf8(record.payload().to_vec()).unwrap();
                let number = text.split(' ').next().unwrap().parse().unwrap();
                assert!((1..=self.last_number).contains(&number), "record {number} was never written");
                delivered.insert(record.id().0, number);
            }
        }
        assert!(delivered.values().is_sorted_by(|one, next| one < next), "out of order: {delivered:?}");
        for (id, number) in promised.into_iter().filter(|(id, _)| *id > self.acknowledged) {
            assert_eq!(delivered.get(&id), Some(&number), "id {id} of {delivered:?}");
        }
        self.acknowledged = self.buffer().open_report().first_unread.0 - 1;
        // What the disk had is on it still, and what was not there must be written again.
        self.written.clone_from(&delivered);
        self.synced.retain(|id, number| delivered.get(id) == Some(number));
        // What was read is to be read again.
        self.disk.kill();
        self.buffer = None;
        self.open();
    }
}

fn survives(runs: Runs, steps: &[Step]) {
    let mut history = History::start(runs);
    for step in steps {
        history.take(*step);
    }
    history.take(Step::LosePower);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The promise on which all others stand.
    #[test]
    fn what_was_answered_survives(steps in prop::collection::vec(step(), 1..40)) {
        survives(Runs::Natively, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The same with the logic that ships.
    #[test]
    fn what_was_answered_survives_with_the_component(steps in prop::collection::vec(step(), 1..40)) {
        survives(Runs::AsComponent, &steps);
    }
}

/// A writer that asks for `synced` is told when the disk has it, and not when it was asked.
#[test]
fn pain_22489_synced_is_answered_after_the_sync_and_not_before() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open(disk.open().unwrap(), options());
        let writer = buffer.writer().with_durability(Durability::Synced);
        writer.write_batch(records(1..=10)).unwrap();
        let held = HeldSyncs::of(&disk);
        let mut pending = writer.submit(records(11..=20)).unwrap();
        // Written, and not synced: others need not wait for that.
        write(&buffer, 21..=30);
        assert!(pending.try_take().is_none(), "{runs:?}");
        drop(held);
        assert_eq!(pending.wait().unwrap().last_id, Some(RecordId(20)), "{runs:?}");
        disk.power_loss();
        drop(buffer);
        let survived = read(&runs.open(disk.open().unwrap(), options()));
        assert_eq!(survived[..20], ids([1..=20]), "{runs:?}");
    }
}

/// What is acknowledged is not synced for its own sake, so a writer that waits for `synced` must be answered by that. Here the
/// file of the record that is waited for is left and read to its end before any sync has ended.
#[test]
fn a_record_that_was_acknowledged_is_not_waited_for() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut opened = None;
        let held = HeldSyncs::of(&disk);
        let buffer = opened.insert(runs.open(disk.open().unwrap(), options()));
        let writer = buffer.writer().with_durability(Durability::Synced);
        let mut pending = writer.submit(records(1..=10)).unwrap();
        write(buffer, 11..=60);
        assert_eq!(read(buffer), ids([1..=60]), "{runs:?}");
        buffer.reader().ack_through(RecordId(60));
        drop(held);
        // Closing waits for all syncs, and turns away who has no answer then.
        opened.unwrap().close().unwrap();
        assert_eq!(pending.try_take().unwrap().unwrap().records, 10, "{runs:?}");
    }
}

/// `written` records wait in no process's memory.
#[test]
fn a_kill_loses_nothing_that_was_written() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let mut next = 1;
        for count in [1, 47, 48, 49, 500, 3] {
            let buffer = runs.open(disk.open().unwrap(), options());
            write(&buffer, next..=next + count - 1);
            next += count;
            disk.kill();
        }
        assert_eq!(read(&runs.open(disk.open().unwrap(), options())), ids([1..=next - 1]), "{runs:?}");
    }
}
