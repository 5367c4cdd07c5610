//! The workloads, by name.

mod both;
mod checksum;
mod counts;
mod latency;
mod limits;
mod opening;
mod parts;
mod producers;
mod read;
mod sandbox;
mod write;

pub(crate) use self::{
    both::{at_once, at_once_point},
    counts::{ACKNOWLEDGE, INSTRUCTIONS, READ_NATIVE, SYSTEM_CALLS, WRITE, WRITE_LOG, WRITE_NATIVE},
    latency::{BESIDE_SYNCS, PACED, PERCENTILES, single_calls},
    limits::LIMIT,
    opening::{AFTER_KILL, LARGE, NEW, OPENING, SMALL, fill},
    parts::{ASYNC, FILES, GUARD, REOPEN, SIDECAR},
    producers::{COUNTS as PRODUCERS, GROUPED, MANY, name as producers_name, work as producers_work},
    read::{CHECKSUM, EACH, THROUGH, THROUGH_LARGE, each_acknowledged, read_point},
    sandbox::point_name as sandbox_point,
    write::{BATCHES, SIZES, durable, of_length, single, sweep, sync_each},
};
use crate::{contender, drive::Work, point::Point, setup::Setup};

/// Points that belong together.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// What it measures, in one line.
    pub(crate) what: &'static str,
    pub(crate) points: fn(Setup) -> Vec<Point>,
}

/// All of them, in the order in which they are measured.
pub(crate) const ALL: [Workload; 9] = [
    Workload { name: "limits", what: "what the machine does at best", points: limits::points },
    Workload { name: "counts", what: "system calls and instructions a record", points: counts::points },
    Workload {
        name: "sandbox",
        what: "the component beside the same logic natively",
        points: sandbox::points,
    },
    Workload { name: "write", what: "one producer, by length, call and level", points: write::points },
    Workload { name: "producers", what: "1 to 64 producers, one record a call", points: producers::points },
    Workload { name: "read", what: "1 and 8 consumers, and ways to acknowledge", points: read::points },
    Workload { name: "both", what: "producers and consumers at once", points: both::points },
    Workload { name: "latency", what: "how long single calls take", points: latency::points },
    Workload { name: "opening", what: "how long opening takes", points: opening::points },
];

/// What parts of the host cost. Only by name: it takes five minutes, and compares Forebay with nothing else.
pub(crate) const PARTS: Workload =
    Workload { name: "parts", what: "what parts of the host cost and save", points: parts::points };

/// A point at which all contenders do the same, as far as they can.
fn contenders(work: Work, setup: Setup) -> Point {
    let mut point = Point::new(work.name());
    for kind in contender::all().into_iter().filter(|kind| work.suits(*kind)) {
        point.add(kind.name(), work.measure(kind, setup));
    }
    point
}
