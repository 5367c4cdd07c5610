//! Other logic takes over while the buffer is open.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use forebay::{
    Buffer, Component, ComponentError, RecordId, ReplaceError, Simulation,
    guard::{Guard, GuardError, Refusal},
    logic::{CallError, NotMade},
    storage::{Ledger, memory::Disk},
};

use crate::support::{
    Runs,
    bare::Bare,
    faulty::Faults,
    fixtures::project_file,
    fuse::Fuse,
    native_logic::NativeLogic,
    storage::{data_file, disk, file, ids, ledger, options, read, records, write},
    unfaithful::Unfaithful,
};

fn component(name: &str) -> Component {
    Component::from_file(&project_file("tests/guests").join(name)).unwrap()
}

/// A buffer in a simulation, with records of which some are delivered and some are acknowledged: the last of these is 10.
fn in_use(runs: Runs, disk: &Disk) -> (Buffer, Vec<forebay::Record>) {
    let simulation = Simulation::new();
    let buffer = runs.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
    write(&buffer, 1..=100);
    while simulation.run_sync(0) {}
    let held = buffer.reader().try_next_batch(70).unwrap();
    held[..10].iter().for_each(forebay::Record::ack);
    (buffer, held)
}

/// Whatever runs the logic now goes on where the former stood, and handles that consumers hold are good.
#[track_caller]
fn assert_goes_on(buffer: &Buffer, held: &[forebay::Record], what: &str) {
    assert_eq!(buffer.status().unwrap().acknowledged, RecordId(10), "{what}");
    write(buffer, 101..=150);
    assert_eq!(read(buffer), ids([71..=150]), "{what}: nothing is delivered again");
    held.iter().for_each(forebay::Record::ack);
    assert_eq!(buffer.status().unwrap().acknowledged, RecordId(70), "{what}");
    buffer.reader().ack_through(RecordId(150));
    assert_eq!(buffer.status().unwrap().acknowledged, RecordId(150), "{what}");
    let status = buffer.status().unwrap();
    assert_eq!((status.lost_events, status.refused_calls), (0, 0), "{what}");
}

/// A better version of the logic is put in without a pause that anybody sees.
#[test]
fn other_logic_goes_on_where_the_former_stood() {
    for (from, to) in [(Runs::Natively, Runs::AsComponent), (Runs::AsComponent, Runs::Natively)] {
        let disk = Disk::new();
        let (buffer, held) = in_use(from, &disk);
        buffer.replace_logic_with(move |guard| to.make(guard)).unwrap();
        assert_goes_on(&buffer, &held, &format!("{from:?} to {to:?}"));
        let status = buffer.status().unwrap();
        assert_eq!((status.replacements, status.fell_back, status.restarts), (1, None, 0));
        buffer.close().unwrap();
        assert_eq!(to.open(disk.open().unwrap(), options()).open_report().events, 0);
    }
}

/// What wants more of its host than storage is refused before the running logic is touched.
#[test]
fn a_component_that_asks_for_too_much_never_gets_to_the_buffer() {
    let refused = Component::from_file(&project_file("tests/guests/asks_for_a_clock.wasm"));
    assert!(matches!(refused, Err(ComponentError::Import { .. })), "{refused:?}");
}

/// Logic that does not find its way in the directory must not take the buffer down with it.
#[test]
fn logic_that_does_not_open_the_buffer_is_not_taken() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let (buffer, held) = in_use(runs, &disk);
        let refused = buffer.replace_logic_with(move |guard| runs.make(guard).map(Unfaithful::not_opening));
        assert!(
            matches!(&refused, Err(ReplaceError::FellBack { reason }) if reason.contains("78")),
            "{runs:?}: {refused:?}"
        );
        assert!(buffer.status().unwrap().fell_back.unwrap().contains("78"), "{runs:?}");
        assert_goes_on(&buffer, &held, &format!("{runs:?}"));
    }
}

