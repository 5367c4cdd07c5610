//! A guard that is dropped because a panic unwinds comes back to its buffer: the directory stays held, and what was promised
//! stays known.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use super::Guard;
use crate::{
    clock::StoppedClock,
    storage::{Backend, Gone},
};

/// Where a guard comes back to. Copies are the same place.
#[derive(Clone, Debug, Default)]
pub struct Rescue(Arc<Mutex<Option<Guard>>>);

impl Rescue {
    /// The guard that has come back. Where it was kept elsewhere, its storage is out of reach.
    pub fn take(&self) -> Guard {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(Guard::gone)
    }
}

impl Guard {
    /// From now on, a panic that drops the guard puts it there.
    #[must_use]
    pub fn rescued_to(mut self, rescue: &Rescue) -> Self {
        self.rescue = Some(rescue.clone());
        self
    }

    /// The storage, for the next owner of the directory.
    pub fn into_backend(mut self) -> Box<dyn Backend> {
        mem::replace(&mut self.backend, Box::new(Gone))
    }

    /// A guard over no storage.
    fn gone() -> Self {
        let mut gone = Self::empty(Box::new(Gone), Arc::new(StoppedClock::default()), 0, Box::new(|_, _| ()));
        // No sync is run, so none may be requested: a close would wait for it.
        gone.syncs.bound(0);
        gone
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::panicking()
            && let Some(rescue) = self.rescue.take()
        {
            *rescue.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(mem::replace(self, Self::gone()));
        }
    }
}
