//! Measures what `buffer.forebay` costs while records go through a buffer, and what it saves when one is opened.
//! `docs/figures.md` says how it is run and what came out.
//!
//! Times on a busy machine say little. Each measurement is therefore taken with and without the file in turn, in one run.

mod forgetful;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use forebay::{
    Buffer, Component, Limits, Options,
    storage::{
        Backend,
        native::{Create, Native},
    },
};
use forgetful::Forgetful;

const ROUNDS: usize = 7;

/// Of 1 KiB each, in batches of 64.
const BATCH: usize = 64;
const BATCHES: usize = 3000;

/// Of 1 MiB each.
const BACKLOG: usize = 1024;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (what, directory) = (arguments.next(), arguments.next().map(PathBuf::from));
    // Not to be measured: it is compiled once.
    Component::embedded()?;
    match (what.as_deref(), directory) {
        (Some("throughput"), Some(directory)) => throughput(&directory),
        (Some("backlog"), Some(directory)) => backlog(&directory),
        (Some("opening"), Some(directory)) => opening(&directory),
        _ => bail!("usage: cost throughput|backlog|opening DIR"),
    }
}

fn open(directory: &Path, remembers: bool) -> Result<Buffer> {
    let native = Native::open(directory, Create::Yes)?;
    let backend: Box<dyn Backend> = if remembers { Box::new(native) } else { Box::new(Forgetful(native)) };
    let mut options = Options::default();
    options.max_bytes = 2 << 30;
    let component = Component::embedded()?;
    Ok(Buffer::open_with(backend, options, move |guard| component.instantiate(guard, Limits::default()))?)
}

/// Each batch is written, read and acknowledged before the next.
fn throughput(directory: &Path) -> Result<()> {
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        // Whoever comes second finds the disk busier.
        let order = if round % 2 == 0 { [true, false] } else { [false, true] };
        let mut rates = [0.0; 2];
        for remembers in order {
            let [without, with] = &mut rates;
            *(if remembers { with } else { without }) = rate(directory, remembers)?;
        }
        let [without, with] = rates;
        println!(
            "round {round}: with {with:.0} records/s, without {without:.0}, ratio {:.3}",
            with / without
        );
        ratios.push(with / without);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).context("there are rounds")?;
    println!("median of the ratios: {median:.3}");
    Ok(())
}

/// Records in a second.
fn rate(directory: &Path, remembers: bool) -> Result<f64> {
    let buffer = open(directory, remembers)?;
    let (writer, reader) = (buffer.writer(), buffer.reader());
    let start = Instant::now();
    for _ in 0..BATCHES {
        writer.write_batch(vec![vec![7; 1024].into(); BATCH])?;
        let records = reader.next_batch(BATCH)?.context("it is open")?;
        ensure!(records.len() == BATCH, "only {} records were read", records.len());
        reader.ack_through(records.last().context("a batch is never empty")?.id());
    }
    let taken = start.elapsed();
    buffer.close()?;
    ensure!(
        directory.join("buffer.forebay").exists() == remembers,
        "the file is there when it should not, or is not"
    );
    fs::remove_dir_all(directory)?;
    let records = u32::try_from(BATCH * BATCHES)?;
    Ok(f64::from(records) / taken.as_secs_f64())
}

/// Makes a buffer of 1 GiB in which nearly all waits.
fn backlog(directory: &Path) -> Result<()> {
    let buffer = open(directory, true)?;
    for _ in 0..BACKLOG {
        buffer.writer().write(vec![7; 1 << 20])?;
    }
    let records = buffer.reader().next_batch(10)?.context("it is open")?;
    buffer.reader().ack_through(records.last().context("a batch is never empty")?.id());
    buffer.close()?;
    Ok(())
}

/// Opens a buffer that is there, with the file and without it, and leaves it as it was.
fn opening(directory: &Path) -> Result<()> {
    for round in 0..ROUNDS {
        let with = cost(directory, true)?;
        let without = cost(directory, false)?;
        for (name, (taken, bytes)) in [("with", with), ("without", without)] {
            println!("round {round}: {name}: {:.1} ms, {bytes} bytes read", taken.as_secs_f64() * 1000.0);
        }
    }
    Ok(())
}

/// How long it takes until the buffer is open, and how many bytes are read meanwhile.
fn cost(directory: &Path, remembers: bool) -> Result<(Duration, u64)> {
    let (before, start) = (bytes_read()?, Instant::now());
    let buffer = open(directory, remembers)?;
    let (taken, bytes) = (start.elapsed(), bytes_read()? - before);
    buffer.close()?;
    Ok((taken, bytes))
}

/// All bytes that this process has read from files, from the disk or from the kernel's cache.
fn bytes_read() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: ")).context("no rchar")?;
    Ok(line.parse()?)
}
