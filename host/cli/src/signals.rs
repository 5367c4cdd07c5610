//! SIGHUP, SIGINT and SIGTERM: the buffer is closed well, and served no more, whatever the command is waiting for at that moment.
//!
//! A signal ends writing, which wakes all who wait for records or for room. A command that reads stdin places first what it has read,
//! for half of the time. The command then finishes the step that it is in, and ends. A command that is stuck in a step, because its output is not read, is not waited for, and neither is logic that
//! takes its time: its brake is pulled. A second signal ends the process within a second, also where the buffer cannot be
//! closed.

use std::{
    fs,
    io::{ErrorKind, Read as _},
    mem,
    os::unix::net::UnixStream,
    process,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use forebay::{Brake, Buffer, explain_missing_threads, storage::native::explain_missing_descriptors};
use forebay_serve::Server;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
    low_level::pipe,
};

use crate::exit::Exit;

/// How long a command may take to end by itself before the buffer is closed over its head, unless the operator chose it.
const GRACE: Duration = Duration::from_secs(10);

/// How long the process goes on after a second signal. The first may have come twice, from a shell and from a tool that
/// passes it on: a buffer that can be closed is closed in this time.
const LAST_GRACE: Duration = Duration::from_millis(800);

/// How long other processes have, when this one ends, to acknowledge the records that they took.
const LEASE_GRACE: Duration = Duration::from_millis(500);

/// Wakes a command that waits for something else than its buffer.
pub(crate) type Wake = Box<dyn Fn() + Send>;

/// The buffer that is to be closed, and the signal that asked for it. A clone is another handle to the same.
#[derive(Clone)]
pub(crate) struct Signals {
    caught: Arc<AtomicUsize>,
    held: Arc<Mutex<Held>>,
    /// That of the buffer, also while it is being closed.
    brake: Arc<OnceLock<Brake>>,
    grace: Arc<OnceLock<Duration>>,
    /// When the signal came.
    since: Arc<OnceLock<Instant>>,
    /// The command places what it has read before writing ends.
    places_first: Arc<AtomicBool>,
    /// A second signal has come: the process ends within a second.
    insisted: Arc<AtomicBool>,
}

enum Held {
    /// There is nothing to close, yet.
    Nothing,
    /// The buffer is another process's. A command that is woken ends its last call.
    Connected(Wake),
    Open(Box<Open>),
    /// It is being closed, or it is.
    Closed,
}

struct Open {
    buffer: Buffer,
    wake: Wake,
    /// Serves the buffer to other processes.
    server: Option<Server>,
}

