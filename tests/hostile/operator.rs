//! The operator's limits hold also where a component ignores them.

use forebay::{
    Buffer, NewRecord, Options, Refusal, Simulation,
    guard::{Breach, Guard},
    storage::memory::Disk,
};

use super::bed::{Bed, refused};
use crate::support::{
    native_logic::NativeLogic,
    storage::{options, records},
    unfaithful::Unfaithful,
};

/// How many records each write has.
const RECORDS: u64 = 4;

/// A buffer whose component places all that it is offered in one file.
fn open(disk: &Disk, simulation: &Simulation, options: Options) -> Buffer {
    let backend = Box::new(disk.open().unwrap());
    let place = |guard: &mut Guard, batch| drop(guard.append(batch, RECORDS as u32));
    let make = move |guard| {
        let logic = Unfaithful::refusing(NativeLogic::make(guard));
        Ok(Unfaithful::meddling(logic, place))
    };
    Buffer::open_on(simulation.runtime(), backend, options, make).unwrap()
}

/// An operator who allowed ten records must not find a hundred, whatever the component makes of the option.
#[test]
fn no_more_events_wait_than_the_operator_allows_whatever_the_component_does() {
    let (disk, simulation) = (Disk::new(), Simulation::new());
    let mut options = options();
    options.max_events = 10;
    let buffer = open(&disk, &simulation, options);
    for first in (1..=100).step_by(RECORDS as usize) {
        let _ = buffer.writer().write_batch(records(first..=first + RECORDS - 1));
    }
    let status = buffer.status().unwrap();
    assert_eq!(status.occupancy.events, 8);
    assert_eq!(status.refusals, [(Breach::Rule(Refusal::EventLimit), 23)]);
}

/// A file size that is set for a disk's sake, or for what `drop-oldest` drops at a time, holds.
#[test]
fn no_file_becomes_longer_than_the_operator_allows_whatever_the_component_does() {
    let (disk, simulation) = (Disk::new(), Simulation::new());
    let options = options();
    let buffer = open(&disk, &simulation, options);
    for first in (1..=400).step_by(RECORDS as usize) {
        let _ = buffer.writer().write_batch(records(first..=first + RECORDS - 1));
    }
    let longest = disk.data_files().iter().map(|(_, bytes)| *bytes).max().unwrap();
    assert!(longest <= options.file_bytes, "{longest}");
    let refusals = buffer.status().unwrap().refusals;
    assert!(matches!(refusals[..], [(Breach::Rule(Refusal::FileSize), 1..)]), "{refusals:?}");
}

/// A record that is longer than a file may be has one of its own: well-behaved logic must find a place for it.
#[test]
fn a_record_above_the_file_size_goes_to_an_empty_file_and_nothing_behind_it() {
    let mut bed = Bed::new();
    bed.guard.allow_file_bytes(200);
    bed.append("short").unwrap();
    let long = "x".repeat(300);
    assert_eq!(refused(bed.append(&long)), Refusal::FileSize);
    let next = bed.append_to_next(&long);
    assert_eq!(refused(bed.append("short")), Refusal::FileSize);
    bed.guard.roll().unwrap();
    let (batch, _) = bed.guard.offer(vec![NewRecord::new(long.clone()), NewRecord::new("short")]);
    assert_eq!(refused(bed.guard.append(batch, 2)), Refusal::FileSize);
    bed.guard.append(batch, 1).unwrap();
    bed.guard.take_offer();
    assert!(bed.disk.data_file(next).unwrap().len() > 300);
}
