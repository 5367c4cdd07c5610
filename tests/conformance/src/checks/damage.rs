//! Directories that are not as they were left.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::without_wasmtime;
use crate::{
    bed::{contents, copy, lines, must_be},
    host::{Host, must_be_whole},
    outcome::Outcome,
    tools::Tools,
};

/// A directory that the native host has written to.
fn written(native: Host<'_>) -> Result<(TempDir, Vec<String>)> {
    let directory = TempDir::new()?;
    let lines = lines(0..1000);
    native.produce(directory.path(), &lines)?;
    Ok((directory, lines))
}

/// The data file with the highest number of those that are not empty.
fn newest(path: &Path) -> Result<String> {
    let numbers = contents(path)?
        .into_iter()
        .filter(|(_, bytes)| !bytes.is_empty())
        .filter_map(|(name, _)| name.strip_prefix("buffer-data-")?.strip_suffix(".dat")?.parse::<u32>().ok());
    Ok(format!("buffer-data-{}.dat", numbers.max().context("there is no data file")?))
}

pub(crate) fn a_torn_end(tools: &Tools) -> Result<Outcome> {
    let Some([native, wasmtime]) = Host::both(tools) else { return without_wasmtime() };
    let (directory, lines) = written(native)?;
    let path = directory.path();
    // As after a crash in the middle of a write: the beginning of a frame, and no sidecar that knows better.
    fs::remove_file(path.join("buffer.forebay"))?;
    let file = path.join(newest(path)?);
    let mut bytes = fs::read(&file)?;
    bytes.extend_from_within(..30);
    fs::write(&file, bytes)?;
    wasmtime.produce(path, &["behind it".to_owned()])?;
    let kept = fs::metadata(path.join("buffer.quarantine/cut-ends"))?.len();
    must_be_whole(&tools.native, path)?;
    let mut expected = lines;
    expected.push("behind it".to_owned());
    must_be(&native.consume(path, None)?, &expected)?;
    Ok(Outcome::Ok(format!("{kept} bytes kept")))
}

pub(crate) fn in_the_middle(tools: &Tools) -> Result<Outcome> {
    let Some([native, wasmtime]) = Host::both(tools) else { return without_wasmtime() };
    let (directory, lines) = written(native)?;
    let path = directory.path();
    let mut lost = Vec::new();
    for (number, offset, length) in [(0_u32, 100_usize, 3_usize), (2, 0, 64), (3, 4000, 600), (5, 8, 1)] {
        let file = path.join(format!("buffer-data-{number}.dat"));
        let mut bytes = fs::read(&file)?;
        bytes.get_mut(offset..offset + length).context("the file is too short")?.fill(0xa5);
        fs::write(&file, bytes)?;
        let (one, other) = (TempDir::new()?, TempDir::new()?);
        copy(path, one.path())?;
        copy(path, other.path())?;
        let (by_native, by_wasmtime) =
            (native.consume_what_is_left(one.path())?, wasmtime.consume_what_is_left(other.path())?);
        must_be(&by_wasmtime, &by_native).with_context(|| format!("data file {number} is damaged"))?;
        ensure!(by_native.len() < lines.len(), "the damage costs nothing");
        ensure!(other.path().join("buffer.quarantine").is_dir(), "no damaged file was kept aside");
        lost.push(lines.len() - by_native.len());
    }
    Ok(Outcome::Ok(format!("{lost:?} records lost")))
}

pub(crate) fn of_the_ledger(tools: &Tools) -> Result<Outcome> {
    let Some([native, wasmtime]) = Host::both(tools) else { return without_wasmtime() };
    let (directory, lines) = written(native)?;
    let path = directory.path();
    fs::write(path.join("buffer.db"), b"nothing that can be a ledger")?;
    must_be(&wasmtime.consume(path, Some(10))?, lines.get(..10).unwrap_or_default())?;
    ensure!(path.join("buffer.db.bad-1").is_file(), "the ledger was not kept");
    must_be(&native.consume(path, None)?, lines.get(10..).unwrap_or_default())?;
    // Without one, and without the sidecar, the data files tell.
    let (directory, lines) = written(native)?;
    fs::remove_file(directory.path().join("buffer.db"))?;
    fs::remove_file(directory.path().join("buffer.forebay"))?;
    must_be(&wasmtime.consume(directory.path(), None)?, &lines)?;
    Ok(Outcome::Ok(String::new()))
}
