//! What consumers said of their records is the host's to remember: it outlives an instance of the logic.

use std::{num::NonZeroU32, time::Duration};

use forebay::{Buffer, Record, Simulation, storage::memory::Disk};

use crate::support::{
    Runs,
    faulty::Faults,
    storage::{options, write},
};

fn take(buffer: &Buffer) -> Vec<Record> {
    buffer.reader().try_next_batch(100).unwrap()
}

fn seen(records: &[Record]) -> Vec<(u64, u32)> {
    records.iter().map(|record| (record.id().0, record.deliveries().get())).collect()
}

/// A fresh instance knows what was delivered from the host alone. Records that wait to be delivered again, or are on their
/// way to be set aside, must neither be forgotten nor come as new ones, and handles from before stay good.
#[test]
fn what_was_given_back_outlives_the_instance() {
    for runs in Runs::ALL {
        let (simulation, disk, faults) = (Simulation::new(), Disk::new(), Faults::default());
        let mut options = options();
        options.max_deliveries = NonZeroU32::new(2);
        let backend = Box::new(disk.open().unwrap());
        let buffer = Buffer::open_on(simulation.runtime(), backend, options, faults.maker(runs)).unwrap();
        write(&buffer, 1..=6);
        let first = buffer.reader().try_next_batch(4).unwrap();
        first[2].nack();
        buffer.reader().try_next_batch(1).unwrap()[0].nack();
        first[0].nack();
        first[1].nack_after(Duration::from_secs(10));
        faults.after(0);
        assert_eq!(buffer.status().unwrap().restarts, 1, "{runs:?}");

        while simulation.run_sync(0) {}
        let letter = disk.dead_letters();
        assert_eq!(forebay_frame::decode(&letter).unwrap().id.0, 3, "{runs:?}");
        let second = take(&buffer);
        assert_eq!(seen(&second), [(1, 2), (5, 1), (6, 1)], "{runs:?}");
        simulation.advance(Duration::from_secs(10));
        let third = take(&buffer);
        assert_eq!(seen(&third), [(2, 2)], "{runs:?}");
        first[3].ack();
        [second, third].concat().iter().for_each(Record::ack);
        let status = buffer.status().unwrap();
        let figures = (status.acknowledged.0, status.unacknowledged_records, status.dead_letters);
        assert_eq!((figures, status.ignored_acknowledgements), ((6, 0, 1), 0), "{runs:?}");
    }
}