/// What logic believes of the buffer is its own affair: the host tells where delivery stands and which id comes next.
#[test]
fn logic_that_knows_nothing_of_the_buffer_changes_nothing_in_it() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let (buffer, held) = in_use(runs, &disk);
        buffer.replace_logic(component("always_full.wasm")).unwrap();
        let status = buffer.status().unwrap();
        assert_eq!((status.acknowledged, status.next_id), (RecordId(10), RecordId(101)), "{runs:?}");
        buffer.replace_logic_with(move |guard| runs.make(guard)).unwrap();
        assert_goes_on(&buffer, &held, &format!("{runs:?}"));
    }
}

/// Nor may logic of which no instance can be made at all, as when its start function traps.
#[test]
fn logic_that_cannot_be_made_is_not_taken() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let (buffer, held) = in_use(runs, &disk);
        let refused = buffer.replace_logic_with(|guard| {
            Err(Box::new(NotMade { guard, error: CallError::Failed { reason: "it trapped".to_owned() } }))
        });
        assert!(matches!(refused, Err(ReplaceError::FellBack { .. })), "{runs:?}: {refused:?}");
        assert_goes_on(&buffer, &held, &format!("{runs:?}"));
    }
}

/// It may well open the buffer and fail when it is first used; the record that was being written is written.
#[test]
fn logic_that_fails_in_its_first_calls_is_taken_out_again() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        buffer.replace_logic(component("spins.wasm")).unwrap();
        assert_eq!(buffer.status().unwrap().fell_back, None, "{runs:?}");
        write(&buffer, 1..=10);
        let status = buffer.status().unwrap();
        assert!(status.fell_back.unwrap().contains("it ran for longer"), "{runs:?}");
        assert_eq!((status.replacements, status.restarts), (1, 0), "{runs:?}: the former has not failed");
        assert_eq!(read(&buffer), ids([1..=10]), "{runs:?}");
    }
}

/// What ran well until a moment ago goes on, though it has not proved itself; should it fail as well, what has does.
#[test]
fn of_two_swaps_in_a_row_the_second_goes_back_to_the_first_and_that_to_what_was_proved() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        let faults = Faults::default();
        buffer.replace_logic_with(faults.maker(runs)).unwrap();
        buffer.replace_logic(component("spins.wasm")).unwrap();
        let before = faults.calls();
        write(&buffer, 1..=10);
        assert!(buffer.status().unwrap().fell_back.unwrap().contains("it ran for longer"), "{runs:?}");
        assert!(faults.calls() > before, "{runs:?}: the first goes on");

        let refused = buffer.replace_logic(component("spins_at_start.wasm"));
        assert!(matches!(refused, Err(ReplaceError::FellBack { .. })), "{runs:?}: {refused:?}");
        let before = faults.calls();
        write(&buffer, 11..=20);
        assert!(faults.calls() > before, "{runs:?}: and again");

        faults.after(0);
        write(&buffer, 21..=30);
        let status = buffer.status().unwrap();
        assert!(status.fell_back.unwrap().contains("its answer got lost"), "{runs:?}");
        assert_eq!(
            (status.replacements, status.restarts),
            (3, 0),
            "{runs:?}: what was proved has not failed"
        );
        let before = faults.calls();
        write(&buffer, 31..=40);
        assert_eq!(faults.calls(), before, "{runs:?}: it is out");
        assert_eq!(read(&buffer), ids([1..=40]), "{runs:?}");
    }
}

/// Once it has proved itself it is the logic of the buffer, and a failure is answered with a fresh instance of it.
#[test]
fn logic_that_has_proved_itself_stays() {
    for runs in Runs::ALL {
        let buffer = runs.open(Disk::new().open().unwrap(), options());
        let faults = Faults::default();
        buffer.replace_logic_with(faults.maker(runs)).unwrap();
        (1..=100).for_each(|number| write(&buffer, number..=number));
        faults.after(0);
        write(&buffer, 101..=101);
        let status = buffer.status().unwrap();
        assert_eq!((status.fell_back, status.restarts), (None, 1), "{runs:?}");
        let before = faults.calls();
        write(&buffer, 102..=102);
        assert!(faults.calls() > before, "{runs:?}: it runs still");
    }
}

