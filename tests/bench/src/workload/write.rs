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

/// The most that a call takes.
const CALL_BYTES_MAX: usize = 16 << 20;

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
    for record_bytes in SIZES {
        for batch in BATCHES {
            if record_bytes * batch <= CALL_BYTES_MAX {
                points.push(contenders(Work::new(record_bytes, batch), setup));
            }
        }
    }
    points
}
