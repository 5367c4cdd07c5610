//! A queue without room.

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::without_wasmtime;
use crate::{
    bed::{lines, must_be},
    host::{Host, error_of, fed, must_be_whole},
    outcome::Outcome,
    tools::Tools,
};

const SMALL: [&str; 2] = ["--max-size", "32768"];

pub(crate) fn full(tools: &Tools) -> Result<Outcome> {
    let Some([native, wasmtime]) = Host::both(tools) else { return without_wasmtime() };
    let directory = TempDir::new()?;
    let path = directory.path();
    let lines = lines(0..2000);
    let output = fed(wasmtime.producer(path, &SMALL), &lines)?;
    ensure!(
        !output.status.success() && error_of(&output).contains("is full"),
        "it is not full: {}",
        error_of(&output)
    );
    must_be_whole(&tools.native, path)?;
    let taken = native.peek(path)?;
    must_be(&taken, lines.get(..taken.len()).unwrap_or_default())?;
    // When half of it is acknowledged there is room again.
    let half = taken.len() / 2;
    wasmtime.consume(path, Some(half))?;
    let output = fed(wasmtime.producer(path, &SMALL), lines.get(..20).unwrap_or_default())?;
    ensure!(output.status.success(), "there is no room after an acknowledgement: {}", error_of(&output));

    let directory = TempDir::new()?;
    let path = directory.path();
    let output = fed(wasmtime.producer(path, &[SMALL[0], SMALL[1], "--when-full", "drop-oldest"]), &lines)?;
    ensure!(output.status.success(), "it does not drop: {}", error_of(&output));
    let left = native.consume(path, None)?;
    must_be(&left, lines.get(lines.len() - left.len()..).unwrap_or_default())?;
    ensure!(left.len() > 100, "only {} are left", left.len());
    Ok(Outcome::Ok(format!("{} taken, {} left after dropping", taken.len(), left.len())))
}
