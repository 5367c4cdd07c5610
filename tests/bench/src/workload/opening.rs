//! How long it takes until a buffer is open.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;

use crate::{
    child::{self, Child},
    contender::{AsComponent, Level, options},
    point::{Point, Sample},
    setup::Setup,
};

/// The name of the only point, with contenders by what is opened.
pub(crate) const OPENING: &str = "opening, in ms";

/// What is opened.
pub(crate) const NEW: &str = "a new directory, until a record is written";
pub(crate) const SMALL: &str = "256 MiB, closed";
pub(crate) const LARGE: &str = "6.4 GB, closed";
pub(crate) const AFTER_KILL: &str = "256 MiB, unsynced, after SIGKILL";

const RECORD_BYTES: usize = 1 << 10;

pub(super) fn points(setup: Setup) -> Vec<Point> {
    let mut point = Point::new(OPENING);
    point.add(NEW, start);
    point.add(SMALL, |directory: &Path| reopen(directory, 256 << 20));
    if !setup.quick {
        point.add(LARGE, |directory: &Path| reopen(directory, 6_400_000_000));
    }
    point.add(AFTER_KILL, after_kill);
    vec![point]
}

fn millis(taken: Duration) -> Sample {
    vec![("ms", taken.as_secs_f64() * 1e3)]
}

fn start(directory: &Path) -> Result<Sample> {
    let directory = directory.join("queue");
    let start = Instant::now();
    let buffer = AsComponent::buffer(&directory, options(Level::Written))?;
    buffer.writer().write("the first record")?;
    let taken = start.elapsed();
    buffer.close()?;
    fs::remove_dir_all(directory)?;
    Ok(millis(taken))
}

/// Opens a buffer that the first call has filled.
fn reopen(directory: &Path, bytes: usize) -> Result<Sample> {
    let directory = directory.join("queue");
    if !directory.exists() {
        let buffer = AsComponent::buffer(&directory, options(Level::Written))?;
        fill(&buffer, bytes)?;
        buffer.close()?;
    }
    time_to_open(&directory, bytes)
}

/// Opens a buffer that holds so many bytes, and closes it.
fn time_to_open(directory: &Path, bytes: usize) -> Result<Sample> {
    let start = Instant::now();
    let buffer = AsComponent::buffer(directory, options(Level::Written))?;
    let taken = start.elapsed();
    let records = buffer.status().context("it is open")?.occupancy;
    ensure!(records.events == records_in(bytes)?, "{} records are there", records.events);
    buffer.close()?;
    Ok(millis(taken))
}

/// Opens a buffer right after the process that has filled it was killed.
fn after_kill(directory: &Path) -> Result<Sample> {
    let directory = directory.join("queue");
    let bytes = 256 << 20;
    let mut child = child::start(Child::Fill, &directory, bytes)?;
    child::wait_for_word(&mut child)?;
    child.kill()?;
    child.wait()?;
    let sample = time_to_open(&directory, bytes)?;
    fs::remove_dir_all(directory)?;
    Ok(sample)
}

fn records_in(bytes: usize) -> Result<u64> {
    Ok(u64::try_from(bytes / RECORD_BYTES / 256 * 256)?)
}

/// Writes so many bytes in whole batches.
pub(crate) fn fill(buffer: &forebay::Buffer, bytes: usize) -> Result<()> {
    let payload = Bytes::from(vec![7; RECORD_BYTES]);
    let writer = buffer.writer();
    for _ in 0..bytes / RECORD_BYTES / 256 {
        writer.write_batch(vec![payload.clone().into(); 256])?;
    }
    Ok(())
}
