//! Waiting of threads that block. Only a thread that sleeps is woken by a system call.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Wake, Waker},
    thread::{self, Thread},
};

thread_local! {
    static WAKER: Waker = waker();
}

struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
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
