//! Producers and consumers at once.

use super::contenders;
use crate::{
    contender::{AsComponent, Native},
    drive::Work,
    point::Point,
    setup::Setup,
};

/// The point at which nothing holds the producer back, and the consumer is to keep up.
pub(crate) fn at_once() -> Work {
    Work { at_once: true, ..Work::new(1 << 10, 64) }
}

/// The name of the point at which Forebay moves more than the kernel leaves in memory.
pub(crate) fn at_once_point() -> String {
    format!("{}, Forebay", at_once().name())
}

pub(super) fn points(setup: Setup) -> Vec<Point> {
    let mut point = Point::new(at_once_point());
    // Enough that the last data file counts for little.
    let large = setup.writing(if setup.quick { 1 << 30 } else { 4 << 30 });
    point.add("forebay", at_once().measure(&AsComponent, large));
    if setup.quick {
        return vec![point];
    }
    point.add("forebay, native logic", at_once().measure(&Native, large));
    let several = at_once().by(8, 8);
    vec![point, contenders(at_once(), setup), contenders(several, setup)]
}
