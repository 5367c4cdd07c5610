//! A guard that is being dropped because a panic unwinds comes back to its buffer: the directory stays held, and what was
//! promised stays known.

use std::{
    mem,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex},
    thread,
};

use super::Guard;
use crate::{
    logic::{CallError, Logic, NotMade},
    storage::{Backend, Gone},
    threads::lock,
};

/// Where a guard comes back to.
pub(super) type Rescue = Arc<Mutex<Option<Guard>>>;

impl Guard {
    /// Has logic made over this guard by somebody's code. A panic in it counts as logic that could not be made.
    pub(crate) fn hand_to(
        mut self,
        make: impl FnOnce(Self) -> Result<Box<dyn Logic>, Box<NotMade>>,
    ) -> Result<Box<dyn Logic>, Box<NotMade>> {
        let rescue = Rescue::default();
        self.rescue = Some(Arc::clone(&rescue));
        // Whatever the panic has left half done is the maker's own: nothing of the buffer was touched but the guard, which is
        // between calls.
        let thrown = match panic::catch_unwind(AssertUnwindSafe(|| make(self))) {
            Ok(Ok(mut logic)) => {
                logic.guard().rescue = None;
                return Ok(logic);
            }
            Ok(Err(mut not_made)) => {
                not_made.guard.rescue = None;
                return Err(not_made);
            }
            Err(thrown) => thrown,
        };
        let text = thrown.downcast_ref::<&str>().copied();
        let text =
            text.or_else(|| thrown.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        let error = CallError::Failed { reason: format!("whatever was to make it has panicked: {text}") };
        // Where it was put away instead, nobody can get at the storage any more.
        let guard = lock(&rescue).take().unwrap_or_else(Self::gone);
        Err(Box::new(NotMade { guard, error }))
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
            *lock(&rescue) = Some(mem::replace(self, Self::gone()));
        }
    }
}
