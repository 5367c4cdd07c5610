//! Logic that an embedder has written in Rust, and that panics in the middle of a call. The code that makes it is in `making`.

use std::{
    panic,
    sync::{Arc, Mutex},
    thread,
};

use forebay::{
    Buffer, CloseError, Durability, OpenError, ReadError, RecordId, ReplaceError, Simulation, WriteError,
    WriteErrorKind,
    guard::{BatchId, Guard, Ticket},
    logic::{CallError, Logic, LogicOptions, NotMade},
    storage::memory::Disk,
};

use crate::support::{
    Runs,
    faulty::Faults,
    storage::{HeldSyncs, ids, options, read, records, write},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Guard,
    IntoGuard,
    Open,
    Write,
    Read,
    Acknowledge,
    Tick,
    Flush,
    Synced,
    CloseWriter,
    Status,
}

/// What panics from now on, in all instances. Copies are the same plan.
#[derive(Clone, Default)]
struct Plan(Arc<Mutex<Vec<Method>>>);

impl Plan {
    fn have_panic(&self, methods: &[Method]) {
        *self.0.lock().unwrap() = methods.to_vec();
    }

    fn meet(&self, method: Method) {
        if self.0.lock().unwrap().contains(&method) {
            // Nothing is said on stderr.
            panic::resume_unwind(Box::new("out of its mind"));
        }
    }

    /// Makes instances under this plan.
    fn maker(
        &self,
        runs: Runs,
    ) -> impl FnMut(Guard) -> Result<Box<dyn Logic>, Box<NotMade>> + Send + 'static + use<> {
        let plan = self.clone();
        move |guard| {
            let logic = runs.make(guard)?;
            Ok(Box::new(Panicking { logic, plan: plan.clone(), panicked: false }))
        }
    }

    fn open(&self, disk: &Disk) -> (Buffer, Simulation) {
        let (simulation, backend) = (Simulation::new(), Box::new(disk.open().unwrap()));
        let make = self.maker(Runs::Natively);
        (Buffer::open_on(simulation.runtime(), backend, options(), make).unwrap(), simulation)
    }
}

struct Panicking {
    logic: Box<dyn Logic>,
    plan: Plan,
    panicked: bool,
}

impl Panicking {
    fn meet(&mut self, method: Method) -> &mut dyn Logic {
        assert!(!self.panicked, "an instance that has panicked is called again");
        self.panicked = true;
        self.plan.meet(method);
        self.panicked = false;
        &mut *self.logic
    }
}

impl Logic for Panicking {
    fn guard(&mut self) -> &mut Guard {
        self.plan.meet(Method::Guard);
        self.logic.guard()
    }

    fn into_guard(self: Box<Self>) -> Guard {
        self.plan.meet(Method::IntoGuard);
        self.logic.into_guard()
    }

    fn open(&mut self, options: &LogicOptions) -> Result<(), CallError> {
        self.meet(Method::Open).open(options)
    }

    fn write(&mut self, batch: BatchId, records: &[u64]) -> Result<(), CallError> {
        self.meet(Method::Write).write(batch, records)
    }

    fn read(&mut self, max_records: u32, max_bytes: u64) -> Result<u32, CallError> {
        self.meet(Method::Read).read(max_records, max_bytes)
    }

    fn acknowledge(&mut self, through: RecordId) -> Result<(), CallError> {
        self.meet(Method::Acknowledge).acknowledge(through)
    }

    fn tick(&mut self, now_ns: u64) -> Result<u64, CallError> {
        self.meet(Method::Tick).tick(now_ns)
    }

    fn flush(&mut self) -> Result<(), CallError> {
        self.meet(Method::Flush).flush()
    }

    fn synced(&mut self, ticket: Ticket) -> Result<(), CallError> {
        self.meet(Method::Synced).synced(ticket)
    }

    fn close_writer(&mut self) -> Result<(), CallError> {
        self.meet(Method::CloseWriter).close_writer()
    }

    fn status(&mut self) -> Result<Vec<(u16, u64)>, CallError> {
        self.meet(Method::Status).status()
    }
}

/// The buffer says why it has stopped, to each caller that asks; it closes, and the next owner finds what was written.
#[track_caller]
fn assert_stopped(buffer: Buffer, disk: &Disk, what: &str) {
    let stopped = buffer.status().unwrap().stopped.unwrap();
    assert!(stopped.contains("out of its mind"), "{what}: {stopped}");
    assert!(
        matches!(buffer.writer().write("more"), Err(WriteError { kind: WriteErrorKind::Stopped { .. }, .. })),
        "{what}"
    );
    assert!(matches!(buffer.reader().next(), Err(ReadError::Stopped { .. })), "{what}");
    let refused = buffer.replace_logic_with(|guard| Runs::Natively.make(guard));
    assert!(matches!(refused, Err(ReplaceError::Stopped { .. })), "{what}: {refused:?}");
    buffer.reader().ack_through(RecordId(10));
    assert!(disk.open().is_err(), "{what}: the directory is held until the buffer is closed");
    assert!(matches!(buffer.close(), Err(CloseError::Stopped { .. })), "{what}");
    let found = read(&Runs::Natively.open(disk.open().unwrap(), options()));
    assert!(found.ends_with(&ids([6..=10])) || found.ends_with(&ids([6..=20])), "{what}: {found:?}");
}

