//! Measures what parts of the host cost, and what they save. `docs/figures.md` says how it is run and what came out.
//!
//! Times on a busy machine say little. Each measurement is therefore taken with the part and without it in turn, in one run.

mod files;
mod forgetful;
mod guarded;
mod opening;
#[allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "they belong to the tests")]
mod support;
mod turns;
mod unguarded;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use forebay::{
    Buffer, Component, Limits, NewRecord, Options,
    storage::{
        Backend,
        native::{Create, Native},
    },
};
use forgetful::Forgetful;
use guarded::Guarded;
use support::native_logic::NativeLogic;
use turns::{in_turn, in_turn_by_processor};
use unguarded::Unguarded;

/// Of 1 KiB each, in batches of 64.
const RECORD_BYTES: usize = 1024;
const BATCH: usize = 64;
/// In one round: as much as a data file takes, so that each round leaves one.
const BATCHES: usize = 2000;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (what, directory) = (arguments.next(), arguments.next().map(PathBuf::from));
    match (what.as_deref(), directory) {
        (Some("guard"), Some(directory)) => guard(&directory),
        (Some("sandbox"), Some(directory)) => sandbox(&directory),
        (Some("file"), Some(directory)) => file(&directory),
        (Some("files"), Some(directory)) => files::files(&directory),
        (Some("async"), Some(directory)) => asynchronous(&directory),
        (Some("backlog"), Some(directory)) => opening::backlog(&directory),
        (Some("opening"), Some(directory)) => opening::opening(&directory),
        _ => bail!("usage: cost guard|sandbox|file|files|async|backlog|opening DIR"),
    }
}

/// A batch of records.
fn batch() -> Vec<NewRecord> {
    static PAYLOAD: LazyLock<Bytes> = LazyLock::new(|| vec![7; RECORD_BYTES].into());
    vec![NewRecord::new(PAYLOAD.clone()); BATCH]
}

/// What the guard's checks and its account cost: by how much longer a batch takes through logic and storage with a guard
/// between them than without one, and what that is of the time which it takes through a whole buffer.
fn guard(directory: &Path) -> Result<()> {
    let mut unguarded = Unguarded::open(&directory.join("unguarded"))?;
    let mut guarded = Guarded::open(&directory.join("guarded"))?;
    let buffer = open(&directory.join("buffer"), true)?;
    let turns = in_turn([
        ("logic and storage without a guard", &mut || (0..BATCHES).try_for_each(|_| unguarded.pass())),
        ("with the guard", &mut || (0..BATCHES).try_for_each(|_| guarded.pass())),
        ("a whole buffer", &mut || go_through(&buffer)),
    ])?;
    turns.print_rates(BATCH * BATCHES, RECORD_BYTES);
    turns.print("with the guard, times the time without", |[without, with, _]| with / without);
    turns.print("the guard's part of a whole buffer's time", |[without, with, whole]| {
        (with - without) / whole
    });
    buffer.close()?;
    drop((unguarded, guarded));
    Ok(fs::remove_dir_all(directory)?)
}

/// Whether the sandbox is felt: the same logic natively and as the component, in whole buffers.
fn sandbox(directory: &Path) -> Result<()> {
    let native = Box::new(Native::open(directory.join("native"), Create::Yes)?);
    let native = Buffer::open_with(native, options(), |guard| Ok(NativeLogic::make(guard)))?;
    let component = open(&directory.join("component"), true)?;
    compare(["natively", "as a component"], [&native, &component])?;
    native.close()?;
    component.close()?;
    Ok(fs::remove_dir_all(directory)?)
}

/// What `buffer.forebay` costs.
fn file(directory: &Path) -> Result<()> {
    let [without, with] = ["without", "with"].map(|name| directory.join(name));
    let buffers = [open(&without, false)?, open(&with, true)?];
    compare(["without buffer.forebay", "with buffer.forebay"], [&buffers[0], &buffers[1]])?;
    for buffer in buffers {
        buffer.close()?;
    }
    let is_there = |directory: PathBuf| directory.join("buffer.forebay").exists();
    ensure!(!is_there(without) && is_there(with), "the file is there when it should not, or is not");
    Ok(fs::remove_dir_all(directory)?)
}

/// The processor time of the `async` calls, which hand their work to other threads, beside that of the blocking ones.
fn asynchronous(directory: &Path) -> Result<()> {
    let buffers = [open(&directory.join("blocking"), true)?, open(&directory.join("async"), true)?];
    let turns = in_turn_by_processor([
        ("blocking, in processor time", &mut || go_through(&buffers[0])),
        ("async, in processor time", &mut || pollster::block_on(go_through_async(&buffers[1]))),
    ])?;
    turns.print_rates(BATCH * BATCHES, RECORD_BYTES);
    turns
        .print("async, times the processor time of the blocking calls", |[blocking, other]| other / blocking);
    for buffer in buffers {
        buffer.close()?;
    }
    Ok(fs::remove_dir_all(directory)?)
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

fn compare([first_name, second_name]: [&str; 2], [first, second]: [&Buffer; 2]) -> Result<()> {
    let turns =
        in_turn([(first_name, &mut || go_through(first)), (second_name, &mut || go_through(second))])?;
    turns.print_rates(BATCH * BATCHES, RECORD_BYTES);
    let what = format!("{second_name}, times the time {first_name}");
    turns.print(&what, |[first, second]| second / first);
    Ok(())
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

fn open(directory: &Path, remembers: bool) -> Result<Buffer> {
    let native = Native::open(directory, Create::Yes)?;
    let backend: Box<dyn Backend> = if remembers { Box::new(native) } else { Box::new(Forgetful(native)) };
    // It is compiled once: not to be measured.
    let component = Component::embedded()?;
    Ok(Buffer::open_with(backend, options(), move |guard| component.instantiate(guard, Limits::default()))?)
}

fn options() -> Options {
    let mut options = Options::default();
    options.max_bytes = 2 << 30;
    options
}
