//! Combining: the thread that holds the core does the work of all who wait for it.
//!
//! Work is left at the door first, and then the lock is tried. A thread that finds it taken may go: its holder looks at the door
//! once more after letting go. `tests/interleaving` runs this file through the interleavings of a few threads.

use super::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// How many rounds a thread serves others before it hands over to another. It may have come to write one record, and its
/// own caller waits.
const ROUNDS_MAX: usize = 64;

/// Work that is left at the door, of all who left any since it was last taken.
pub(super) trait Work: Default {
    /// There is none.
    fn is_empty(&self) -> bool;

    /// It will not be done any more: all who wait for it hear of that.
    fn turn_away(self);
}

/// What does the work, one thread at a time.
pub(super) trait Serve {
    type Work: Work;
    /// Dropped once the core is let go. Until then no thread is woken: it would find the core taken.
    type Wakes;

    fn hold_wakes() -> Self::Wakes;

    fn serve(&mut self, work: Self::Work);
}

/// Whether a thread may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Driven {
    /// All is done, or another thread will do it.
    Done,
    /// There is more, and this thread has done its share: another has to go on.
    GoOn,
}

#[derive(Debug)]
enum CoreState<C> {
    /// What is left at the door stays there.
    NotYet,
    Open(C),
    Closed,
}

/// Something to do with the core, for a caller that must not wait for it. A caller that waits for its answer
/// hears that there is no core when it is dropped.
pub(super) type Task<C> = Box<dyn FnOnce(&mut C) + Send>;

/// What is left at the door.
struct Door<C: Serve> {
    work: C::Work,
    /// Done in their order, after the work.
    tasks: Vec<Task<C>>,
}

impl<C: Serve> Door<C> {
    fn new() -> Self {
        Self { work: C::Work::default(), tasks: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.work.is_empty() && self.tasks.is_empty()
    }
}

/// A core and the door to it.
pub(super) struct Combining<C: Serve> {
    /// Held for moments only, never while the core works.
    door: Mutex<Door<C>>,
    core: Mutex<CoreState<C>>,
}

impl<C: Serve> Combining<C> {
    /// A door with nothing behind it yet.
    pub(super) fn new() -> Self {
        Self { door: Mutex::new(Door::new()), core: Mutex::new(CoreState::NotYet) }
    }

    /// From now on there is a core. To be driven next: some work may wait for it.
    pub(super) fn open(&self, core: C) {
        *lock(&self.core) = CoreState::Open(core);
    }

    /// Leaves work. To be driven next, by this thread or another.
    pub(super) fn leave<T>(&self, change: impl FnOnce(&mut C::Work) -> T) -> T {
        change(&mut lock(&self.door).work)
    }

    /// Leaves something to do with the core, after all work that was left before. To be driven next.
    pub(super) fn leave_task(&self, task: Task<C>) {
        lock(&self.door).tasks.push(task);
    }

    /// Does all that waits, unless another thread is at it: that one looks again after it has let go of the core, and
    /// finds what was left before this thread found the core taken.
    pub(super) fn drive(&self) -> Driven {
        for _ in 0..ROUNDS_MAX {
            if lock(&self.door).is_empty() {
                return Driven::Done;
            }
            let _wakes = C::hold_wakes();
            let mut state = match self.core.try_lock() {
                Ok(state) => state,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Driven::Done,
            };
            match &mut *state {
                // The thread that opens it drives it next.
                CoreState::NotYet => return Driven::Done,
                CoreState::Open(core) => self.serve(core),
                CoreState::Closed => self.take().work.turn_away(),
            }
        }
        Driven::GoOn
    }

    /// Waits for the core, and does something with it, after all that was left before. `None`: there is no core. To be
    /// driven next: others may have come while it was held.
    pub(super) fn with<T>(&self, action: impl FnOnce(&mut C) -> T) -> Option<T> {
        let _wakes = C::hold_wakes();
        let mut state = lock(&self.core);
        match &mut *state {
            CoreState::Open(core) => {
                self.serve(core);
                Some(action(core))
            }
            CoreState::NotYet | CoreState::Closed => None,
        }
    }

    /// Takes the core away. All who wait, or come later, are turned away.
    pub(super) fn close(&self) -> Option<C> {
        let state = std::mem::replace(&mut *lock(&self.core), CoreState::Closed);
        self.take().work.turn_away();
        match state {
            CoreState::Open(core) => Some(core),
            CoreState::NotYet | CoreState::Closed => None,
        }
    }

    /// Does what waits at the door now. What comes meanwhile is for the next round.
    fn serve(&self, core: &mut C) {
        let Door { work, tasks } = self.take();
        if !work.is_empty() {
            core.serve(work);
        }
        for task in tasks {
            task(core);
        }
    }

    fn take(&self) -> Door<C> {
        std::mem::replace(&mut lock(&self.door), Door::new())
    }
}

/// Takes a lock. That another thread panicked while it held it is no reason to stop.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
