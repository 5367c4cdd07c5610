//! The resource `queue`: a handle of the one queue that an instance may have open.

use std::cell::RefCell;

use forebay_adapter_bindings::queue::{
    exports::forebay::queue::queue::{Delivery, Error, Guest, GuestQueue, Message, Options, Pushed, Queue},
    forebay::staging::staging,
};

use crate::{Instance, turns::OpenQueue};

/// What stands behind a handle.
pub(crate) struct Handle {
    /// `None` once it is closed.
    open: RefCell<Option<OpenQueue>>,
}

impl Handle {
    /// Does a turn of the queue.
    fn turn<T>(&self, turn: impl FnOnce(&mut OpenQueue) -> Result<T, Error>) -> Result<T, Error> {
        let mut open = self.open.borrow_mut();
        let queue = open.as_mut().ok_or(Error::Failed)?;
        queue.must_work()?;
        let answer = turn(queue);
        queue.note(answer)
    }
}

impl Drop for Handle {
    /// As a crash: the next opening looks at what is there.
    fn drop(&mut self) {
        if self.open.get_mut().take().is_some() {
            staging::let_go(false);
        }
    }
}

impl Guest for Instance {
    type Queue = Handle;
}

impl GuestQueue for Handle {
    fn open(directory: String, options: Options) -> Result<Queue, Error> {
        let open = OpenQueue::open(&directory, &options)?;
        Ok(Queue::new(Self { open: RefCell::new(Some(open)) }))
    }

    fn push(&self, messages: Vec<Message>) -> Result<Pushed, Error> {
        self.turn(|queue| queue.push(&messages))
    }

    fn pop(&self, max_records: u32, max_bytes: u64) -> Result<Vec<Delivery>, Error> {
        self.turn(|queue| queue.pop(max_records, max_bytes))
    }

    fn acknowledge(&self, through: u64) -> Result<(), Error> {
        self.turn(|queue| queue.acknowledge(through))
    }

    fn rewind(&self) -> Result<(), Error> {
        self.turn(OpenQueue::rewind)
    }

    fn flush(&self) -> Result<u64, Error> {
        self.turn(OpenQueue::flush)
    }

    fn poll(&self) -> Result<u32, Error> {
        self.turn(OpenQueue::poll)
    }

    fn figures(&self) -> Vec<(u16, u64)> {
        self.open.borrow().as_ref().map(OpenQueue::figures).unwrap_or_default()
    }

    fn close(queue: Queue) -> Result<(), Error> {
        let open = queue.get::<Self>().open.borrow_mut().take();
        open.ok_or(Error::Failed)?.close()
    }
}
