//! Opening a buffer with a backlog, with `buffer.forebay` and without.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::open;

const ROUNDS: usize = 21;

/// Of 1 MiB each.
const BACKLOG: usize = 1024;

/// Makes a buffer of 1 GiB in which nearly all waits.
pub(crate) fn backlog(directory: &Path) -> Result<()> {
    let buffer = open(directory, true)?;
    for _ in 0..BACKLOG {
        buffer.writer().write(vec![7; 1 << 20])?;
    }
    let records = buffer.reader().next_batch(10)?.context("it is open")?;
    buffer.reader().ack_through(records.last().context("a batch is never empty")?.id());
    buffer.close()?;
    Ok(())
}

/// Opens a buffer that is there, with the file and without it in turn, and leaves it as it was.
pub(crate) fn opening(directory: &Path) -> Result<()> {
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (costs, remembers) in costs.iter_mut().zip([true, false]) {
            costs.push(cost(directory, remembers)?);
        }
    }
    for (name, costs) in ["with", "without"].iter().zip(&mut costs) {
        costs.sort_unstable();
        let all = [costs.first(), costs.get(costs.len() / 2), costs.last()].map(Option::<&_>::copied);
        let [Some((least, _)), Some((half, bytes)), Some((most, _))] = all else { continue };
        println!("{name}: {half:.1?} (from {least:.1?} to {most:.1?}), {bytes} bytes read");
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
