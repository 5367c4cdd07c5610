//! An embedder that brings the logic brings the code that makes it, and that may panic. The buffer is not to go down with it.

use std::{
    panic,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use forebay::{
    Buffer, Durability, ReadError, RecordId, ReplaceError, Simulation, WriteError, WriteErrorKind,
    guard::Guard,
    logic::{Logic, NotMade},
    storage::memory::Disk,
};

use crate::support::{
    Runs,
    faulty::Faults,
    storage::{ids, options, read, records, write},
};

/// Makes logic that fails by plan, and panics at these attempts to make it; the first one is 1.
fn panicking(
    runs: Runs,
    faults: &Faults,
    panics: impl Fn(u64) -> bool + Send + 'static,
) -> impl FnMut(Guard) -> Result<Box<dyn Logic>, Box<NotMade>> + Send + 'static {
    let (mut make, attempts) = (faults.maker(runs), AtomicU64::new(0));
    move |guard| {
        if panics(attempts.fetch_add(1, SeqCst) + 1) {
            // Nothing is said on stderr.
            panic::resume_unwind(Box::new("out of moulds"));
        }
        make(guard)
    }
}

/// It panics once, where a fresh instance is to take over: the next attempt goes well, and no caller is disturbed.
#[test]
fn a_panic_in_making_logic_counts_as_a_failed_restart() {
    for runs in Runs::ALL {
        let (simulation, disk, faults) = (Simulation::new(), Disk::new(), Faults::default());
        let make = panicking(runs, &faults, |attempt| attempt == 2);
        let backend = Box::new(disk.open().unwrap());
        let buffer = Buffer::open_on(simulation.runtime(), backend, options(), make).unwrap();
        write(&buffer, 1..=10);
        faults.after(0);
        write(&buffer, 11..=20);
        let status = buffer.status().unwrap();
        assert_eq!((status.restarts, status.stopped), (2, None), "{runs:?}");
        assert!(disk.open().is_err(), "{runs:?}: the directory is still held");
        assert_eq!(read(&buffer), ids([1..=20]), "{runs:?}");
        buffer.close().unwrap();
    }
}

/// It panics for ever: the buffer stops and says why, all who wait hear of it, and the directory can be opened again.
#[test]
fn logic_that_cannot_be_made_again_stops_the_buffer_and_no_caller_hangs() {
    for runs in Runs::ALL {
        let (disk, faults) = (Disk::new(), Faults::default());
        let make = panicking(runs, &faults, |attempt| attempt > 1);
        let buffer = Buffer::open_with(Box::new(disk.open().unwrap()), options(), make).unwrap();
        write(&buffer, 1..=10);
        assert_eq!(read(&buffer), ids([1..=10]), "{runs:?}");
        let reader = buffer.reader();
        let waiting = thread::spawn(move || reader.next());
        write(&buffer, 11..=20);
        disk.hold_syncs();
        let pending = buffer.writer().with_durability(Durability::Synced).submit(records(21..=30)).unwrap();
        faults.after(0);
        let status = buffer.status().unwrap();
        let stopped = status.stopped.unwrap();
        assert!(status.restarts == 5 && stopped.contains("out of moulds"), "{runs:?}: {stopped}");
        assert!(matches!(waiting.join().unwrap(), Ok(Some(_)) | Err(ReadError::Stopped { .. })), "{runs:?}");
        assert!(
            matches!(
                buffer.writer().write("more"),
                Err(WriteError { kind: WriteErrorKind::Stopped { .. }, .. })
            ),
            "{runs:?}"
        );
        disk.let_syncs_go_on();
        let is_synced = pending.wait().is_ok();
        assert!(buffer.close().is_err(), "{runs:?}");
        let buffer = runs.open(disk.open().unwrap(), options());
        let (found, last) = (read(&buffer), if is_synced { 30 } else { 20 });
        assert!(found.starts_with(&ids([1..=last])), "{runs:?}: {found:?}, synced: {is_synced}");
    }
}

/// Other logic that cannot be made does not take the place of logic that is in order.
#[test]
fn a_panic_in_making_other_logic_leaves_the_former_in_place() {
    for runs in Runs::ALL {
        let (simulation, disk, faults) = (Simulation::new(), Disk::new(), Faults::default());
        let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        write(&buffer, 1..=10);
        let error = buffer.replace_logic_with(panicking(runs, &faults, |_| true)).unwrap_err();
        assert!(
            matches!(&error, ReplaceError::FellBack { reason } if reason.contains("out of moulds")),
            "{runs:?}: {error:?}"
        );
        write(&buffer, 11..=20);
        assert_eq!(read(&buffer), ids([1..=20]), "{runs:?}");
        buffer.reader().ack_through(RecordId(20));
        buffer.close().unwrap();
    }
}

/// Code that has put the storage away before the panic keeps it, lock and all. The buffer cannot go on, and says so.
#[test]
fn storage_that_does_not_come_back_stops_the_buffer() {
    let (simulation, disk, faults) = (Simulation::new(), Disk::new(), Faults::default());
    let away: Arc<Mutex<Vec<Guard>>> = Arc::default();
    let make = {
        let (away, mut make, mut attempts) = (Arc::clone(&away), faults.maker(Runs::Natively), 0);
        move |guard| {
            attempts += 1;
            if attempts == 2 {
                away.lock().unwrap().push(guard);
                panic::resume_unwind(Box::new("out of moulds"));
            }
            make(guard)
        }
    };
    let backend = Box::new(disk.open().unwrap());
    let buffer = Buffer::open_on(simulation.runtime(), backend, options(), make).unwrap();
    write(&buffer, 1..=10);
    faults.after(0);
    assert!(buffer.status().unwrap().stopped.is_some());
    assert!(matches!(
        buffer.writer().write("more"),
        Err(WriteError { kind: WriteErrorKind::Stopped { .. }, .. })
    ));
    assert!(matches!(buffer.reader().next(), Err(ReadError::Stopped { .. })));
    assert!(buffer.close().is_err());
    assert!(disk.open().is_err(), "it is still put away");
    away.lock().unwrap().clear();
    assert_eq!(read(&Runs::Natively.open(disk.open().unwrap(), options())), ids([1..=10]));
}
