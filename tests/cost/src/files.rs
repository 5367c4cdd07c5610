//! Whether a record costs more where there are many data files.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use forebay::{Buffer, Component};

/// Of one record each.
const FILE_BYTES: u64 = 4096;
const FEW: usize = 2500;
const MANY: usize = 40_000;

/// The kernel counts processor time in these, for programs.
const TICKS_A_SECOND: f64 = 100.0;

/// The same number of records goes through few files at a time, and through many: all are written, then all are read and
/// acknowledged.
pub(crate) fn files(directory: &Path) -> Result<()> {
    let few = cost(directory, FEW)?;
    let many = cost(directory, MANY)?;
    for (what, few, many) in [("written", few.0, many.0), ("read", few.1, many.1)] {
        let records = f64::from(u32::try_from(MANY)?);
        let micros = |ticks: f64| ticks / TICKS_A_SECOND / records * 1e6;
        let (few_micros, many_micros) = (micros(few), micros(many));
        println!(
            "{what}: {few_micros:.0} us of processor time a record with {FEW} files, {many_micros:.0} us with {MANY}: \
             {:.2} times",
            many / few
        );
    }
    Ok(())
}

/// How many ticks it takes to write and to read as many records as there are many, in buffers of so many files.
fn cost(directory: &Path, files: usize) -> Result<(f64, f64)> {
    let (mut written, mut read) = (0.0, 0.0);
    for _ in 0..MANY / files {
        let start = ticks()?;
        let buffer = open(directory)?;
        let writer = buffer.writer();
        for _ in 0..files {
            writer.write(vec![7; 4000])?;
        }
        let status = buffer.status().context("it is open")?;
        ensure!(status.files >= files, "there are only {} data files", status.files);
        buffer.close()?;
        let middle = ticks()?;
        let buffer = open(directory)?;
        let reader = buffer.reader();
        let mut left = files;
        while left > 0 {
            let records = reader.next_batch(64)?.context("it is open")?;
            left = left.saturating_sub(records.len());
            reader.ack_through(records.last().context("a batch is never empty")?.id());
        }
        buffer.close()?;
        let end = ticks()?;
        (written, read) = (written + middle - start, read + end - middle);
        fs::remove_dir_all(directory)?;
    }
    Ok((written, read))
}

fn open(directory: &Path) -> Result<Buffer> {
    // Compiled here, so that no other process does it.
    let buffer = Buffer::builder(directory).file_bytes(FILE_BYTES).max_bytes(FILE_BYTES * 65_000);
    Ok(buffer.component(Component::embedded()?).open()?)
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
