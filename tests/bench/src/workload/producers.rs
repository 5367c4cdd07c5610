//! Many producers, each with one record a call.

use super::contenders;
use crate::{
    contender::{AsComponent, Level, Raw},
    drive::Work,
    point::Point,
    setup::Setup,
};

/// How many producers there are.
pub(crate) const COUNTS: [usize; 6] = [1, 2, 4, 8, 16, 64];

/// The point at which Forebay is beside itself, with contenders by number of producers.
pub(crate) const MANY: &str = "Forebay with many producers, 64 B, one record a call, written";

/// One producer's calls, which 64 producers are to come near.
pub(crate) const GROUPED: &str = "1 producer, calls of 64";

/// The work of so many producers: 64 B and written, or 1 KiB and synced.
pub(crate) fn work(producers: usize, level: Level) -> Work {
    let record_bytes = if level == Level::Synced { 1 << 10 } else { 64 };
    Work::new(record_bytes, 1).at(level).by(producers, 1)
}

/// What so many producers are called.
pub(crate) fn name(producers: usize) -> String {
    if producers == 1 { "1 producer".to_owned() } else { format!("{producers} producers") }
}

pub(super) fn points(setup: Setup) -> Vec<Point> {
    let mut many = Point::new(MANY);
    many.add(GROUPED, Work::new(64, 64).measure(&AsComponent, setup));
    for producers in COUNTS {
        let work = work(producers, Level::Written);
        many.add(name(producers), work.measure(&AsComponent, setup));
    }
    let mut points = vec![many];
    let synced = work(64, Level::Synced);
    let mut limited = if setup.quick {
        let mut point = Point::new(synced.name());
        point.add("forebay", synced.measure(&AsComponent, setup));
        point
    } else {
        contenders(synced, setup)
    };
    limited.add(GROUPED, Work::new(1 << 10, 64).at(Level::Synced).measure(&Raw, setup));
    points.push(limited);
    if !setup.quick {
        points.extend(COUNTS.map(|producers| contenders(work(producers, Level::Written), setup)));
        points.push(contenders(work(8, Level::Synced), setup));
    }
    points
}
