//! One producer, and then one consumer.

use super::contenders;
use crate::{
    contender::{AsComponent, Level, Log, Raw},
    drive::Work,
    point::Point,
    setup::Setup,
};

/// The lengths of records.
pub(crate) const SIZES: [usize; 5] = [64, 256, 1 << 10, 16 << 10, 1 << 20];

/// How many records a call appends.
pub(crate) const BATCHES: [usize; 4] = [1, 16, 256, 4096];

/// The lengths whose records are written in calls of each number. The others come in one kind of calls.
const SWEPT: [usize; 2] = [64, 1 << 10];

/// One 64-byte record a call.
pub(crate) fn single() -> Work {
    Work::new(64, 1)
}

/// A sync for each record.
pub(crate) fn sync_each() -> Work {
    Work::new(1 << 10, 1).at(Level::Synced)
}

/// The calls in which records are written until all are durable: length and number.
const DURABLE: [(usize, usize); 4] = [(64, 256), (64, 4096), (1 << 10, 256), (16 << 10, 16)];

/// Records of one length in the calls that all lengths have in common: 16, or one that is long enough by itself.
pub(crate) fn of_length(record_bytes: usize) -> Work {
    Work::new(record_bytes, if record_bytes < 1 << 20 { 16 } else { 1 })
}

/// All lengths and calls, `written`.
pub(crate) fn sweep() -> Vec<Work> {
    let calls = |record_bytes| {
        let works = BATCHES.map(|batch| Work::new(record_bytes, batch));
        if SWEPT.contains(&record_bytes) { works.to_vec() } else { vec![of_length(record_bytes)] }
    };
    SIZES.into_iter().flat_map(calls).collect()
}

/// Appends until all is durable.
pub(crate) fn durable(record_bytes: usize, batch: usize) -> Work {
    Work { durable: true, ..Work::new(record_bytes, batch) }
}

pub(super) fn points(setup: Setup) -> Vec<Point> {
    let durable = DURABLE.map(|(record_bytes, batch)| durable(record_bytes, batch));
    let mut points = vec![contenders(sync_each(), setup)];
    if setup.quick {
        let mut beside = Point::new(single().name());
        beside.add("forebay", single().measure(&AsComponent, setup));
        beside.add("hand-written log", single().measure(&Log, setup));
        points.push(beside);
        for work in durable {
            let mut point = Point::new(work.name());
            point.add("forebay", work.measure(&AsComponent, setup));
            point.add("hand-written log", work.measure(&Log, setup));
            point.add("raw write(2)", work.measure(&Raw, setup));
            points.push(point);
        }
        return points;
    }
    points.extend(durable.map(|work| contenders(work, setup.longer())));
    points.extend(
        [Level::Accepted, Level::Synced].map(|level| contenders(Work::new(1 << 10, 64).at(level), setup)),
    );
    points.extend(sweep().into_iter().map(|work| contenders(work, setup)));
    points
}
