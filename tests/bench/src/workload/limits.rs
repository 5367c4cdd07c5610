//! What the machine does at best, measured before anything else: every other figure is to be read beside these.

use std::path::Path;

use anyhow::Result;

use super::{checksum, durable, read};
use crate::{
    contender::{AsComponent, Level, Log, Raw},
    drive::{Work, size},
    point::{Point, Sample},
    setup::Setup,
};

/// What the names of the points begin with.
pub(crate) const LIMIT: &str = "limit: ";

/// The contender.
pub(crate) const MACHINE: &str = "this machine";

/// How long the pieces are in which bytes are written until all are durable.
const PIECE_BYTES: usize = 256 << 10;

/// Each limit has a point of its own: what syncs one record at a time is slower right after what syncs many.
pub(super) fn points(setup: Setup) -> Vec<Point> {
    let mut points = vec![limit("frame and write(2), 64 B", Work::new(64, 1).measure(&Log, setup))];
    for bytes in [1 << 10, 64 << 10] {
        let name = format!("append and fdatasync, {}", size(bytes));
        points.push(limit(&name, Work::new(bytes, 1).at(Level::Synced).measure(&Raw, setup)));
    }
    for bytes in [64, 1 << 10, 16 << 10] {
        let name = format!("256 KiB pieces and fdatasync, {}", size(bytes));
        points.push(limit(&name, durable(bytes, PIECE_BYTES / bytes).measure(&Raw, setup.longer())));
    }
    for bytes in [64, 1 << 10] {
        let name = format!("checksum from the page cache, {}", size(bytes));
        points.push(limit(&name, checksum::measure(bytes, setup)));
        let name = format!("Forebay: `ack_through` in batches, {}", size(bytes));
        points.push(limit(&name, read::through(bytes).measure(&AsComponent, setup)));
    }
    points
}

fn limit(name: &str, measure: impl FnMut(&Path) -> Result<Sample> + 'static) -> Point {
    let mut point = Point::new(format!("{LIMIT}{name}"));
    point.add(MACHINE, measure);
    point
}
