//! The `async` ways in never hold the thread that polls them: while the disk answers nothing, a sentinel task of a
//! current-thread executor goes on.

use std::{
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, channel},
    },
    task::{Context, Waker},
    thread,
    time::Duration,
};

use forebay::{
    Buffer, Component, RecordId, Simulation, WriteErrorKind,
    storage::{SyncTarget, memory::Disk},
};

use crate::support::{
    Runs,
    fixtures::project_file,
    storage::{ids, options, records, write},
};

/// How often the sentinel goes on while an operation is pending.
const TURNS: usize = 100;

/// Far longer than a test takes. A thread that is held would be held for ever.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs an operation on an executor with one thread, on a disk that answers nothing until a sentinel on the same thread has gone
/// on for some turns. The operation must be pending until then, and end well after it.
#[track_caller]
fn assert_not_blocking<T: Send + 'static>(
    what: &str,
    disk: &Disk,
    operation: impl Future<Output = T> + Send + 'static,
) -> T {
    let (result, outcome) = channel();
    let sentinel_disk = disk.clone();
    let executor = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let is_done = Arc::new(AtomicBool::new(false));
        let sentinel = runtime.spawn({
            let is_done = Arc::clone(&is_done);
            async move {
                let mut turns = 0;
                // It is the operation, or what held the buffer before it, that waits for the disk.
                while turns < TURNS || sentinel_disk.waiting_calls() == 0 {
                    assert!(!is_done.load(Ordering::SeqCst), "it did not wait for the disk");
                    tokio::task::yield_now().await;
                    turns += 1;
                }
                sentinel_disk.let_calls_go_on();
            }
        });
        let answer = runtime.block_on(async {
            let answer = operation.await;
            is_done.store(true, Ordering::SeqCst);
            sentinel.await.map(|()| answer)
        });
        result.send(answer.map_err(tokio::task::JoinError::into_panic)).unwrap();
    });
    match outcome.recv_timeout(PATIENCE) {
        Ok(Ok(answer)) => answer,
        Ok(Err(panicked)) => {
            disk.let_calls_go_on();
            panic::resume_unwind(panicked)
        }
        Err(RecvTimeoutError::Timeout) => {
            disk.let_calls_go_on();
            panic!("{what} holds the thread that polls it");
        }
        Err(RecvTimeoutError::Disconnected) => {
            disk.let_calls_go_on();
            panic!("{what}: {:?}", executor.join())
        }
    }
}

/// A buffer with 20 records, on a disk that answers.
fn buffer(runs: Runs) -> (Disk, Buffer) {
    let disk = Disk::new();
    let buffer = runs.open(disk.open().unwrap(), options());
    write(&buffer, 1..=20);
    (disk, buffer)
}

/// A reader that reads ahead takes records from the disk; its consumer's other tasks must not notice.
#[test]
fn reading_does_not_block() {
    for runs in Runs::ALL {
        let (disk, filled) = buffer(runs);
        // More than the one file that opening reads.
        write(&filled, 21..=300);
        filled.close().unwrap();
        let buffer = runs.open(disk.open().unwrap(), options());
        disk.hold_calls();
        let reader = buffer.reader();
        let read = async move { reader.next_batch_async(100).await };
        let records = assert_not_blocking("reading", &disk, read).unwrap().unwrap();
        assert_eq!(records.len(), 100, "{runs:?}");
    }
}

/// Opening reads the ledger and the newest file.
#[test]
fn opening_does_not_block() {
    for runs in Runs::ALL {
        let (disk, buffer) = buffer(runs);
        let locked = buffer.hand_over().unwrap();
        disk.hold_calls();
        let buffer = assert_not_blocking("opening", &disk, locked.open_async()).unwrap();
        assert_eq!(buffer.open_report().events, 20, "{runs:?}");
    }
}

/// The same from a directory, which no other buffer of the process has had before.
#[test]
fn making_a_buffer_of_a_directory_does_not_block() {
    let directory = tempfile::tempdir().unwrap();
    let buffer = assert_not_held_up(Buffer::builder(directory.path()).open_async()).unwrap();
    assert_eq!(buffer.open_report().events, 0);
}

