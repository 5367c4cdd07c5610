//! A core that counts what was written to it and gives it to consumers.

use std::cell::RefCell;

use shuttle::sync::{Arc, Condvar, Mutex};

use crate::combining::{Combining, Driven, Serve, Work};

/// Something that a thread waits for, and is told once.
#[derive(Clone)]
pub(crate) struct Told<T>(Arc<(Mutex<Option<T>>, Condvar)>);

impl<T: Copy> Told<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::new((Mutex::new(None), Condvar::new())))
    }

    pub(crate) fn tell(&self, what: T) {
        let (told, changed) = &*self.0;
        let before = told.lock().unwrap().replace(what);
        assert!(before.is_none(), "it is told once");
        changed.notify_one();
    }

    /// Waits. A thread that is never told is found by shuttle: no thread can go on.
    pub(crate) fn wait(&self) -> T {
        let (told, changed) = &*self.0;
        let mut told = told.lock().unwrap();
        loop {
            match *told {
                Some(what) => return what,
                None => told = changed.wait(told).unwrap(),
            }
        }
    }
}

shuttle::thread_local! {
    /// What this thread tells others once it has let the core go.
    static HELD: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
}

fn later(tell: impl FnOnce() + 'static) {
    HELD.with(|held| held.borrow_mut().push(Box::new(tell)));
}

/// As the host wakes threads: when it is dropped.
pub(crate) struct HeldWakes;

impl Drop for HeldWakes {
    fn drop(&mut self) {
        let held = HELD.with(|held| std::mem::take(&mut *held.borrow_mut()));
        for tell in held {
            tell();
        }
    }
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Written,
    TurnedAway,
}

/// Writes of one item each, and who waits for them.
#[derive(Default)]
pub(crate) struct Writes(Vec<Told<Answer>>);

impl Work for Writes {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn turn_away(self) {
        self.0.iter().for_each(|writer| writer.tell(Answer::TurnedAway));
    }
}

#[derive(Default)]
pub(crate) struct Counter {
    pub(crate) items: usize,
    waiting: Vec<Told<()>>,
}

impl Serve for Counter {
    type Work = Writes;
    type Wakes = HeldWakes;

    fn hold_wakes() -> HeldWakes {
        HeldWakes
    }

    fn serve(&mut self, work: Writes) {
        self.items += work.0.len();
        // The state first, and then the waking.
        for writer in work.0 {
            later(move || writer.tell(Answer::Written));
        }
        for reader in self.waiting.drain(..) {
            later(move || reader.tell(()));
        }
    }
}

/// A counter as threads share it.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Combining<Counter>>);

impl Shared {
    /// Open from the start.
    pub(crate) fn open() -> Self {
        let shared = Self::not_yet();
        shared.0.open(Counter::default());
        shared
    }

    pub(crate) fn not_yet() -> Self {
        Self(Arc::new(Combining::new()))
    }

    pub(crate) fn drive(&self) {
        // In the host another thread goes on.
        while self.0.drive() == Driven::GoOn {}
    }

    /// Writes one item. The caller waits for the answer if it wants it.
    pub(crate) fn write(&self) -> Told<Answer> {
        let answer = Told::new();
        self.0.leave(|work| work.0.push(answer.clone()));
        self.drive();
        answer
    }

    /// Takes one item; waits for it.
    pub(crate) fn read(&self) {
        loop {
            let waiting = self.0.with(|counter| {
                if counter.items > 0 {
                    counter.items -= 1;
                    return None;
                }
                let told = Told::new();
                counter.waiting.push(told.clone());
                Some(told)
            });
            self.drive();
            match waiting.expect("it is open") {
                None => return,
                Some(told) => told.wait(),
            }
        }
    }
}
