//! Work of a buffer that is counted from outside: `counts WORK NUMBER component|native`. It does the work so often, on one
//! thread, in a directory of its own that it removes.

#[allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "it belongs to the tests")]
#[path = "../../support/fuse.rs"]
mod fuse;
#[allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "it belongs to the tests")]
#[path = "../../support/native_logic.rs"]
mod native_logic;

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use forebay::{
    Buffer, Component, Durability, Options,
    storage::native::{Create, Native},
};

/// How many records are there to be acknowledged.
const BACKLOG: usize = 4000;

static RECORD: [u8; 64] = [7; 64];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, number, logic] = arguments.as_slice() else { bail!("counts WORK NUMBER component|native") };
    let number: usize = number.parse()?;
    let directory = tempfile::tempdir()?;
    let buffer = open(directory.path(), logic == "native")?;
    match work.as_str() {
        "write" => write(&buffer, number, Durability::Written)?,
        "sync" => write(&buffer, number, Durability::Synced)?,
        "acknowledge" => acknowledge(&buffer, number)?,
        _ => bail!("no such work: {work}"),
    }
    Ok(buffer.close()?)
}

/// Without ticks, which come by the clock.
fn open(directory: &Path, is_native: bool) -> Result<Buffer> {
    let mut options = Options::default();
    options.sync_interval = Duration::from_hours(1);
    if is_native {
        let files = Box::new(Native::open(directory, Create::Yes)?);
        return Ok(Buffer::open_with(files, options, |guard| Ok(native_logic::NativeLogic::make(guard)))?);
    }
    Ok(Buffer::builder_with(directory, options).component(Component::embedded()?).open()?)
}

fn write(buffer: &Buffer, number: usize, durability: Durability) -> Result<()> {
    let writer = buffer.writer().with_durability(durability);
    for _ in 0..number {
        writer.write(&RECORD[..])?;
    }
    Ok(())
}

/// Writes so many, and reads and acknowledges all of them but the last few.
fn acknowledge(buffer: &Buffer, number: usize) -> Result<()> {
    ensure!(number <= BACKLOG, "there are {BACKLOG} records");
    buffer.writer().write_batch(vec![RECORD[..].into(); BACKLOG])?;
    let mut left = BACKLOG;
    let mut acknowledged = 0;
    while left > 0 {
        let records = buffer.reader().next_batch(100)?.context("it is open")?;
        left = left.saturating_sub(records.len());
        for record in records {
            if acknowledged < number {
                record.ack();
                acknowledged += 1;
            }
        }
    }
    Ok(())
}
