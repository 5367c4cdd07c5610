//! Whether the sandbox is felt: the same logic as the component and natively, in whole buffers. Each call is written, read and
//! acknowledged before the next.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::{
    contender::{Acks, AsComponent, Contender, Kind, Level, Native},
    drive::{rate, size},
    payloads::{Look, Payloads, Tally},
    point::{Point, Sample},
    setup::Setup,
};

/// The lengths of records, and how many a call has.
const SHAPES: [(usize, usize); 4] = [(64, 1), (64, 16), (64, 256), (1 << 10, 64)];

/// The differences are small.
const ROUNDS: usize = 31;

/// The name of a point.
pub(crate) fn point_name(record_bytes: usize, batch: usize) -> String {
    format!("component and native logic, {}, calls of {batch}", size(record_bytes))
}

pub(super) fn points(setup: Setup) -> Vec<Point> {
    let point = |(record_bytes, batch)| {
        let mut point = Point::new(point_name(record_bytes, batch));
        for kind in [&AsComponent as &'static dyn Kind, &Native] {
            point.add(kind.name(), passes(kind, record_bytes, batch, setup));
        }
        point.rounds = Some(if setup.quick { 9 } else { ROUNDS });
        point
    };
    SHAPES.map(point).into()
}

/// Records that go through a buffer which stays open.
fn passes(
    kind: &'static dyn Kind,
    record_bytes: usize,
    batch: usize,
    setup: Setup,
) -> impl FnMut(&Path) -> Result<Sample> {
    let payloads = Payloads::new(record_bytes, batch);
    let mut queue: Option<Box<dyn Contender>> = None;
    let mut passes = 16;
    move |directory| {
        let warm = queue.is_some();
        let queue = match &mut queue {
            Some(queue) => queue,
            none => none.insert(kind.open(&directory.join("queue"), Level::Written, record_bytes)?),
        };
        loop {
            let start = std::time::Instant::now();
            let mut tally = Tally::new(Look::Ends);
            for pass in 0..passes {
                queue.append(payloads.call(pass * batch, batch))?;
                queue.consume(batch, Acks::Through, &mut |record| tally.add(record))?;
            }
            let taken = start.elapsed();
            let expected = payloads.expected(passes * batch, Look::Ends);
            ensure!(tally.agrees(expected), "other records came out than went in");
            if warm || taken >= setup.time / 2 {
                return Ok(vec![("through/s", rate(passes * batch, taken))]);
            }
            passes *= 2;
        }
    }
}