/// Whichever call it is, no caller hangs, and none is told that all is well.
#[test]
fn a_panic_in_any_call_of_the_logic_stops_the_buffer_and_says_why() {
    use Method::{Acknowledge, CloseWriter, Flush, Read, Status, Synced, Tick, Write};
    for method in [Method::Guard, Write, Read, Acknowledge, Tick, Flush, Synced, CloseWriter, Status] {
        // Whatever has panicked once may do so when it is to give the guard back.
        for methods in [&[method][..], &[method, Method::IntoGuard]] {
            let what = format!("{methods:?}");
            let (disk, plan) = (Disk::new(), Plan::default());
            let (buffer, simulation) = plan.open(&disk);
            write(&buffer, 1..=10);
            assert_eq!(buffer.reader().try_next_batch(5).unwrap().len(), 5);
            if method == Synced {
                // A sync is under way.
                drop(buffer.writer().with_durability(Durability::Synced).submit(Vec::new()));
            }
            plan.have_panic(methods);
            let mut pending =
                buffer.writer().with_durability(Durability::Synced).submit(records(11..=20)).unwrap();
            while simulation.run_sync(0) {}
            let _ = buffer.reader().try_next_batch(100);
            buffer.reader().ack_through(RecordId(5));
            simulation.advance(options().sync_interval * 2);
            let _ = buffer.status();
            if method == CloseWriter {
                buffer.end_writing();
            }
            let answer = pending.try_take().unwrap();
            let may_be_ok = matches!(method, Read | Acknowledge | Tick | CloseWriter | Status);
            match answer {
                Ok(_) => assert!(may_be_ok, "{what}"),
                Err(error) => {
                    assert!(matches!(error.kind, WriteErrorKind::Stopped { .. }), "{what}: {error}");
                    assert_eq!(error.into_records(), records(11..=20), "{what}");
                }
            }
            assert_stopped(buffer, &disk, &what);
        }
    }
}

/// The instance has failed and is to give the guard back. There was nothing behind it then: neither it nor the next.
#[test]
fn a_panic_in_giving_the_guard_back_stops_the_buffer_and_says_why() {
    for replaced in [false, true] {
        let (disk, plan) = (Disk::new(), Plan::default());
        let simulation = Simulation::new();
        let mut inner = plan.maker(Runs::Natively);
        let faults = Faults::default();
        let make = {
            let faults = faults.clone();
            move |guard| inner(guard).map(|logic| faults.over(logic))
        };
        let backend = Box::new(disk.open().unwrap());
        let buffer = Buffer::open_on(simulation.runtime(), backend, options(), make).unwrap();
        write(&buffer, 1..=10);
        plan.have_panic(&[Method::IntoGuard]);
        if replaced {
            let refused = buffer.replace_logic_with(|guard| Runs::Natively.make(guard));
            assert!(matches!(refused, Err(ReplaceError::Stopped { .. })), "{refused:?}");
        } else {
            faults.after(0);
            assert!(buffer.status().is_none(), "it ends in the midst of this");
        }
        assert_stopped(buffer, &disk, &format!("replaced: {replaced}"));
    }
}

/// Closing must let the directory go, and must not say that all is well of a storage that did not come back.
#[test]
fn a_panic_while_the_buffer_is_closed_is_an_error_of_closing() {
    for methods in [&[Method::IntoGuard][..], &[Method::Guard], &[Method::CloseWriter, Method::IntoGuard]] {
        let (disk, plan) = (Disk::new(), Plan::default());
        let (buffer, _) = plan.open(&disk);
        write(&buffer, 1..=10);
        plan.have_panic(methods);
        let closed = buffer.close();
        assert!(
            matches!(&closed, Err(CloseError::Stopped { reason }) if reason.contains("out of its mind")),
            "{methods:?}: {closed:?}"
        );
        assert_eq!(read(&Runs::Natively.open(disk.open().unwrap(), options())), ids([1..=10]));
    }
}

/// Where the first opening panics there is no buffer; in a fresh instance it stops the one that there is.
#[test]
fn a_panic_in_opening_is_an_error_of_opening() {
    let (disk, plan) = (Disk::new(), Plan::default());
    plan.have_panic(&[Method::Open]);
    let (simulation, backend) = (Simulation::new(), Box::new(disk.open().unwrap()));
    let make = plan.maker(Runs::Natively);
    let refused = Buffer::open_on(simulation.runtime(), backend, options(), make);
    assert!(
        matches!(&refused, Err(OpenError::Logic(error)) if error.to_string().contains("out of its mind")),
        "{refused:?}"
    );

    plan.have_panic(&[]);
    let (buffer, _) = plan.open(&disk);
    write(&buffer, 1..=10);
    let other = Plan::default();
    other.have_panic(&[Method::Open]);
    assert!(buffer.replace_logic_with(other.maker(Runs::Natively)).is_err());
    assert_stopped(buffer, &disk, "opened again");
}

/// Other threads wait, and only the thread that panics could wake them.
#[test]
fn threads_that_wait_hear_of_a_panic_in_another() {
    let (disk, plan) = (Disk::new(), Plan::default());
    let buffer =
        Buffer::open_with(Box::new(disk.open().unwrap()), options(), plan.maker(Runs::Natively)).unwrap();
    write(&buffer, 1..=10);
    assert_eq!(read(&buffer), ids([1..=10]));
    let held = HeldSyncs::of(&disk);
    let pending = buffer.writer().with_durability(Durability::Synced).submit(records(11..=20)).unwrap();
    assert_eq!(read(&buffer), ids([11..=20]));
    let reader = buffer.reader();
    let waiting = thread::spawn(move || reader.next());
    plan.have_panic(&[Method::Write]);
    assert!(matches!(
        buffer.writer().write("more"),
        Err(WriteError { kind: WriteErrorKind::Stopped { .. }, .. })
    ));
    assert!(matches!(waiting.join().unwrap(), Err(ReadError::Stopped { .. })));
    assert!(matches!(pending.wait(), Err(WriteError { kind: WriteErrorKind::Stopped { .. }, .. })));
    drop(held);
    assert_stopped(buffer, &disk, "threads");
}
