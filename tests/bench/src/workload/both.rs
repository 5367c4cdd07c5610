//! Producers and consumers at once.

use super::contenders;
use crate::{contender::AsComponent, drive::Work, point::Point, setup::Setup};

/// What all contenders do.
pub(crate) fn at_once() -> Work {
    Work { at_once: true, ..Work::new(1 << 10, 64) }
}

/// Nothing holds the producer back, and its calls are large: the consumer is to keep up.
fn unbounded() -> Work {
    Work { at_once: true, ..Work::new(1 << 10, 256) }
}

/// The name of the point at which Forebay does that.
pub(crate) fn at_once_point() -> String {
    format!("{}, Forebay", unbounded().name())
}

pub(super) fn points(setup: Setup) -> Vec<Point> {
    let mut point = Point::new(at_once_point());
    // Enough that the last data file counts for little.
    let large = setup.writing(if setup.quick { 1 << 30 } else { 11 << 30 });
    point.add("forebay", unbounded().measure(&AsComponent, large));
    if setup.quick {
        return vec![point];
    }
    let several = at_once().by(8, 8);
    vec![point, contenders(at_once(), setup), contenders(several, setup)]
}