/// Logic that computes for ever is stopped in the end. Meanwhile it is not the caller's thread that it has.
#[test]
fn logic_that_spins_does_not_block() {
    let spins = Component::from_file(&project_file("tests/guests/spins.wasm")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let buffer = Buffer::builder(directory.path()).component(spins).open().unwrap();
    let writer = buffer.writer();
    let error = assert_not_held_up(async move { writer.write_async("one").await }).unwrap_err();
    assert!(matches!(error.kind, WriteErrorKind::Stopped { .. }), "{error}");
}

/// Runs an operation on an executor with one thread: before it ends, it must have been pending once.
#[track_caller]
fn assert_not_held_up<T>(operation: impl Future<Output = T>) -> T {
    let mut operation = Box::pin(operation);
    let mut context = Context::from_waker(Waker::noop());
    assert!(operation.as_mut().poll(&mut context).is_pending(), "it held the thread that polled it");
    pollster::block_on(operation)
}

/// Closing and handing over wait for syncs.
#[test]
fn closing_does_not_block() {
    for runs in Runs::ALL {
        let (disk, buffer) = buffer(runs);
        disk.hold_calls();
        let locked = assert_not_blocking("handing over", &disk, buffer.hand_over_async()).unwrap();
        let buffer = locked.open().unwrap();
        disk.hold_calls();
        assert_not_blocking("closing", &disk, buffer.close_async()).unwrap();
        assert!(disk.open().is_ok(), "{runs:?}: the directory is free");
    }
}

/// A task that ends early drops what it has. What was written is in the buffer, and the directory becomes free.
#[test]
fn dropping_does_not_block() {
    for runs in Runs::ALL {
        let (disk, buffer) = buffer(runs);
        pollster::block_on(buffer.writer().write_async("one more")).unwrap();
        disk.hold_calls();
        let free = disk.clone();
        let drop = async move {
            drop(buffer);
            while let Err(error) = free.open() {
                assert!(error.to_string().contains("lock"), "{error}");
                tokio::task::yield_now().await;
            }
        };
        assert_not_blocking("dropping", &disk, drop);
        let last = disk.data_files().last().unwrap().0;
        assert!(disk.sync_count(SyncTarget::Data(last)) > 0, "{runs:?}: it was closed in full");
        disk.power_loss();
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(buffer.reader().try_next_batch(100).unwrap().len(), 21, "{runs:?}");
    }
}

/// Without an `async` call the drop waits, as most programs expect: the next line may open the directory again.
#[test]
fn dropping_waits_where_all_calls_block() {
    for runs in Runs::ALL {
        let (disk, buffer) = buffer(runs);
        drop(buffer);
        assert!(disk.open().is_ok(), "{runs:?}: the directory is free");
    }
}

/// A future that is dropped while the disk is at it loses no record, and does not count as a delivery.
#[test]
fn a_read_that_is_given_up_gives_its_records_to_the_next() {
    for runs in Runs::ALL {
        for peek in [false, true] {
            let (disk, simulation) = (Disk::new(), Simulation::new());
            let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
            write(&buffer, 1..=20);
            buffer.close().unwrap();
            let mut options = options();
            options.peek = peek;
            let buffer = runs.open_in(&simulation, disk.open().unwrap(), options).unwrap();
            let reader = buffer.reader();
            let first = reader.try_next_batch(5).unwrap();
            let mut given_up = Box::pin(reader.next_batch_async(10));
            let mut context = Context::from_waker(Waker::noop());
            assert!(given_up.as_mut().poll(&mut context).is_pending(), "{runs:?}");
            // It is taken now, and no future asks for it any more.
            simulation.run_jobs();
            drop(given_up);
            simulation.run_jobs();
            let rest = reader.try_next_batch(100).unwrap();
            let all: Vec<_> = first.iter().chain(&rest).map(|record| record.id().0).collect();
            assert_eq!(all, ids([1..=20]), "{runs:?}, peek: {peek}");
            assert!(rest.iter().all(|record| record.deliveries().get() == 1), "{runs:?}, peek: {peek}");
        }
    }
}

/// Each operation comes while another thread has the buffer, and is in the disk's hands.
#[track_caller]
fn assert_not_blocked_by_another<F: Future<Output: Send + 'static> + Send + 'static>(
    what: &str,
    operation: impl Fn(Buffer, Vec<forebay::Record>) -> F,
) {
    for runs in Runs::ALL {
        let (disk, buffer) = buffer(runs);
        let reader = buffer.reader();
        let held = pollster::block_on(reader.next_batch_async(10)).unwrap().unwrap();
        disk.hold_calls();
        let writer = buffer.writer();
        let blocked = thread::spawn(move || writer.write_batch(records(21..=30)).unwrap());
        while disk.waiting_calls() == 0 {
            thread::yield_now();
        }
        assert_not_blocking(what, &disk, operation(buffer, held));
        assert_eq!(blocked.join().unwrap().records, 10, "{runs:?}");
    }
}

#[test]
fn no_operation_blocks_while_another_thread_waits_for_the_disk() {
    assert_not_blocked_by_another("writing", |buffer, _| async move {
        buffer.writer().write_async("more").await.unwrap();
        buffer
    });
    assert_not_blocked_by_another("reading", |buffer, _| async move {
        buffer.reader().next_batch_async(10).await.unwrap().unwrap();
        buffer
    });
    assert_not_blocked_by_another("acknowledging", |buffer, held| async move {
        held.iter().for_each(forebay::Record::ack);
        // That they were taken shows in the status.
        let status = buffer.status_async().await.unwrap();
        assert_eq!(status.acknowledged, RecordId(10));
        buffer
    });
    assert_not_blocked_by_another("acknowledging all", |buffer, held| async move {
        buffer.reader().ack_through_async(held.last().unwrap().id()).await;
        buffer
    });
    assert_not_blocked_by_another("giving back", |buffer, held| async move {
        held.iter().for_each(forebay::Record::nack);
        let again = buffer.reader().next_batch_async(10).await.unwrap().unwrap();
        assert_eq!(again[0].deliveries().get(), 2);
        buffer
    });
    assert_not_blocked_by_another("ending writing", |buffer, _| async move {
        buffer.end_writing_async().await;
        buffer
    });
    assert_not_blocked_by_another("replacing the logic", |buffer, _| async move {
        buffer.replace_logic_async(Component::embedded().unwrap()).await.unwrap();
        buffer
    });
    assert_not_blocked_by_another("draining", |buffer, _| async move {
        buffer.drain_async(Duration::ZERO).await;
        buffer
    });
    assert_not_blocked_by_another("closing", |buffer, _| async move {
        buffer.close_async().await.unwrap();
    });
}
