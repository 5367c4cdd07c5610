//! Consumers of what is there.

use super::{checksum, contenders};
use crate::{
    contender::{Acks, AsComponent},
    drive::{Work, size},
    point::Point,
    setup::Setup,
};

/// The contenders at the points that are Forebay's own.
pub(crate) const THROUGH: &str = "ack_through, batches of 1000";
pub(crate) const THROUGH_LARGE: &str = "ack_through, batches of 4096";
pub(crate) const EACH: &str = "each acknowledged";
pub(crate) const CHECKSUM: &str = "checksum from the page cache";

/// The name of the point at which Forebay's ways to acknowledge are beside each other.
pub(crate) fn read_point(record_bytes: usize) -> String {
    format!("Forebay, reading {} records", size(record_bytes))
}

/// Written in batches, so that most of the time goes into reading.
pub(super) fn through(record_bytes: usize) -> Work {
    Work::new(record_bytes, 256)
}

/// By one consumer, and by eight.
pub(crate) fn each_acknowledged(record_bytes: usize) -> [Work; 2] {
    let work = Work { acks: Acks::Each, ..through(record_bytes) };
    [work, work.by(1, 8)]
}

pub(super) fn points(setup: Setup) -> Vec<Point> {
    let mut points = Vec::new();
    for record_bytes in [64, 1 << 10] {
        let through = through(record_bytes);
        let mut point = Point::new(read_point(record_bytes));
        point.add(THROUGH, through.measure(&AsComponent, setup.longer()));
        point.add(THROUGH_LARGE, Work { taken: 4096, ..through }.measure(&AsComponent, setup.longer()));
        point.add(EACH, Work { acks: Acks::Each, ..through }.measure(&AsComponent, setup));
        point.add(CHECKSUM, checksum::measure(record_bytes, setup));
        points.push(point);
    }
    if !setup.quick {
        let works = [64, 1 << 10].into_iter().flat_map(each_acknowledged);
        points.extend(works.map(|work| contenders(work, setup)));
    }
    points
}
