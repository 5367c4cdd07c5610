//! One record, one acknowledgement or one sync at a time; and what was reached before, and must stay.

use super::{
    Row, Rows,
    Target::{AtLeast, AtMost},
};
use crate::{contender::Level, drive::size, figures::Figures, workload as of};

/// The rows.
pub(crate) fn one_at_a_time(figures: &Figures) -> Vec<Row> {
    let mut rows = Rows::new(figures);
    acknowledgements(&mut rows);
    producers(&mut rows);
    singles(&mut rows);
    for (bytes, batch, target) in [(64, 1, 1.15), (64, 16, 1.10), (64, 256, 1.04), (1 << 10, 64, 1.03)] {
        let point = of::sandbox_point(bytes, batch);
        let name = format!("time as the component, {}, calls of {batch}", size(bytes));
        let [component, native] =
            ["forebay", "forebay, native logic"].map(|name| (&*point, name, "through/s"));
        rows.times((&name, "native logic"), component, native, AtMost(target));
    }
    for (name, target) in [(of::WRITE, 1010.0), (of::ACKNOWLEDGE, 50.0)] {
        rows.plain(&format!("system calls for {name}"), (of::SYSTEM_CALLS, name, "calls"), AtMost(target));
    }
    for (name, target) in [(of::NEW, 5.0), (of::SMALL, 1.4), (of::LARGE, 5.0), (of::AFTER_KILL, 20.0)] {
        rows.plain(&format!("opening {name}: ms"), (of::OPENING, name, "ms"), AtMost(target));
    }
    rows.rows
}

fn acknowledgements(rows: &mut Rows<'_>) {
    for (bytes, target) in [(64, 0.45), (1 << 10, 0.75)] {
        let point = of::read_point(bytes);
        let name = format!("read, each record acknowledged by itself, {}", size(bytes));
        let [each, through] = [of::EACH, of::THROUGH].map(|contender| (&*point, contender, "consumed/s"));
        rows.ratio((&name, "`ack_through` in batches"), each, through, AtLeast(target));
    }
}

fn producers(rows: &mut Rows<'_>) {
    let producers = of::PRODUCERS.map(of::producers_name);
    let [.., most] = &producers;
    let [most, grouped] = [most, of::GROUPED].map(|contender| (of::MANY, contender, "written/s"));
    let name = "64 producers, 64 B, `written`, one call each: records/s";
    rows.beside((name, "one producer, calls of 64"), most, grouped, AtLeast(1.5e6));
    for (fewer, more) in producers.iter().zip(producers.iter().skip(1)) {
        let [fewer, more] = [fewer, more].map(|contender| (of::MANY, &**contender, "written/s"));
        let name = format!("{}, 64 B, `written`, one call each", more.1);
        rows.ratio((&name, fewer.1), more, fewer, AtLeast(1.0));
    }
}

fn singles(rows: &mut Rows<'_>) {
    let point = of::single().name();
    rows.ratio(
        ("one producer, one 64 B record a call", "frame and `write(2)`"),
        (&point, "forebay", "written/s"),
        (&point, "hand-written log", "written/s"),
        AtLeast(0.5),
    );
    let point = of::sync_each().name();
    rows.ratio(
        ("one producer, 1 KiB, a sync each", "append and fdatasync"),
        (&point, "forebay", "written/s"),
        (&point, "raw write(2)", "written/s"),
        AtLeast(0.9),
    );
    let point = of::producers_work(64, Level::Synced).name();
    rows.ratio(
        ("64 producers, 1 KiB, `synced`", "64 by the time of 64 KiB and fdatasync"),
        (&point, "forebay", "written/s"),
        (&point, of::GROUPED, "written/s"),
        AtLeast(0.65),
    );
}
