//! The component does what the logic does that it was made from: the same calls get the same answers, and leave the same
//! bytes.
//!
//! Everything happens on one thread here, and the test says which sync ends when. So every history can be had again.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use forebay::{
    NewRecord, RecordId, WhenFull,
    guard::{Guard, StoppedClock},
    logic::{Logic, LogicOptions},
    storage::{SyncJob, SyncTarget, memory::Disk},
};
use proptest::prelude::*;

use crate::support::Runs;

const FILE_BYTES: u64 = 4096;
const MAX_BYTES: u64 = 5 * FILE_BYTES;

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// Offers records, each with so many events and bytes.
    Write(Vec<(u32, usize)>),
    /// The same, for a writer that waits until they are synced.
    WriteSynced(Vec<(u32, usize)>),
    Read(u32, u64),
    /// Acknowledges all that was read but so many ids; or, below zero, more than that.
    Acknowledge(i64),
    Tick(u64),
    Flush,
    /// Carries out one of the syncs that wait.
    Sync(usize),
    /// One of the syncs that wait fails.
    FailSync(usize),
    CloseWriter,
    Kill,
    LosePower,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => batch().prop_map(Step::Write),
        3 => batch().prop_map(Step::WriteSynced),
        6 => (1_u32..30, 0_u64..5000).prop_map(|(records, bytes)| Step::Read(records, bytes)),
        6 => (-3_i64..6).prop_map(Step::Acknowledge),
        2 => (0_u64..2_000_000_000).prop_map(Step::Tick),
        2 => Just(Step::Flush),
        16 => any::<usize>().prop_map(Step::Sync),
        1 => any::<usize>().prop_map(Step::FailSync),
        1 => Just(Step::CloseWriter),
        1 => Just(Step::Kill),
        1 => Just(Step::LosePower),
    ]
}

fn batch() -> impl Strategy<Value = Vec<(u32, usize)>> {
    prop::collection::vec((1_u32..4, 0_usize..900), 1..12)
}

type Jobs = Arc<Mutex<Vec<(SyncTarget, SyncJob)>>>;

/// A buffer without threads, and what it has answered.
struct Bench {
    runs: Runs,
    disk: Disk,
    logic: Box<dyn Logic>,
    jobs: Jobs,
    now_ns: u64,
    last_number: u64,
    /// The records that were placed since opening, by their ids.
    placed: BTreeMap<u64, u64>,
    /// The id after the last one that was read.
    read_to: u64,
    /// What was durable, by the guard's account, at some time since opening.
    durable: u64,
    /// A writer waits until all below this id is durable.
    awaited: u64,
    /// After a failed sync: what was durable before it. The disk answers OK to the next one and has lost the bytes all the
    /// same, and a process that opens the buffer later cannot know.
    trusted: Option<u64>,
    acknowledged: u64,
    log: String,
}

impl Bench {
    fn new(runs: Runs) -> Self {
        let (disk, jobs) = (Disk::new(), Jobs::default());
        let logic = make(runs, &disk, &jobs);
        let mut bench = Self {
            runs,
            disk,
            logic,
            jobs,
            now_ns: 0,
            last_number: 0,
            placed: BTreeMap::new(),
            read_to: 1,
            durable: 0,
            awaited: 0,
            trusted: None,
            acknowledged: 0,
            log: String::new(),
        };
        bench.open();
        bench
    }

