//! Whether a record costs more where there are many data files.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use super::FILES;
use crate::{
    contender::{AsComponent, Level, options},
    point::{Point, Sample},
};

/// Of one record each.
const FILE_BYTES: u64 = 4096;
const FEW: usize = 2500;
const MANY: usize = 40_000;

/// The kernel counts processor time in these, for programs.
const TICKS_A_SECOND: f64 = 100.0;

/// The same number of records goes through few files at a time, and through many: all are written, then all are read and
/// acknowledged.
pub(super) fn point() -> Point {
    let [name, few, many] = FILES;
    let mut point = Point::new(name);
    for (name, files) in [(few, FEW), (many, MANY)] {
        let mut is_warm = false;
        point.add(name, move |directory: &Path| {
            // Warming up takes as long as measuring, and there is nothing to get warm.
            let all = if std::mem::replace(&mut is_warm, true) { MANY } else { FEW };
            cost(&directory.join("queue"), files.min(all), all)
        });
    }
    point.rounds = Some(3);
    point
}

/// The processor time in which so many records are written and read, in buffers of so many files.
fn cost(directory: &Path, files: usize, records: usize) -> Result<Sample> {
    let (mut written, mut read) = (0.0, 0.0);
    for _ in 0..records / files {
        let start = ticks()?;
        let buffer = AsComponent::buffer(directory, small_files())?;
        let writer = buffer.writer();
        for _ in 0..files {
            writer.write(vec![7; 4000])?;
        }
        let status = buffer.status().context("it is open")?;
        ensure!(status.files >= files, "there are only {} data files", status.files);
        buffer.close()?;
        let middle = ticks()?;
        let buffer = AsComponent::buffer(directory, small_files())?;
        let reader = buffer.reader();
        let mut left = files;
        while left > 0 {
            let records = reader.next_batch(64)?.context("it is open")?;
            left = left.saturating_sub(records.len());
            reader.ack_through(records.last().context("a batch is never empty")?.id());
        }
        buffer.close()?;
        (written, read) = (written + middle - start, read + ticks()? - middle);
        fs::remove_dir_all(directory)?;
    }
    let micros = |ticks: f64| ticks / TICKS_A_SECOND / records as f64 * 1e6;
    Ok(vec![("us a record written", micros(written)), ("us a record read", micros(read))])
}

fn small_files() -> forebay::Options {
    let mut options = options(Level::Written);
    options.file_bytes = FILE_BYTES;
    options.max_bytes = FILE_BYTES * 65_000;
    options
}

/// Processor time of this process until now, in the kernel and outside.
fn ticks() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    // The program's name may hold anything but stands in brackets.
    let (_, rest) = text.rsplit_once(')').context("no name")?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let (user, kernel) = (fields.next().context("no user time")?, fields.next().context("no kernel time")?);
    Ok(user.parse::<f64>()? + kernel.parse::<f64>()?)
}
