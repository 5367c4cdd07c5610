//! Waiting of threads that block. Only a thread that sleeps is woken by a system call, and none while the waking thread holds
//! what the others need.

use std::{
    cell::{Cell, RefCell},
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Wake, Waker},
    thread::{self, Thread},
};

thread_local! {
    static WAKER: Waker = waker();
    /// Whom this thread is to wake later. `true`: it holds back all that it wakes.
    static HELD: (Cell<bool>, RefCell<Vec<Arc<Sleeper>>>) = const { (Cell::new(false), RefCell::new(Vec::new())) };
}

struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        // A thread that ends holds nothing back.
        let held = HELD.try_with(|(is_holding, held)| {
            is_holding.get().then(|| held.borrow_mut().push(Arc::clone(&self))).is_some()
        });
        if held != Ok(true) {
            self.0.unpark();
        }
    }
}

fn waker() -> Waker {
    Waker::from(Arc::new(Sleeper(thread::current())))
}

/// Blocks this thread until the event has come.
pub(crate) fn block_on(mut event: Pin<&mut (dyn Future<Output = ()> + Send)>) {
    // One is enough for all the waits of a thread. While the thread ends there is none.
    let waker = WAKER.try_with(Clone::clone).unwrap_or_else(|_| waker());
    let mut context = Context::from_waker(&waker);
    while event.as_mut().poll(&mut context).is_pending() {
        thread::park();
    }
}

/// For as long as it lives, this thread notes which blocked threads it is to wake. They are woken when it is dropped: while this
/// thread held a lock that they take next, they would only wait for it.
#[derive(Debug)]
pub(crate) struct HeldWakes(PhantomData<Rc<()>>);

impl HeldWakes {
    pub(crate) fn new() -> Self {
        let _ = HELD.try_with(|(is_holding, _)| is_holding.set(true));
        Self(PhantomData)
    }
}

impl Drop for HeldWakes {
    fn drop(&mut self) {
        let _ = HELD.try_with(|(is_holding, _)| is_holding.set(false));
        wake_held();
    }
}

/// Wakes all whom this thread has held back until now: what it does next may take long.
pub(crate) fn wake_held() {
    let _ = HELD.try_with(|(_, held)| {
        for sleeper in held.borrow_mut().drain(..) {
            sleeper.0.unpark();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that is woken too early waits for the lock that its waker holds. One that is not woken at all waits without end.
    #[test]
    fn a_thread_is_woken_when_the_one_that_wakes_it_lets_go() {
        let number_held = || HELD.with(|(_, held)| held.borrow().len());
        let wakes = HeldWakes::new();
        waker().wake();
        assert_eq!(number_held(), 1);
        wake_held();
        assert_eq!(number_held(), 0);
        thread::park();
        waker().wake_by_ref();
        drop(wakes);
        thread::park();
        // Nothing is held back any more.
        waker().wake();
        assert_eq!(number_held(), 0);
        thread::park();
    }
}