    fn open(&mut self) {
        let options = LogicOptions {
            max_bytes: MAX_BYTES,
            file_bytes: FILE_BYTES,
            max_events: 500,
            when_full: WhenFull::Block,
            takes_over: false,
            sync_interval_ms: 500,
            now_ns: self.now_ns,
            more: Vec::new(),
        };
        self.logic.open(&options).unwrap();
        let report = self.logic.guard().opened().unwrap();
        self.note(&format!("{report:?}"));
        self.placed.clear();
        self.read_to = report.first_unread.0;
        self.acknowledged = report.first_unread.0 - 1;
        self.durable = 0;
        self.awaited = 0;
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Write(records) => self.write(records),
            Step::WriteSynced(records) => {
                let before = self.logic.guard().next_id();
                self.write(records);
                let next = self.logic.guard().next_id();
                if next > before {
                    self.awaited = next.0;
                }
                let result = self.logic.flush();
                self.note(&format!("{result:?}"));
            }
            Step::Read(records, bytes) => {
                let read = self.read(*records, *bytes);
                self.note(&format!("{read:?}"));
                self.read_to = read.last().map_or(self.read_to, |(_, next, _)| *next);
            }
            Step::Acknowledge(less) => {
                let through = (self.read_to - 1).saturating_add_signed(-less);
                let told = self.logic.guard().acknowledge(RecordId(through)).unwrap();
                let result = self.logic.acknowledge(told);
                self.note(&format!("{result:?}"));
                // Beyond what was read there may be a gap, and one may acknowledge up to its end.
                self.acknowledged = self.acknowledged.max(through);
            }
            Step::Tick(later_ns) => {
                self.now_ns += later_ns;
                self.logic.guard().retry_syncs();
                let result = self.logic.tick(self.now_ns);
                self.note(&format!("{result:?}"));
            }
            Step::Flush => {
                let result = self.logic.flush();
                self.note(&format!("{result:?}"));
            }
            Step::Sync(which) => self.end_sync(*which, true),
            Step::FailSync(which) => self.end_sync(*which, false),
            Step::CloseWriter => {
                let result = self.logic.close_writer();
                self.note(&format!("{result:?}"));
            }
            Step::Kill => {
                self.disk.kill();
                let placed = self.placed.clone();
                self.open_again(|id| placed.get(&id).copied());
            }
            Step::LosePower => {
                self.disk.power_loss();
                let placed = self.placed.clone();
                let durable = self.trusted.take().unwrap_or(u64::MAX).min(self.durable);
                self.open_again(|id| placed.get(&id).copied().filter(|_| id < durable));
            }
        }
        self.durable = self.durable.max(self.logic.guard().durable_next().0);
        let status = self.logic.status();
        let (ledger, files) = (self.disk.ledger(), self.disk.data_files());
        self.note(&format!("{status:?} {ledger:?} {files:?} {}", self.durable));
    }

    fn write(&mut self, records: &[(u32, usize)]) {
        let records = records.iter().map(|&(events, bytes)| {
            self.last_number += 1;
            NewRecord::new(format!("{} {}", self.last_number, "x".repeat(bytes)))
                .with_metadata(7)
                .with_events(NonZeroU32::new(events).unwrap())
        });
        let (batch, sizes) = self.logic.guard().offer(records.collect());
        let result = self.logic.write(batch, &sizes);
        let placement = self.logic.guard().take_offer();
        self.note(&format!("{result:?} {} {:?}", placement.placed, placement.first_id));
        let mut id = placement.first_id.unwrap_or(RecordId(0));
        for record in &placement.records[..placement.placed] {
            self.placed.insert(id.0, number(&record.payload));
            id = id.after(record.events.get().into());
        }
    }

    /// Reads; gives ids, next ids and numbers.
    fn read(&mut self, max_records: u32, max_bytes: u64) -> Vec<(u64, u64, u64)> {
        let allowed = self.logic.read(max_records, max_bytes).unwrap();
        let records = self.logic.guard().deliver(allowed, max_bytes).unwrap();
        records
            .iter()
            .map(|record| {
                (record.id.0, record.id.0 + u64::from(record.events.get()), number(&record.payload))
            })
            .collect()
    }

    fn end_sync(&mut self, which: usize, ok: bool) {
        let (target, job) = {
            let mut jobs = self.jobs.lock().unwrap();
            if jobs.is_empty() {
                return;
            }
            let which = which % jobs.len();
            jobs.remove(which)
        };
        if !ok {
            self.disk.fail_sync(target, 1);
            self.trusted.get_or_insert(self.durable);
        }
        let result = job();
        self.note(&format!("{target:?} {}", result.is_ok()));
        self.logic.guard().sync_ended(target, &result);
        while let Some(ticket) = self.logic.guard().next_durable() {
            let told = self.logic.synced(ticket);
            self.note(&format!("{ticket:?} {told:?}"));
        }
    }

    /// The process has died: opens the buffer again, twice. What was promised must be there the first time.
    fn open_again(&mut self, promised: impl Fn(u64) -> Option<u64>) {
        let (acknowledged, placed) = (self.acknowledged, std::mem::take(&mut self.placed));
        self.start_logic();
        let mut delivered = BTreeMap::new();
        loop {
            let read = self.read(100, 100_000);
            if read.is_empty() {
                break;
            }
            delivered.extend(read.into_iter().map(|(id, _, number)| (id, number)));
        }
        assert!(delivered.values().is_sorted_by(|one, next| one < next), "out of order: {delivered:?}");
        for id in placed.into_keys().filter(|id| *id > acknowledged) {
            if let Some(number) = promised(id) {
                assert_eq!(delivered.get(&id), Some(&number), "id {id} of {delivered:?}");
            }
        }
        self.disk.kill();
        self.start_logic();
        self.placed = delivered;
    }

    fn start_logic(&mut self) {
        self.jobs.lock().unwrap().clear();
        self.logic = make(self.runs, &self.disk, &self.jobs);
        self.open();
    }

    fn note(&mut self, what: &str) {
        writeln!(self.log, "{what}").unwrap();
    }

    /// A writer that waits for `synced` waits for no more than the syncs that were asked for: no other write is needed. What is
    /// acknowledged meanwhile needs no disk.
    fn end_all_syncs(&mut self) {
        while !self.jobs.lock().unwrap().is_empty() {
            self.take(&Step::Sync(0));
        }
        if self.trusted.is_none() {
            let (durable, acknowledged) = (self.durable, self.acknowledged);
            let is_answered = self.awaited <= durable.max(acknowledged + 1);
            assert!(
                is_answered,
                "{} is awaited, {durable} durable, {acknowledged} acknowledged",
                self.awaited
            );
        }
    }

    /// All that it has answered, and all that is on the disk.
    fn end(mut self) -> (String, Vec<Vec<u8>>) {
        self.end_all_syncs();
        // The reader's side as well: what it would still give.
        for _ in 0..100 {
            self.take(&Step::Read(20, 4096));
        }
        let files = self.disk.data_files().into_iter().map(|(file, _)| self.disk.data_file(file).unwrap());
        let files = files.collect();
        (self.log, files)
    }
}

fn make(runs: Runs, disk: &Disk, jobs: &Jobs) -> Box<dyn Logic> {
    let jobs = Arc::clone(jobs);
    let runner = Box::new(move |target, job| jobs.lock().unwrap().push((target, job)));
    let guard =
        Guard::new(Box::new(disk.open().unwrap()), Arc::new(StoppedClock::default()), MAX_BYTES, runner)
            .unwrap();
    runs.make(guard).unwrap()
}

fn number(payload: &[u8]) -> u64 {
    let text = std::str::from_utf8(payload).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Tests and simulations run the logic natively, and people run the component.
    #[test]
    fn both_answer_alike(steps in prop::collection::vec(step(), 1..80)) {
        let [natively, as_component] = Runs::ALL.map(|runs| {
            let mut bench = Bench::new(runs);
            for step in &steps {
                bench.take(step);
            }
            bench.end()
        });
        prop_assert_eq!(natively.0, as_component.0);
        prop_assert!(natively.1 == as_component.1, "the bytes on the disk differ");
    }
}