impl Signals {
    /// From now on the signals are dealt with here. A second one ends the process soon, and at once when the time for ending
    /// well is over. SIGHUP stays ignored if it was: `nohup` starts a process so.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let signals = Self::new();
        let started = signals.start().map_err(explain_missing_descriptors).map_err(explain_missing_threads);
        started.context("cannot listen for signals")?;
        Ok(signals)
    }

    /// None has come, and there is no buffer.
    pub(crate) fn new() -> Self {
        Self {
            caught: Arc::default(),
            held: Arc::new(Mutex::new(Held::Nothing)),
            brake: Arc::default(),
            grace: Arc::default(),
            since: Arc::default(),
            places_first: Arc::default(),
            insisted: Arc::default(),
        }
    }

    fn start(&self) -> std::io::Result<()> {
        let (mut receiver, sender) = UnixStream::pair()?;
        let overdue = Arc::new(AtomicBool::new(false));
        for signal in heard() {
            flag::register_conditional_shutdown(signal, Exit::Signal(signal).number(), Arc::clone(&overdue))?;
            flag::register_usize(signal, Arc::clone(&self.caught), usize::try_from(signal).unwrap_or(0))?;
            pipe::register(signal, sender.try_clone()?)?;
        }
        let (caught, held) = (Arc::clone(&self.caught), Arc::clone(&self.held));
        let (first, began) = sync_channel::<(Exit, Instant)>(1);
        let (grace, places_first) = (Arc::clone(&self.grace), Arc::clone(&self.places_first));
        let close = move || {
            let Ok((exit, until)) = began.recv() else { return };
            if places_first.load(Ordering::SeqCst) {
                wake(exit, &held);
                let half = grace.get().copied().unwrap_or(GRACE) / 2;
                thread::sleep(until.saturating_duration_since(Instant::now()).saturating_sub(half));
            }
            begin_end(exit, &held);
            thread::sleep(until.saturating_duration_since(Instant::now()));
            end(exit, &held);
        };
        // Closing may wait for a disk or for the logic. Another thread hears the second signal meanwhile.
        let (brake, grace) = (Arc::clone(&self.brake), Arc::clone(&self.grace));
        let (since, insisted) = (Arc::clone(&self.since), Arc::clone(&self.insisted));
        let wait = move || {
            wait_for_signal(&mut receiver);
            let _ = since.set(Instant::now());
            let exit = Exit::Signal(signal_in(&caught).unwrap_or(SIGTERM));
            let until = Instant::now() + grace.get().copied().unwrap_or(GRACE);
            let _ = first.send((exit, until));
            if !comes_again(&mut receiver, until) {
                overdue.store(true, Ordering::SeqCst);
                if let Some(brake) = brake.get() {
                    brake.pull();
                }
                wait_for_signal(&mut receiver);
            }
            insisted.store(true, Ordering::SeqCst);
            thread::sleep(LAST_GRACE);
            process::exit(exit.number());
        };
        thread::Builder::new().name("forebay-closing".to_owned()).spawn(close)?;
        thread::Builder::new().name("forebay-signals".to_owned()).spawn(wait)?;
        Ok(())
    }

    /// Chooses how long a command may take to end by itself.
    pub(crate) fn set_grace(&self, grace: Duration) {
        // A command chooses it once.
        let _ = self.grace.set(grace);
    }

    /// When a signal comes, the command places first what it has read. Writing ends when half of the time is over.
    pub(crate) fn place_first(&self) {
        self.places_first.store(true, Ordering::SeqCst);
    }

    /// Whether a step may be begun: no signal has come, or the first half of the time that it leaves is not over.
    pub(crate) fn may_go_on(&self) -> bool {
        self.is_within(2)
    }

    /// Whether the command is to give up what it waits for, and say how it went.
    pub(crate) fn is_overdue(&self) -> bool {
        !self.is_within(3)
    }

    /// Whether no signal has come, or fewer than so many quarters of its time are over.
    fn is_within(&self, quarters: u32) -> bool {
        let grace = self.grace.get().copied().unwrap_or(GRACE);
        self.since.get().is_none_or(|since| since.elapsed() < grace.saturating_mul(quarters) / 4)
    }

    /// A stream that has bytes as soon as a signal has come.
    pub(crate) fn wake_on_signal() -> std::io::Result<UnixStream> {
        let (receiver, sender) = UnixStream::pair()?;
        for signal in heard() {
            pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(receiver)
    }

    /// The signal that was caught, if one was.
    pub(crate) fn caught(&self) -> Option<i32> {
        signal_in(&self.caught)
    }

    /// Whether a second signal has come. A process that this one has started is to end at once.
    pub(crate) fn is_insisted(&self) -> bool {
        self.insisted.load(Ordering::SeqCst)
    }

    /// Fails once a signal was caught, so that work is given up whose result would be of no use in part.
    pub(crate) fn fail_if_caught(&self) -> anyhow::Result<()> {
        match self.caught() {
            None => Ok(()),
            Some(_) => anyhow::bail!("a signal has ended it: what was made so far is removed"),
        }
    }

    /// From now on this buffer is closed when a signal comes, or by [`close`](Self::close).
    pub(crate) fn hold(&self, buffer: Buffer, wake: Wake) {
        if self.caught().is_some() && !self.places_first.load(Ordering::SeqCst) {
            buffer.end_writing();
        }
        // A command has one buffer.
        let _ = self.brake.set(buffer.brake());
        *lock(&self.held) = Held::Open(Box::new(Open { buffer, wake, server: None }));
    }

    /// The buffer that is held is served until it is closed.
    pub(crate) fn serve(&self, server: Server) {
        match &mut *lock(&self.held) {
            Held::Open(open) => open.server = Some(server),
            // A signal has closed it: dropping the server ends it.
            Held::Nothing | Held::Connected(_) | Held::Closed => {}
        }
    }

    /// From now on a command ends its last call to the buffer's owner when a signal comes.
    pub(crate) fn hold_connection(&self, wake: Wake) {
        *lock(&self.held) = Held::Connected(wake);
    }

    /// Does something with the buffer, unless it is closed.
    pub(crate) fn with_buffer<T>(&self, action: impl FnOnce(&Buffer) -> T) -> Option<T> {
        match &*lock(&self.held) {
            Held::Open(open) => Some(action(&open.buffer)),
            Held::Nothing | Held::Connected(_) | Held::Closed => None,
        }
    }

    /// Closes the buffer, if it is open. Answers with how many events waited in data files that were taken away.
    pub(crate) fn close(&self) -> anyhow::Result<u64> {
        close(&self.held)
    }
}

