//! Work of a buffer that is counted from outside: `counts WORK NUMBER component|native`. It does the work so often, on one
//! thread, in a directory of its own that it removes.

#[allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "it belongs to the tests")]
#[path = "../../support/fuse.rs"]
mod fuse;
#[allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "it belongs to the tests")]
#[path = "../../support/native_logic.rs"]
mod native_logic;
#[allow(dead_code, missing_docs, unreachable_pub, reason = "it belongs to the tests")]
#[path = "../../support/single_acks.rs"]
mod single_acks;

use std::{path::Path, time::Duration};

use anyhow::{Result, bail};
use forebay::{
    Buffer, Component, Durability, Options,
    storage::native::{Create, Native},
};

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
        "acknowledge" => single_acks::acknowledge(&buffer, &RECORD, number)?,
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
