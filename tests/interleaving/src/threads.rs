//! What a few threads may do at the same time, and what must hold in whatever order they come.

use shuttle::{
    sync::{Arc, Weak},
    thread,
};

use crate::{
    combining::{Combining, Driven, Serve, Work},
    counter::{Answer, Counter, Shared, Told},
    explore,
};

/// Three producers come at the same moment. A thread that finds the core taken goes away at once, so its holder must
/// find what they left: otherwise a record lies in the queue until another thread happens to come by.
#[test]
fn nothing_is_left_at_the_door() {
    explore(|| {
        let shared = Shared::open();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || shared.write())
            })
            .collect();
        let own = shared.write();
        let answers = others.into_iter().map(|other| other.join().unwrap()).chain([own]);
        // No thread drives any more: one that waits here for ever is found.
        answers.for_each(|answer| assert_eq!(answer.wait(), Answer::Written));
        assert_eq!(shared.0.with(|counter| counter.items), Some(3));
    });
}

/// A caller that must not wait for the core leaves a task, which another thread does: after what was left before it, and not
/// never.
#[test]
fn a_task_is_done_after_what_was_left_before_it() {
    explore(|| {
        let shared = Shared::open();
        let other = {
            let shared = shared.clone();
            thread::spawn(move || shared.write())
        };
        let own = shared.write();
        let seen = Told::new();
        shared.0.leave_task(Box::new({
            let seen = seen.clone();
            move |counter: &mut Counter| seen.tell(counter.items)
        }));
        shared.drive();
        assert!(seen.wait() >= 1, "its own item was left before");
        assert_eq!((own.wait(), other.join().unwrap().wait()), (Answer::Written, Answer::Written));
    });
}

/// A consumer looks, finds nothing, and waits. The record that comes in between must wake it: in Vector the last event stayed
/// in the buffer until the next one came.
#[test]
fn a_consumer_who_waits_is_woken() {
    explore(|| {
        let shared = Shared::open();
        let producer = {
            let shared = shared.clone();
            thread::spawn(move || shared.write())
        };
        shared.read();
        assert_eq!(producer.join().unwrap().wait(), Answer::Written);
    });
}

/// With two of each, one who is woken in vain waits again, and is woken again.
#[test]
fn consumers_who_share_records_all_get_one() {
    explore(|| {
        let shared = Shared::open();
        let consumer = {
            let shared = shared.clone();
            thread::spawn(move || shared.read())
        };
        let producer = {
            let shared = shared.clone();
            thread::spawn(move || drop(shared.write()))
        };
        drop(shared.write());
        shared.read();
        consumer.join().unwrap();
        producer.join().unwrap();
        assert_eq!(shared.0.with(|counter| counter.items), Some(0));
    });
}

/// Work may be left while a thread only looks at the core, as a status does.
#[test]
fn who_only_looks_serves_those_who_come_meanwhile() {
    explore(|| {
        let shared = Shared::open();
        let producer = {
            let shared = shared.clone();
            thread::spawn(move || shared.write().wait())
        };
        assert!(shared.0.with(|counter| counter.items).is_some_and(|items| items <= 1));
        shared.drive();
        assert_eq!(producer.join().unwrap(), Answer::Written);
    });
}

/// Syncs of the recovery may end before the buffer is open.
#[test]
fn what_is_left_before_it_is_open_is_served() {
    explore(|| {
        let shared = Shared::not_yet();
        let early = {
            let shared = shared.clone();
            thread::spawn(move || shared.write())
        };
        shared.0.open(Counter::default());
        shared.drive();
        assert_eq!(early.join().unwrap().wait(), Answer::Written);
    });
}

/// A producer who comes while the buffer is being closed gets an answer, and it is the truth.
#[test]
fn closing_turns_no_caller_away_silently() {
    explore(|| {
        let shared = Shared::open();
        let producers: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || shared.write())
            })
            .collect();
        let core = shared.0.close().expect("it was open");
        let answers = producers.into_iter().map(|producer| producer.join().unwrap().wait());
        let written = answers.filter(|answer| *answer == Answer::Written).count();
        assert_eq!(core.items, written, "what was answered as written is in the core");
        assert_eq!(shared.write().wait(), Answer::TurnedAway);
    });
}

/// A core for which more work has come whenever some is done, as where a consumer acknowledges without end.
struct Busy {
    rounds: usize,
    door: Weak<Combining<Self>>,
}

#[derive(Default)]
struct More(bool);

impl Work for More {
    fn is_empty(&self) -> bool {
        !self.0
    }

    fn turn_away(self) {}
}

impl Serve for Busy {
    type Work = More;
    type Wakes = ();

    fn hold_wakes() {}

    fn serve(&mut self, _: More) {
        self.rounds += 1;
        self.door.upgrade().expect("a thread drives it").leave(|work| work.0 = true);
    }
}

/// A thread that came to write one record must not work for others ever after: its own caller waits. A producer did for a quarter
/// of a second, while a consumer acknowledged.
#[test]
fn no_thread_serves_others_for_long() {
    shuttle::check_random(
        || {
            let combining = Arc::new(Combining::new());
            combining.open(Busy { rounds: 0, door: Arc::downgrade(&combining) });
            combining.leave(|work: &mut More| work.0 = true);
            assert_eq!(combining.drive(), Driven::GoOn);
            let rounds = combining.with(|core| core.rounds).expect("it is open");
            assert!(rounds <= 100, "it has done the work of {rounds} others");
        },
        1,
    );
}