/// A signal came: has the command place what it has read.
fn wake(exit: Exit, held: &Mutex<Held>) {
    match &*lock(held) {
        Held::Nothing => process::exit(exit.number()),
        Held::Connected(wake) => wake(),
        Held::Open(open) => (open.wake)(),
        Held::Closed => {}
    }
}

/// The signals that are dealt with here.
fn heard() -> impl Iterator<Item = i32> {
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    [SIGINT, SIGTERM].into_iter().chain(hangup)
}

/// A signal came: has the command end.
fn begin_end(exit: Exit, held: &Mutex<Held>) {
    match &*lock(held) {
        Held::Nothing => process::exit(exit.number()),
        Held::Connected(wake) => wake(),
        Held::Open(open) => {
            open.buffer.end_writing();
            (open.wake)();
        }
        Held::Closed => {}
    }
}

/// Ends a command that is stuck in a step. One that is closing its buffer ends by itself.
fn end(exit: Exit, held: &Mutex<Held>) {
    if !matches!(*lock(held), Held::Closed) {
        // What is wrong with the buffer was logged, and the exit code says that a signal ended it.
        let _ = close(held);
        process::exit(exit.number());
    }
}

fn close(held: &Mutex<Held>) -> anyhow::Result<u64> {
    let was = mem::replace(&mut *lock(held), Held::Closed);
    match was {
        Held::Open(open) => {
            let Open { buffer, server, .. } = *open;
            if let Some(server) = server {
                server.stop(LEASE_GRACE);
            }
            Ok(buffer.close_and_count()?)
        }
        Held::Nothing | Held::Connected(_) | Held::Closed => Ok(0),
    }
}

fn wait_for_signal(receiver: &mut UnixStream) {
    let mut byte = [0];
    while !matches!(receiver.read(&mut byte), Ok(1)) {}
}

/// Whether another signal comes before this time.
fn comes_again(receiver: &mut UnixStream, until: Instant) -> bool {
    let mut byte = [0];
    let comes = loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || receiver.set_read_timeout(Some(left)).is_err() {
            break false;
        }
        // A handler that runs on this thread interrupts the reading.
        match receiver.read(&mut byte) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => break matches!(read, Ok(1)),
        }
    };
    // With a timeout left on it, the wait that follows goes round until the signal is there.
    let _ = receiver.set_read_timeout(None);
    comes
}

/// Whether this process was started with a signal ignored. Where Linux does not say, it was not.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|signals| u64::from_str_radix(signals.trim(), 16).ok()).unwrap_or(0);
    u32::try_from(signal - 1).is_ok_and(|bit| ignored.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

fn signal_in(caught: &AtomicUsize) -> Option<i32> {
    i32::try_from(caught.load(Ordering::SeqCst)).ok().filter(|&signal| signal != 0)
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
