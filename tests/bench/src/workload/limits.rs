//! What the machine does at best, measured before anything else: every other figure is to be read beside these.

use super::{checksum, read};
use crate::{
    contender::{AsComponent, Level, Log, Raw},
    drive::Work,
    point::Point,
    setup::Setup,
};

/// The name of the only point.
pub(crate) const LIMITS: &str = "limits of this machine";

/// How long the pieces are in which bytes are written until all are durable.
const PIECE_BYTES: usize = 256 << 10;

pub(super) fn points(setup: Setup) -> Vec<Point> {
    let mut point = Point::new(LIMITS);
    point.add("frame and write(2), 64 B", Work::new(64, 1).measure(&Log, setup));
    for bytes in [1 << 10, 64 << 10] {
        let name = format!("append and fdatasync, {}", crate::drive::size(bytes));
        point.add(name, Work::new(bytes, 1).at(Level::Synced).measure(&Raw, setup));
    }
    for bytes in [64, 1 << 10, 16 << 10] {
        let name = format!("256 KiB pieces and fdatasync, {}", crate::drive::size(bytes));
        let work = Work { durable: true, ..Work::new(bytes, PIECE_BYTES / bytes) };
        point.add(name, work.measure(&Raw, setup.longer()));
    }
    for bytes in [64, 1 << 10] {
        let size = crate::drive::size(bytes);
        point.add(format!("checksum from the page cache, {size}"), checksum::measure(bytes, setup));
        point.add(
            format!("ack_through in batches, {size}"),
            read::through(bytes).measure(&AsComponent, setup),
        );
    }
    vec![point]
}
