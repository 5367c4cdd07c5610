//! Bytes: near the disk when writing, near memory when reading, and no disk at all when the consumer keeps up.

use super::{
    Row, Rows,
    Target::{AtLeast, AtMost},
};
use crate::{
    drive::{TO_DISK, size},
    figures::Figures,
    workload as of,
};

/// The rows.
pub(crate) fn bytes(figures: &Figures) -> Vec<Row> {
    let mut rows = Rows::new(figures);
    durable(&mut rows);
    reading(&mut rows);
    let point = of::at_once_point();
    let [through, to_disk] = ["through/s", TO_DISK].map(|figure| (&*point, "forebay", figure));
    rows.plain("both at once, 1 KiB, producer not held back: records/s", through, AtLeast(1.5e6));
    rows.plain("the same: part of the bytes that reach the disk", to_disk, AtMost(0.1));
    for (name, target) in [(of::WRITE_NATIVE, 400.0), (of::READ_NATIVE, 350.0)] {
        let figure = format!("instructions: {name}");
        let [reached, log] = [name, of::WRITE_LOG].map(|name| (of::INSTRUCTIONS, name, "instructions"));
        rows.beside((&figure, of::WRITE_LOG), reached, log, AtMost(target));
    }
    for (percentile, target) in [("p99, us", 1.2), ("p99.9, us", 1.0)] {
        let figure = format!("a writer at 100 MB/s while syncs run, {percentile}");
        let [forebay, bare] =
            ["forebay", of::BESIDE_SYNCS].map(|contender| (of::PACED, contender, percentile));
        rows.ratio((&figure, "bare append beside the same fdatasyncs"), forebay, bare, AtMost(target));
    }
    rows.rows
}

fn durable(rows: &mut Rows<'_>) {
    const PIECES: (&str, &str) = ("raw write(2)", "256 KiB pieces and fdatasync");
    const LOG: (&str, &str) = ("hand-written log", "hand-written log");
    for (bytes, batch, (contender, beside), target) in [
        (1 << 10, 256, PIECES, 0.85),
        (64, 256, LOG, 1.0),
        (64, 4096, LOG, 1.0),
        (64, 4096, ("yaque", "yaque"), 1.0),
        (16 << 10, 16, PIECES, 0.85),
    ] {
        let point = of::durable(bytes, batch).name();
        let figure = format!("{}, calls of {batch}, write until durable", size(bytes));
        let [forebay, limit] = ["forebay", contender].map(|contender| (&*point, contender, "written/s"));
        rows.ratio((&figure, beside), forebay, limit, AtLeast(target));
    }
}

fn reading(rows: &mut Rows<'_>) {
    for (bytes, target) in [(1 << 10, 4.35e6), (64, 14.5e6)] {
        let (point, size) = (of::read_point(bytes), size(bytes));
        let [through, large, checksum] = [of::THROUGH, of::THROUGH_LARGE, of::CHECKSUM]
            .map(|contender| (&*point, contender, "consumed/s"));
        let figure = format!("read, verify and `ack_through`, {size}: records/s");
        rows.beside((&figure, "checksum from the page cache"), through, checksum, AtLeast(target));
        let figure = format!("read in batches of 4096, {size}");
        rows.ratio((&figure, "in batches of 1000"), large, through, AtLeast(1.0));
    }
}
