//! What parts of the host cost, and what they save: each with the part and without it.

mod files;
mod forgetful;
mod guarded;
mod unguarded;

use std::{
    fs,
    path::Path,
    sync::LazyLock,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use forebay::{
    Buffer, Component, Limits, NewRecord,
    storage::{
        Backend,
        native::{Create, Native},
    },
};
use rustix::time::{ClockId, clock_gettime};

use self::{forgetful::Forgetful, guarded::Guarded, unguarded::Unguarded};
use crate::{
    contender::{Level, options},
    drive::rate,
    point::{Point, Sample},
    setup::Setup,
};

/// The points, and their contenders.
pub(crate) const GUARD: [&str; 4] =
    ["the guard", "logic and storage without a guard", "logic and storage with it", "a whole buffer"];
pub(crate) const SIDECAR: [&str; 3] = ["buffer.forebay", "with the file", "without it"];
pub(crate) const ASYNC: [&str; 3] = ["calls by processor time", "blocking", "async"];
pub(crate) const REOPEN: [&str; 3] = ["opening a backlog of 1 GiB", "with buffer.forebay", "without it"];
pub(crate) const FILES: [&str; 3] = ["many data files", "2,500 files", "40,000 files"];

/// Of 1 KiB each, in batches of 64.
const RECORD_BYTES: usize = 1 << 10;
const BATCH: usize = 64;

/// In one round: as much as a data file takes, so that each round leaves one.
const BATCHES: usize = 2000;

/// The differences are small.
const ROUNDS: usize = 21;

/// Of 1 MiB each.
const BACKLOG: usize = 1024;

pub(super) fn points(setup: Setup) -> Vec<Point> {
    if setup.quick {
        return Vec::new();
    }
    let mut points = vec![guard(), sidecar(), asynchronous(), reopen()];
    for point in &mut points {
        point.rounds = Some(ROUNDS);
    }
    points.push(files::point());
    points
}

/// What the guard's checks and its account cost: through logic and storage, and of the time through a whole buffer.
fn guard() -> Point {
    let [name, without, with, whole] = GUARD;
    let mut point = Point::new(name);
    let mut unguarded = None;
    point.add(without, move |directory: &Path| {
        let unguarded = kept(&mut unguarded, || Unguarded::open(&directory.join("queue")))?;
        timed(|| (0..BATCHES).try_for_each(|_| unguarded.pass()))
    });
    let mut guarded = None;
    point.add(with, move |directory: &Path| {
        let guarded = kept(&mut guarded, || Guarded::open(&directory.join("queue")))?;
        timed(|| (0..BATCHES).try_for_each(|_| guarded.pass()))
    });
    point.add(whole, through(true));
    point
}

/// What `buffer.forebay` costs.
fn sidecar() -> Point {
    let [name, with, without] = SIDECAR;
    let mut point = Point::new(name);
    point.add(with, through(true));
    point.add(without, through(false));
    point
}

/// What `buffer.forebay` saves.
fn reopen() -> Point {
    let [name, with, without] = REOPEN;
    let mut point = Point::new(name);
    for (name, remembers) in [(with, true), (without, false)] {
        point.add(name, move |directory: &Path| {
            let directory = directory.join("queue");
            if !directory.exists() {
                backlog(&directory)?;
            }
            let (before, start) = (bytes_read()?, Instant::now());
            let buffer = open(&directory, remembers)?;
            let (taken, bytes) = (start.elapsed(), bytes_read()? - before);
            buffer.close()?;
            Ok(vec![("ms", taken.as_secs_f64() * 1e3), ("MB read", bytes / 1e6)])
        });
    }
    point
}

/// The processor time of the `async` calls, which hand their work to other threads, beside that of the blocking ones.
fn asynchronous() -> Point {
    let [name, blocking, other] = ASYNC;
    let mut point = Point::new(name);
    let mut buffer = None;
    point.add(blocking, move |directory: &Path| {
        let buffer = kept(&mut buffer, || open(&directory.join("queue"), true))?;
        by_processor(|| go_through(buffer))
    });
    let mut buffer = None;
    point.add(other, move |directory: &Path| {
        let buffer = kept(&mut buffer, || open(&directory.join("queue"), true))?;
        by_processor(|| pollster::block_on(go_through_async(buffer)))
    });
    point
}

/// What stays open from round to round.
fn kept<T>(place: &mut Option<T>, make: impl FnOnce() -> Result<T>) -> Result<&mut T> {
    Ok(match place {
        Some(kept) => kept,
        none => none.insert(make()?),
    })
}

/// Passes through a buffer that stays open.
fn through(remembers: bool) -> impl FnMut(&Path) -> Result<Sample> {
    let mut buffer = None;
    move |directory: &Path| {
        let path = directory.join("queue");
        let buffer = kept(&mut buffer, || open(&path, remembers))?;
        let sample = timed(|| go_through(buffer))?;
        let is_there = path.join("buffer.forebay").exists();
        ensure!(is_there == remembers, "buffer.forebay is there when it should not, or is not");
        Ok(sample)
    }
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Sample> {
    let start = Instant::now();
    work()?;
    Ok(vec![("through/s", rate(BATCH * BATCHES, start.elapsed()))])
}

/// By the processor time of all threads of the process, user and system.
fn by_processor(work: impl FnOnce() -> Result<()>) -> Result<Sample> {
    let now = || Duration::try_from(clock_gettime(ClockId::ProcessCPUTime));
    let start = now()?;
    work()?;
    Ok(vec![("through/s of processor time", rate(BATCH * BATCHES, now()?.saturating_sub(start)))])
}

/// A batch of records.
fn batch() -> Vec<NewRecord> {
    static PAYLOAD: LazyLock<Bytes> = LazyLock::new(|| vec![7; RECORD_BYTES].into());
    vec![NewRecord::new(PAYLOAD.clone()); BATCH]
}

/// Each batch is written, read and acknowledged before the next.
fn go_through(buffer: &Buffer) -> Result<()> {
    let (writer, reader) = (buffer.writer(), buffer.reader());
    for _ in 0..BATCHES {
        writer.write_batch(batch())?;
        let records = reader.next_batch(BATCH)?.context("it is open")?;
        ensure!(records.len() == BATCH, "only {} records were read", records.len());
        reader.ack_through(records.last().context("a batch is never empty")?.id());
    }
    Ok(())
}

/// As [`go_through`], with the `async` calls.
async fn go_through_async(buffer: &Buffer) -> Result<()> {
    let (writer, reader) = (buffer.writer(), buffer.reader());
    for _ in 0..BATCHES {
        writer.write_batch_async(batch()).await?;
        let records = reader.next_batch_async(BATCH).await?.context("it is open")?;
        ensure!(records.len() == BATCH, "only {} records were read", records.len());
        reader.ack_through_async(records.last().context("a batch is never empty")?.id()).await;
    }
    Ok(())
}

/// Makes a buffer of 1 GiB in which nearly all waits.
fn backlog(directory: &Path) -> Result<()> {
    let buffer = open(directory, true)?;
    for _ in 0..BACKLOG {
        buffer.writer().write(vec![7; 1 << 20])?;
    }
    let records = buffer.reader().next_batch(10)?.context("it is open")?;
    buffer.reader().ack_through(records.last().context("a batch is never empty")?.id());
    Ok(buffer.close()?)
}

fn open(directory: &Path, remembers: bool) -> Result<Buffer> {
    let native = Native::open(directory, Create::Yes)?;
    let backend: Box<dyn Backend> = if remembers { Box::new(native) } else { Box::new(Forgetful(native)) };
    let component = Component::embedded()?;
    let make = move |guard| component.instantiate(guard, Limits::default());
    Ok(Buffer::open_with(backend, options(Level::Written), make)?)
}

/// All bytes that this process has read from files, from the disk or from the kernel's cache.
fn bytes_read() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: ")).context("no rchar")?;
    Ok(line.parse()?)
}
