//! A guard that is being dropped because a panic unwinds comes back to its buffer: the directory stays held, and what was
//! promised stays known.

use std::{
    mem,
    sync::{Arc, Mutex},
    thread,
};

use super::Guard;
use crate::{
    logic::{CallError, Logic, NotMade},
    panics::caught,
    storage::{Backend, Gone},
    threads::lock,
};

/// Where a guard comes back to. Copies are the same place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rescue(Arc<Mutex<Option<Guard>>>);

impl Rescue {
    /// The guard that has come back. Where it was put away instead, nobody can get at the storage any more.
    pub(crate) fn take(&self) -> Guard {
        lock(&self.0).take().unwrap_or_else(Guard::gone)
    }
}

impl Guard {
    /// Has logic made over this guard by somebody's code. A panic in it counts as logic that could not be made: nothing of the
    /// buffer was touched but the guard, which is between calls. A later one, in the logic, finds the way back set.
    pub(crate) fn hand_to(
        mut self,
        rescue: &Rescue,
        make: impl FnOnce(Self) -> Result<Box<dyn Logic>, Box<NotMade>>,
    ) -> Result<Box<dyn Logic>, Box<NotMade>> {
        self.rescue = Some(rescue.clone());
        caught(|| make(self)).unwrap_or_else(|text| {
            let error = CallError::Failed { reason: format!("whatever was to make it has panicked: {text}") };
            Err(Box::new(NotMade { guard: rescue.take(), error }))
        })
    }

    /// The storage, for the next owner of the directory.
    pub fn into_backend(mut self) -> Box<dyn Backend> {
        mem::replace(&mut self.backend, Box::new(Gone))
    }

    /// A guard over no storage.
    fn gone() -> Self {
        Self::over(Box::new(Gone), None, &[], 0, Box::new(|_, _| ()))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::panicking()
            && let Some(rescue) = self.rescue.take()
        {
            *lock(&rescue.0) = Some(mem::replace(self, Self::gone()));
        }
    }
}
