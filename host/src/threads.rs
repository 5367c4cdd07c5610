//! The threads of the process, shared by all its buffers: one pool for syncs, which block on the disk, one for callers
//! that must not block, and one timer. All start when they are first needed.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    num::NonZeroUsize,
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Instant,
};

use tracing::error;

use crate::{panics::caught, thread_limit::explain};

/// Work for a pool.
type Job = Box<dyn FnOnce() + Send>;

/// Syncs that may be under way at the same time in all buffers of the process.
const SYNC_THREADS: usize = 4;

/// How many of them one buffer may have: a thread is left for the others, however slow its disk is.
pub(crate) const SYNCS_OF_A_BUFFER: NonZeroUsize = NonZeroUsize::MIN.saturating_add(SYNC_THREADS - 2);

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

/// Runs a job that may block for long, and wait for jobs of the pools. It has a thread of its own.
pub(crate) fn run_blocking(job: Job) {
    let job = Arc::new(Mutex::new(Some(job)));
    let run = {
        let job = Arc::clone(&job);
        move || {
            let job = lock(&job).take();
            job.into_iter().for_each(run_to_an_end);
        }
    };
    if let Err(error) = thread::Builder::new().name("forebay-blocking".to_owned()).spawn(run) {
        let error = explain(error);
        error!(%error, "no thread can be started: its work is done by the caller");
        let job = lock(&job).take();
        job.into_iter().for_each(run_to_an_end);
    }
}

/// Runs a short job at a time, or soon after it.
pub(crate) fn at(time: Instant, job: Job) {
    TIMER.add(time, job);
}

/// Runs a job. A panic in it, which only an embedder's own storage is known to raise, must not take the thread away from the
/// other buffers of the process. What it was working on belongs to its own buffer.
pub(crate) fn run_to_an_end(job: impl FnOnce()) {
    // The panic's own message has been printed by the process's hook.
    if caught(job).is_err() {
        error!("work of a buffer has panicked: it was given up, and its buffer may stand still");
    }
}

struct Pool {
    jobs: Mutex<mpsc::Sender<Job>>,
    running: bool,
}

impl Pool {
    fn start(name: &str, threads: usize) -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let start = |number| {
            let queue = Arc::clone(&queue);
            let run = move || {
                // The lock is held while waiting for a job and not while running it.
                while let Ok(job) = { lock(&queue).recv() } {
                    run_to_an_end(job);
                }
            };
            thread::Builder::new().name(format!("{name}-{number}")).spawn(run)
        };
        let (started, refused): (Vec<_>, Vec<_>) = (0..threads).map(start).partition(Result::is_ok);
        let running = !started.is_empty();
        if let (false, Some(Err(error))) = (running, refused.into_iter().next()) {
            let error = explain(error);
            error!(pool = name, %error, "no thread can be started: its work is done by those who ask for it");
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
            let error = explain(error);
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
                        run_to_an_end(entry.job);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;

    /// The threads are shared: one buffer's misfortune would leave the others without syncs, ticks and wake-ups.
    #[test]
    fn a_job_that_panics_leaves_its_thread_to_the_next() {
        let pool = Pool::start("test", 1);
        let timer = Timer::start();
        let (done, results) = mpsc::channel();
        for number in 0..2 {
            pool.run(Box::new(|| panic!("this panic is part of a test")));
            timer.add(Instant::now(), Box::new(|| panic!("this panic is part of a test")));
            let (of_pool, of_timer) = (done.clone(), done.clone());
            pool.run(Box::new(move || of_pool.send(("pool", number)).unwrap()));
            timer.add(Instant::now(), Box::new(move || of_timer.send(("timer", number)).unwrap()));
        }
        let mut results: Vec<_> =
            (0..4).map_while(|_| results.recv_timeout(Duration::from_mins(1)).ok()).collect();
        results.sort_unstable();
        assert_eq!(results, [("pool", 0), ("pool", 1), ("timer", 0), ("timer", 1)]);
    }
}
