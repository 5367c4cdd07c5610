//! What is to be reached, figure by figure, and whether it is.

use crate::{
    contender::Level,
    figures::{Estimate, Figures, Series},
    workload::{self as of, durable},
};

/// One figure beside its limit.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What is measured.
    pub(crate) figure: String,
    /// Beside what it stands.
    pub(crate) beside: String,
    /// The median of the limit, and of what was reached.
    pub(crate) limit: Option<f64>,
    pub(crate) reached: Option<f64>,
    /// What is judged: their ratio, or what was reached.
    pub(crate) judged: Option<Estimate>,
    pub(crate) target: Target,
}

/// What is to be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

use Target::{AtLeast, AtMost};

/// A series by its names.
type Name<'a> = (&'a str, &'a str, &'a str);

impl Row {
    /// `ok` where the 95 % interval includes what is to be reached; `None` where nothing was measured.
    pub(crate) fn is_ok(&self) -> Option<bool> {
        let judged = self.judged?;
        Some(match self.target {
            AtLeast(target) => judged.high.max(judged.median) >= target,
            AtMost(target) => judged.low.min(judged.median) <= target,
        })
    }
}

/// One of the figures by another of the same run.
fn ratio(
    figures: &Figures,
    (figure, beside): (&str, &str),
    reached: Name<'_>,
    limit: Name<'_>,
    target: Target,
) -> Row {
    let find = |(point, contender, figure): Name<'_>| figures.get(point, contender, figure);
    let (reached, limit) = (find(reached), find(limit));
    Row {
        figure: figure.to_owned(),
        beside: beside.to_owned(),
        limit: limit.and_then(median),
        reached: reached.and_then(median),
        judged: reached.zip(limit).and_then(|(reached, limit)| reached.by(limit)),
        target,
    }
}

/// A figure that stands for itself.
fn plain(figures: &Figures, figure: &str, (point, contender, name): Name<'_>, target: Target) -> Row {
    let judged = figures.get(point, contender, name).and_then(Series::estimate);
    let reached = judged.map(|judged| judged.median);
    Row { figure: figure.to_owned(), beside: "-".to_owned(), limit: None, reached, judged, target }
}

fn median(series: &Series) -> Option<f64> {
    Some(series.estimate()?.median)
}

/// One record, one acknowledgement or one sync at a time.
pub(crate) fn one_at_a_time(figures: &Figures) -> Vec<Row> {
    let mut rows = Vec::new();
    for (bytes, size, target) in [(64, "64 B", 0.45), (1 << 10, "1 KiB", 0.75)] {
        let point = of::read_point(bytes);
        let name = format!("read, each record acknowledged by itself, {size}");
        let (each, through) = ((&*point, of::EACH, "consumed/s"), (&*point, of::THROUGH, "consumed/s"));
        rows.push(ratio(figures, (&name, "`ack_through` in batches"), each, through, AtLeast(target)));
    }
    let grouped = (of::MANY, of::GROUPED, "written/s");
    let many = (of::MANY, "64 producers", "written/s");
    rows.push(ratio(
        figures,
        ("64 producers, 64 B, `written`, one call each: records/s", "one producer, calls of 64"),
        many,
        grouped,
        AtLeast(f64::NAN),
    ));
    if let Some(row) = rows.last_mut() {
        row.judged = figures.get(many.0, many.1, many.2).and_then(Series::estimate);
        row.target = AtLeast(1.5e6);
    }
    let mut producers = of::PRODUCERS.iter().map(|count| format!("{count} producers")).collect::<Vec<_>>();
    producers.dedup();
    for pair in producers.windows(2) {
        if let [fewer, more] = pair {
            let [fewer, more] = [fewer, more].map(|name| (of::MANY, &**name, "written/s"));
            rows.push(ratio(figures, (more.1, fewer.1), more, fewer, AtLeast(1.0)));
        }
    }
    let single = of::single().name();
    rows.push(ratio(
        figures,
        ("one producer, one 64 B record a call", "frame and `write(2)`"),
        (&single, "forebay", "written/s"),
        (&single, "hand-written log", "written/s"),
        AtLeast(0.5),
    ));
    let each = of::sync_each().name();
    rows.push(ratio(
        figures,
        ("one producer, 1 KiB, a sync each", "append and fdatasync"),
        (&each, "forebay", "written/s"),
        (&each, "raw write(2)", "written/s"),
        AtLeast(0.9),
    ));
    let synced = of::producers_work(64, Level::Synced).name();
    rows.push(ratio(
        figures,
        ("64 producers, 1 KiB, `synced`", "64 by the time of 64 KiB and fdatasync"),
        (&synced, "forebay", "written/s"),
        (&synced, of::GROUPED, "written/s"),
        AtLeast(0.65),
    ));
    for (bytes, batch, target) in [(64, 1, 1.15), (64, 16, 1.10), (64, 256, 1.04), (1 << 10, 64, 1.03)] {
        let point = of::sandbox_point(bytes, batch);
        let name = format!("time as the component, {}, calls of {batch}", crate::drive::size(bytes));
        // Times are to each other as rates are the other way round.
        let (component, native) = ("forebay", "forebay, native logic");
        rows.push(ratio(
            figures,
            (&name, "native logic"),
            (&point, native, "through/s"),
            (&point, component, "through/s"),
            AtMost(target),
        ));
    }
    for (name, target) in [(of::WRITE, 1010.0), (of::ACKNOWLEDGE, 50.0)] {
        let row = (of::SYSTEM_CALLS, name, "calls");
        rows.push(plain(figures, &format!("system calls for {name}"), row, AtMost(target)));
    }
    for (name, target) in [(of::NEW, 5.0), (of::SMALL, 1.4), (of::LARGE, 5.0), (of::AFTER_KILL, 20.0)] {
        let row = (of::OPENING, name, "ms");
        rows.push(plain(figures, &format!("opening {name}: ms"), row, AtMost(target)));
    }
    rows
}