/// The former comes back to what it has left: until the new logic has opened the buffer, it may look and not touch.
#[test]
fn logic_that_takes_over_changes_no_file_before_it_has_opened_the_buffer() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let (buffer, held) = in_use(runs, &disk);
        let before = disk.data_files();
        buffer
            .replace_logic_with(move |mut guard| {
                let is_refused = |error| matches!(error, Some(GuardError::Refused(Refusal::Replacing)));
                let refusals = [
                    guard.prepare().err(),
                    guard.roll().err(),
                    guard.truncate().err(),
                    guard.release(file(0)).err(),
                    guard.discard(file(0)).err(),
                ];
                assert!(refusals.into_iter().all(is_refused));
                runs.make(guard)
            })
            .unwrap();
        assert!(before.iter().all(|file| disk.data_files().contains(file)), "{runs:?}");
        assert_eq!(buffer.status().unwrap().refused_calls, 5, "{runs:?}");
        drop(held);
        write(&buffer, 101..=300);
        assert_eq!(read(&buffer), ids([71..=300]), "{runs:?}: from then on it makes files as it needs them");
    }
}

/// A trap may come at any point of the exchange, in the former while it closes or in the new one while it opens.
#[test]
fn a_trap_at_any_storage_call_of_an_exchange_costs_nothing() {
    let mut traps = 0;
    for in_former in [true, false] {
        for at in 0..100 {
            let (disk, fuse) = (Disk::new(), Fuse::default());
            let (buffer, held) = in_use(Runs::Natively, &disk);
            let fused = fuse.clone();
            let make = move |guard| Ok(NativeLogic::with_fuse(guard, &fused));
            let answer = if in_former {
                buffer.replace_logic_with(make).unwrap();
                // It has to prove itself first: the one that fails is not to be what is gone back to.
                (0..100).for_each(|_| drop(buffer.status()));
                fuse.light(at);
                buffer.replace_logic_with(move |guard| Runs::Natively.make(guard))
            } else {
                fuse.light(at);
                buffer.replace_logic_with(make)
            };
            let what = format!("in the former: {in_former}, at {at}: {answer:?}");
            let has_trapped = fuse.burnt() > at && matches!(answer, Err(ReplaceError::FellBack { .. }));
            traps += usize::from(has_trapped);
            assert!(answer.is_ok() || !in_former, "{what}");
            fuse.light(u64::MAX);
            assert_goes_on(&buffer, &held, &what);
        }
    }
    assert!(traps > 5, "{traps} traps are not many");
}

/// There is no instance to take over from.
#[test]
fn a_buffer_that_has_stopped_takes_no_other_logic() {
    for runs in Runs::ALL {
        let faults = Faults::default();
        let mut once = options();
        once.restarts_per_minute = 0;
        let buffer =
            Buffer::open_with(Box::new(Disk::new().open().unwrap()), once, faults.maker(runs)).unwrap();
        faults.after(0);
        assert!(buffer.status().unwrap().stopped.is_some(), "{runs:?}");
        let refused = buffer.replace_logic_with(move |guard| runs.make(guard));
        assert!(matches!(refused, Err(ReplaceError::Stopped { .. })), "{runs:?}: {refused:?}");
    }
}

/// Names a file that is done with in the ledger, although the synced one has passed it, and has that file removed.
fn remove_what_the_ledger_names(guard: &mut Guard) {
    let (Some(mut ledger), segments) = (guard.ledger(), guard.segments(0, 100).unwrap()) else { return };
    let Some(front) = segments.first().map(|front| front.file) else { return };
    ledger.reader_data_file = front;
    for writer in [ledger.writer_data_file, front] {
        ledger.writer_data_file = writer;
        drop(guard.store_ledger(ledger));
    }
    drop(guard.release(front));
    for segment in segments {
        drop(guard.discard(segment.file));
    }
}

