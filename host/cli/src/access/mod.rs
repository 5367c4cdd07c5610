//! How a command gets at a buffer: as its owner, or through the process that is.
//!
//! The lock decides who owns a directory. Every command tries the lock; else it connects to the owner; else it tries again a little
//! later. A client whose owner goes does the same, so that one of the clients becomes the next owner. An owner stays one.

mod acknowledged;
mod client;
mod held;
mod owner;
mod owner_status;
mod sink;
mod source;
mod terms;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use forebay::{
    OpenError,
    storage::native::{LockError, NativeOpenError},
};
use forebay_api::{AckAnswer, AckRequest, Owner};
use forebay_serve::Network;
use tokio::sync::Notify;

pub(crate) use self::{
    acknowledged::Acknowledged,
    held::{Held, Hold},
    owner::Owned,
    owner_status::owner_status,
    sink::{Outcome, Sent, Sink},
    source::{Source, Supply, Taken, Turn},
};
use self::{
    client::{CallError, Client},
    owner::Serving,
};
use crate::{
    args::{BufferArgs, InputFraming},
    open::Opening,
    options,
    signals::Signals,
};

/// The pauses between two attempts, in milliseconds.
const PAUSE_MS: (u64, u64) = (5, 50);

/// A buffer in a directory, for a command.
pub(crate) struct Access {
    dir: PathBuf,
    args: BufferArgs,
    opening: Opening,
    signals: Signals,
    state: Mutex<State>,
    /// Ends a call that waits for records.
    give_up: Arc<Notify>,
    /// Wakes a command that waits for something else.
    wake: Arc<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    owned: Option<Arc<Owned>>,
    /// The owner whose client this process was last. Other clients of it may have records to acknowledge.
    former: Option<Owner>,
    /// What that owner's buffer had lost when this process became its client.
    lost_before: u64,
}

/// What this process is to the buffer.
enum Role {
    Owner(Arc<Owned>),
    Client(Box<Client>),
}