/// Bytes: near the disk when writing, near memory when reading.
pub(crate) fn bytes(figures: &Figures) -> Vec<Row> {
    let mut rows = Vec::new();
    for (bytes, batch, contender, beside, target) in [
        (1 << 10, 256, "raw write(2)", "256 KiB pieces and fdatasync", 0.85),
        (64, 256, "hand-written log", "hand-written log", 1.0),
        (64, 4096, "hand-written log", "hand-written log", 1.0),
        (64, 4096, "yaque", "yaque", 1.0),
        (16 << 10, 16, "raw write(2)", "256 KiB pieces and fdatasync", 0.85),
    ] {
        let point = durable(bytes, batch).name();
        let name = format!("{}, calls of {batch}, write until durable", crate::drive::size(bytes));
        rows.push(ratio(
            figures,
            (&name, beside),
            (&point, "forebay", "written/s"),
            (&point, contender, "written/s"),
            AtLeast(target),
        ));
    }
    for (bytes, size, target) in [(1 << 10, "1 KiB", 4.35e6), (64, "64 B", 14.5e6)] {
        let point = of::read_point(bytes);
        let name = format!("read, verify and `ack_through`, {size}: records/s");
        let through = (&*point, of::THROUGH, "consumed/s");
        let checksum = (&*point, of::CHECKSUM, "consumed/s");
        let mut row =
            ratio(figures, (&name, "checksum from the page cache"), through, checksum, AtLeast(target));
        row.judged = figures.get(through.0, through.1, through.2).and_then(Series::estimate);
        rows.push(row);
        let large = (&*point, of::THROUGH_LARGE, "consumed/s");
        let name = format!("read in batches of 4096, {size}");
        rows.push(ratio(figures, (&name, "in batches of 1000"), large, through, AtLeast(1.0)));
    }
    let at_once = format!("{}, Forebay", of::at_once().name());
    let through = (&*at_once, "forebay", "through/s");
    rows.push(plain(
        figures,
        "both at once, 1 KiB, producer not held back: records/s",
        through,
        AtLeast(1.5e6),
    ));
    let reached = (&*at_once, "forebay", crate::drive::TO_DISK);
    rows.push(plain(figures, "the same: part of the bytes that reach the disk", reached, AtMost(0.1)));
    for (name, target) in [(of::WRITE_NATIVE, 400.0), (of::READ_NATIVE, 350.0)] {
        let what = format!("instructions: {name}");
        rows.push(ratio(
            figures,
            (&what, of::WRITE_LOG),
            (of::INSTRUCTIONS, name, "instructions"),
            (of::INSTRUCTIONS, of::WRITE_LOG, "instructions"),
            AtMost(target),
        ));
        if let Some(row) = rows.last_mut() {
            let series = figures.get(of::INSTRUCTIONS, name, "instructions");
            row.judged = series.and_then(Series::estimate);
        }
    }
    for (percentile, target) in [("p99, us", 1.2), ("p99.9, us", 1.0)] {
        let name = format!("a writer at 100 MB/s while syncs run, {percentile}");
        rows.push(ratio(
            figures,
            (&name, "bare append beside the same fdatasyncs"),
            (of::PACED, "forebay", percentile),
            (of::PACED, of::BESIDE_SYNCS, percentile),
            AtMost(target),
        ));
    }
    rows
}
