//! The threads of the process, shared by all its buffers: one pool for syncs, which block on the disk, one for whoever
//! must not block, and one timer. All start when they are first needed.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Instant,
};

use tracing::error;

/// Work for a pool.
type Job = Box<dyn FnOnce() + Send>;

/// Syncs that may be under way at the same time in all buffers of the process.
const SYNC_THREADS: usize = 4;
const EXECUTOR_THREADS: usize = 2;

static SYNCS: LazyLock<Pool> = LazyLock::new(|| Pool::start("forebay-sync", SYNC_THREADS));
static EXECUTORS: LazyLock<Pool> = LazyLock::new(|| Pool::start("forebay-exec", EXECUTOR_THREADS));
static TIMER: LazyLock<Arc<Timer>> = LazyLock::new(Timer::start);

/// Runs a job that blocks on the disk.
pub(crate) fn run_sync(job: Job) {
    SYNCS.run(job);
}

/// Runs a job for a caller that must not block.
pub(crate) fn execute(job: Job) {
    EXECUTORS.run(job);
}

/// Runs a short job at a time, or soon after it.
pub(crate) fn at(time: Instant, job: Job) {
    TIMER.add(time, job);
}

struct Pool {
    jobs: Mutex<mpsc::Sender<Job>>,
    running: bool,
}

impl Pool {
    fn start(name: &str, threads: usize) -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let started = (0..threads).filter(|number| {
            let queue = Arc::clone(&queue);
            let run = move || {
                // The lock is held while waiting for a job and not while running it.
                while let Ok(job) = { lock(&queue).recv() } {
                    job();
                }
            };
            thread::Builder::new().name(format!("{name}-{number}")).spawn(run).is_ok()
        });
        let running = started.count() > 0;
        if !running {
            error!(pool = name, "no thread can be started: its work is done by those who ask for it");
        }
        Self { jobs: Mutex::new(jobs), running }
    }

    fn run(&self, job: Job) {
        if !self.running {
            return job();
        }
        if let Err(mpsc::SendError(job)) = lock(&self.jobs).send(job) {
            job();
        }
    }
}

struct Entry {
    time: Instant,
    number: u64,
    job: Job,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time, self.number).cmp(&(other.time, other.number))
    }
}

#[derive(Default)]
struct Timer {
    state: Mutex<(BinaryHeap<Reverse<Entry>>, u64)>,
    changed: Condvar,
}

impl Timer {
    fn start() -> Arc<Self> {
        let timer = Arc::new(Self::default());
        let run = {
            let timer = Arc::clone(&timer);
            move || timer.run()
        };
        if let Err(error) = thread::Builder::new().name("forebay-timer".to_owned()).spawn(run) {
            error!(%error, "no timer thread can be started: records are synced only by flush and close");
        }
        timer
    }

    fn add(&self, time: Instant, job: Job) {
        let mut state = lock(&self.state);
        let number = state.1;
        state.1 += 1;
        state.0.push(Reverse(Entry { time, number, job }));
        self.changed.notify_one();
    }

    fn run(&self) {
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            let wait = state.0.peek().map(|Reverse(first)| first.time.saturating_duration_since(now));
            state = match wait {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(wait) if !wait.is_zero() => {
                    self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    let due = state.0.pop();
                    drop(state);
                    if let Some(Reverse(entry)) = due {
                        (entry.job)();
                    }
                    lock(&self.state)
                }
            };
        }
    }
}

/// Takes a lock. That another thread panicked while it held it is no reason to stop: what these locks guard is changed in
/// single steps.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