impl Access {
    /// Gets at the buffer in a directory. `wake` is called when a signal comes.
    pub(crate) fn new(
        dir: PathBuf,
        args: &BufferArgs,
        opening: Opening,
        signals: &Signals,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            dir,
            opening,
            args: args.clone(),
            signals: signals.clone(),
            state: Mutex::default(),
            give_up: Arc::new(Notify::new()),
            wake: Arc::new(wake),
        })
    }

    /// Ends a call that waits for records, or the next one.
    pub(crate) fn interrupt(&self) {
        self.give_up.notify_one();
    }

    /// Whether this process owns the buffer.
    pub(crate) fn owned(&self) -> Option<Arc<Owned>> {
        self.lock().owned.clone()
    }

    /// Finds out who owns the buffer, and takes it where no process does. Fails at once where that cannot be done, so that a command
    /// says so before it reads its input.
    pub(crate) fn enter(&self) -> anyhow::Result<()> {
        self.role().map(drop)
    }

    /// The longest record that the buffer takes from this process, in bytes.
    pub(crate) fn record_bytes_max(&self, framing: InputFraming) -> anyhow::Result<u64> {
        let own = options::of(&self.args)?.record_bytes_max();
        let state = self.lock();
        let elsewhere = if state.owned.is_none() { state.former.as_ref() } else { None };
        Ok(elsewhere.map_or(own, |owner| {
            own.min(owner.options.max_record_bytes).min(sink::record_bytes_max(framing))
        }))
    }

    /// How many events the buffer of another process has lost since this one became its client.
    pub(crate) fn lost_elsewhere(&self) -> u64 {
        let before = self.lock().lost_before;
        // An owner that has gone has told of its losses.
        let client = Client::connect(&self.dir, self.args.wait, Arc::clone(&self.give_up));
        client.map_or(0, |client| client.lost_events().saturating_sub(before))
    }

    /// Takes the buffer and serves it, and fails where another process has it and keeps it.
    pub(crate) fn own(&self, network: Option<Network>) -> anyhow::Result<()> {
        let mut state = self.lock();
        let until = Instant::now() + self.args.wait;
        let mut pauses = Pauses::new();
        loop {
            match self.opening.lock(&self.dir) {
                Ok(locked) => {
                    state.owned = Some(owner::open(self, locked, Serving::Must(network))?);
                    return Ok(());
                }
                Err(error) if !is_locked(&error) || Instant::now() >= until => return Err(error),
                Err(_) => pauses.pause(),
            }
        }
    }

    /// Acknowledges the records of these ids, first and last of each range, and says what came of it.
    pub(crate) fn acknowledge_by_id(&self, ids: &[(u64, u64)]) -> anyhow::Result<Acknowledged> {
        let (answer, owned) = self.acknowledge_at(ids)?;
        Acknowledged::new(answer, owned.as_deref(), ids)
    }

    /// Acknowledges the records of these ids, first and last of each range, and says how many there were.
    pub(crate) fn acknowledge(&self, ids: &[(u64, u64)]) -> anyhow::Result<u64> {
        self.acknowledge_at(ids).map(|(answer, _)| answer.acknowledged)
    }

    /// The answer of the owner, and this process as the owner if it is.
    fn acknowledge_at(&self, ids: &[(u64, u64)]) -> anyhow::Result<(AckAnswer, Option<Arc<Owned>>)> {
        let ranges = ids.iter().map(|&(first, last)| [first, last]).collect();
        let request = AckRequest { any_incarnation: true, ranges: Some(ranges), ..AckRequest::default() };
        loop {
            let (called, owned) = match self.role()? {
                Role::Owner(owned) => {
                    let called = pollster::block_on(owned.service.acknowledge(request.clone()));
                    (called.map_err(CallError::Refused), Some(owned))
                }
                Role::Client(mut client) => (client.acknowledge(&request), None),
            };
            match called {
                Ok(answer) => return Ok((answer, owned)),
                Err(error) if error.is_passing() => Pauses::new().pause(),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What this process is to the buffer now.
    fn role(&self) -> anyhow::Result<Role> {
        let mut state = self.lock();
        if let Some(owned) = &state.owned {
            return Ok(Role::Owner(Arc::clone(owned)));
        }
        let until = Instant::now() + self.args.wait;
        let mut pauses = Pauses::new();
        loop {
            let locked = match (&state.former, self.opening.component()) {
                (Some(former), logic) if former.component.as_deref() != logic => Err(other_logic(&self.dir)),
                _ => match self.opening.lock(&self.dir) {
                    Err(error) if is_locked(&error) => Err(error),
                    locked => Ok(locked?),
                },
            };
            let held = match locked {
                Ok(locked) => {
                    let owned =
                        owner::open(self, locked, Serving::AsCan { was_client: state.former.is_some() })?;
                    state.owned = Some(Arc::clone(&owned));
                    return Ok(Role::Owner(owned));
                }
                Err(held) => held,
            };
            match Client::connect(&self.dir, self.args.wait, Arc::clone(&self.give_up)) {
                Ok(client) => {
                    terms::must_agree(&self.dir, &self.args, self.opening.component(), client.owner())?;
                    let former = state.former.replace(client.owner().clone());
                    if former.as_ref().is_none_or(|former| former.pid != client.owner().pid) {
                        state.lost_before = client.lost_events();
                    }
                    if former.is_none() {
                        let (wake, give_up) = (Arc::clone(&self.wake), Arc::clone(&self.give_up));
                        self.signals.hold_connection(Box::new(move || {
                            give_up.notify_one();
                            wake();
                        }));
                    }
                    return Ok(Role::Client(Box::new(client)));
                }
                Err(error) if error.is_passing() => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("cannot use the buffer {}", self.dir.display()));
                }
            }
            if Instant::now() >= until || !self.signals.may_go_on() {
                return Err(held);
            }
            pauses.pause();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a client whose owner has gone does not take its place.
fn other_logic(dir: &Path) -> anyhow::Error {
    anyhow::anyhow!(
        "the owner of the buffer in {} has gone, and ran other logic (--component) than this process would: start it again, or \
         run this command with the same logic",
        dir.display()
    )
}

/// Whether another process has the lock.
fn is_locked(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(OpenError::Directory(NativeOpenError::Lock(LockError::Locked { .. })))
    )
}

/// Pauses of different lengths, so that processes that wait for the same lock do not go in step.
struct Pauses(u64);

impl Pauses {
    fn new() -> Self {
        Self(u64::from(std::process::id()))
    }

    fn pause(&mut self) {
        // The generator of Knuth's MMIX: its high bits are good.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (least, most) = PAUSE_MS;
        thread::sleep(Duration::from_millis(least + (self.0 >> 33) % (most - least)));
    }
}
