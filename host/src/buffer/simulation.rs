//! A world for tests: one thread, a clock that stands still, and work that waits until it is told to run.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
    time::Duration,
};

use super::runtime::{Job, Runtime};
use crate::storage::SyncTarget;

/// How many things may happen while a caller waits.
const STEPS_MAX: u32 = 1_000_000;

/// Runs buffers on the thread of a test, which says what happens when: which sync ends next, and how late it is. The same
/// calls give the same history. Copies of it are the same world.
///
/// A caller that waits, as in [`Writer::write`](super::Writer::write), [`Reader::next`](super::Reader::next) or
/// [`Buffer::close`](super::Buffer::close), lets things take their course until what it waits for has happened: syncs end
/// in the order in which they were asked for, and then the clock goes to the next timer. Use
/// [`submit`](super::Writer::submit) and [`try_next_batch`](super::Reader::try_next_batch) where that is not wanted.
///
/// ```
/// use forebay::{Buffer, Durability, Options, Simulation, storage::memory::Disk};
/// # use forebay::{Component, Limits};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (disk, simulation) = (Disk::new(), Simulation::new());
/// let component = Component::embedded()?;
/// let buffer = Buffer::open_on(
///     simulation.runtime(),
///     Box::new(disk.open()?),
///     Options::default(),
///     move |guard| component.instantiate(guard, Limits::default()),
/// )?;
/// let writer = buffer.writer().with_durability(Durability::Synced);
/// let mut pending = writer.submit(vec!["hello".into()])?;
/// assert!(pending.try_take().is_none(), "no sync has ended");
///
/// while simulation.run_sync(0) {}
/// assert!(pending.try_take().is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    world: Arc<World>,
}

#[derive(Debug, Default)]
struct World {
    agenda: Mutex<Agenda>,
}

/// What waits to be run.
#[derive(Default)]
struct Agenda {
    now_ns: u64,
    syncs: VecDeque<(SyncTarget, Job)>,
    jobs: VecDeque<Job>,
    /// By time, and by number where times are equal.
    timers: BTreeMap<(u64, u64), Job>,
    last_timer: u64,
}

impl std::fmt::Debug for Agenda {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agenda")
            .field("now_ns", &self.now_ns)
            .field("syncs", &self.syncs.iter().map(|(target, _)| target).collect::<Vec<_>>())
            .field("jobs", &self.jobs.len())
            .field("timers", &self.timers.keys().map(|(time, _)| time).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Simulation {
    /// A world in which nothing has happened, at time 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a buffer is opened on.
    pub fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::<World>::clone(&self.world)
    }

    /// The time now, in nanoseconds.
    pub fn now_ns(&self) -> u64 {
        self.world.agenda().now_ns
    }

    /// What the syncs are of that were asked for and have not been run, oldest first.
    pub fn syncs(&self) -> Vec<SyncTarget> {
        self.world.agenda().syncs.iter().map(|(target, _)| *target).collect()
    }

    /// Runs the sync with this place in [`syncs`](Self::syncs), and all that follows from it. `false`: there is none.
    pub fn run_sync(&self, place: usize) -> bool {
        let sync = self.world.agenda().syncs.remove(place);
        let is_there = sync.is_some();
        if let Some((_, job)) = sync {
            job();
        }
        self.world.run_jobs();
        is_there
    }

    /// Runs what an executor would run at once: the work of `async` calls.
    pub fn run_jobs(&self) {
        self.world.run_jobs();
    }

    /// The times at which timers are due, in nanoseconds, soonest first.
    pub fn timers(&self) -> Vec<u64> {
        self.world.agenda().timers.keys().map(|(time, _)| *time).collect()
    }

    /// Moves the clock on, stopping at each timer that is due on the way.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let until = self.world.agenda().now_ns.saturating_add(by);
        while self.world.run_timer(until) {}
        self.world.agenda().now_ns = until;
        self.world.run_jobs();
    }
}

impl World {
    fn agenda(&self) -> MutexGuard<'_, Agenda> {
        // A test that has failed elsewhere leaves it as good as it was.
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs what an executor would run at once.
    fn run_jobs(&self) {
        loop {
            // The lock is not held while a job runs.
            let job = self.agenda().jobs.pop_front();
            let Some(job) = job else { break };
            job();
        }
    }

    /// Goes to the next timer that is due by then, and runs it. `false`: there is none.
    fn run_timer(&self, until_ns: u64) -> bool {
        self.run_jobs();
        let due = {
            let mut agenda = self.agenda();
            let due = agenda.timers.first_entry().filter(|first| first.key().0 <= until_ns);
            let due = due.map(std::collections::btree_map::OccupiedEntry::remove_entry);
            if let Some(((time, _), _)) = due {
                agenda.now_ns = agenda.now_ns.max(time);
            }
            due
        };
        let is_there = due.is_some();
        if let Some((_, job)) = due {
            job();
        }
        self.run_jobs();
        is_there
    }

    /// Lets the next thing happen. `false`: nothing will happen any more.
    fn go_on(&self) -> bool {
        let job = {
            let mut agenda = self.agenda();
            agenda.jobs.pop_front().or_else(|| agenda.syncs.pop_front().map(|(_, job)| job))
        };
        match job {
            Some(job) => {
                job();
                true
            }
            None => self.run_timer(u64::MAX),
        }
    }
}

impl Runtime for World {
    fn run_sync(&self, target: SyncTarget, job: Job) {
        self.agenda().syncs.push_back((target, job));
    }

    fn execute(&self, job: Job) {
        self.agenda().jobs.push_back(job);
    }

    fn run_blocking(&self, job: Job) {
        self.execute(job);
    }

    fn run_at(&self, time_ns: u64, job: Job) {
        let mut agenda = self.agenda();
        agenda.last_timer += 1;
        let number = agenda.last_timer;
        agenda.timers.insert((time_ns, number), job);
    }

    fn now_ns(&self) -> u64 {
        self.agenda().now_ns
    }

    /// # Panics
    ///
    /// If nothing is left that could happen, or all that happens is in vain: other threads would wait for ever.
    fn block_on(&self, mut event: Pin<&mut (dyn Future<Output = ()> + Send)>) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..STEPS_MAX {
            if event.as_mut().poll(&mut context).is_ready() {
                return;
            }
            assert!(self.go_on(), "this waits for ever: nothing is left that could happen");
        }
        panic!("this waits for ever: {STEPS_MAX} things have happened, and none that it waits for");
    }
}