/// The former is told to close before another takes its place. What it then does must not keep the other out for good.
#[test]
fn logic_that_removes_files_when_it_is_to_close_can_be_replaced() {
    for runs in Runs::ALL {
        for waiting in [0, 40] {
            let (disk, simulation) = (Disk::new(), Simulation::new());
            let backend = Box::new(disk.open().unwrap());
            let is_deaf = Arc::new(AtomicBool::new(false));
            let deaf = Arc::clone(&is_deaf);
            let spoil = move |guard| {
                Ok(Unfaithful::spoiling_the_close(
                    runs.make(guard)?,
                    Arc::clone(&deaf),
                    remove_what_the_ledger_names,
                ))
            };
            let buffer = Buffer::open_on(simulation.runtime(), backend, options(), spoil).unwrap();
            write(&buffer, 1..=100);
            while simulation.run_sync(0) {}
            is_deaf.store(true, Relaxed);
            let records = buffer.reader().next_batch(100).unwrap().unwrap();
            records.iter().take(100 - waiting).for_each(forebay::Record::ack);
            // The ledger that has passed the first file is synced, and the file is still there.
            let _ = buffer.status();
            while simulation.run_sync(0) {}
            assert_eq!(disk.data_files().len(), 3, "{runs:?}");
            buffer.replace_logic_with(move |guard| runs.make(guard)).unwrap();
            write(&buffer, 101..=200);
            let status = buffer.status().unwrap();
            assert_eq!((status.fell_back, status.lost_events, status.stopped), (None, 0, None), "{runs:?}");
            assert_eq!(status.occupancy.events, 100 + waiting as u64, "{runs:?}");
        }
    }
}

/// Stores the ledger as it is, or the empty one where none is stored.
fn store_ledger(guard: &mut Guard) {
    let _ = guard.store_ledger(guard.ledger().unwrap_or(Ledger::EMPTY));
}

/// A buffer in which nothing was written yet may have no data file, or lose the only one: the next logic finds its place all the
/// same, although it may make no file before it has opened the buffer.
#[test]
fn logic_that_leaves_no_file_behind_can_be_replaced() {
    let nothing: fn(&mut Guard) = store_ledger;
    let prepares: fn(&mut Guard) = |guard| {
        store_ledger(guard);
        guard.prepare().unwrap();
    };
    let rolls: fn(&mut Guard) = |guard| {
        store_ledger(guard);
        guard.roll().unwrap();
        store_ledger(guard);
        guard.roll().unwrap();
    };
    let removes: fn(&mut Guard) = |guard| {
        let _ = guard.prepare();
        for segment in guard.segments(0, 100).unwrap() {
            let _ = guard.release(segment.file);
            let _ = guard.discard(segment.file);
        }
    };
    let stores_nothing: fn(&mut Guard) = |_| {};
    let logics =
        [("nothing", nothing), ("prepares", prepares), ("rolls", rolls), ("stores nothing", stores_nothing)];
    let disks: [fn() -> Disk; 6] = [
        Disk::new,
        || disk(Some(ledger(1, 7, 7, 0)), &[]),
        || disk(Some(ledger(101, 7, 7, 100)), &[]),
        || disk(Some(ledger(101, 7, 5, 60)), &[]),
        || disk(Some(ledger(101, 7, 5, 60)), &[(6, data_file(50..=70))]),
        || disk(Some(ledger(101, 5, 7, 100)), &[(6, data_file(50..=70)), (9, Vec::new())]),
    ];
    for runs in Runs::ALL {
        for (name, opens) in logics {
            for (number, disk) in disks.iter().enumerate() {
                let (disk, simulation) = (disk(), Simulation::new());
                let backend = Box::new(disk.open().unwrap());
                let make = move |guard| Ok(Bare::make(guard, opens, removes));
                let buffer = Buffer::open_on(simulation.runtime(), backend, options(), make).unwrap();
                for time in 1..=3 {
                    let replaced = buffer.replace_logic_with(move |guard| runs.make(guard));
                    assert!(replaced.is_ok(), "{runs:?}, {name}, disk {number}, {time}: {replaced:?}");
                }
                buffer.writer().write_batch(records(1..=10)).unwrap();
                let status = buffer.status().unwrap();
                assert_eq!(
                    (status.fell_back, status.stopped),
                    (None, None),
                    "{runs:?}, {name}, disk {number}"
                );
            }
        }
    }
}
