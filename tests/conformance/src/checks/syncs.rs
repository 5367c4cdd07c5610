//! Syncs that fail, made to by strace.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::without_wasmtime;
use crate::{
    bed::{lines, must_be},
    host::{Host, error_of, fed, lines_of, must_be_whole},
    outcome::Outcome,
    tools::{Tools, has},
};

pub(crate) fn that_fail(tools: &Tools) -> Result<Outcome> {
    let Some([native, wasmtime]) = Host::both(tools) else { return without_wasmtime() };
    if !has("strace", &["-o", "/dev/null", "true"]) {
        return Ok(Outcome::Cannot("strace is missing, or may not trace here".to_owned()));
    }
    let lines = lines(0..400);
    let mut rewritten = 0;
    // The first syncs are those of an opening.
    for (call, when) in
        [("fdatasync", "1"), ("fdatasync", "2"), ("fsync", "6"), ("fsync", "7"), ("fdatasync", "3")]
    {
        let directory = TempDir::new()?;
        let path = directory.path();
        let trace = path.with_extension("trace");
        let what = || format!("{call} fails, call {when}");
        let output = fed(injecting(wasmtime, path, &trace, call, when), &lines)?;
        let said = std::fs::read_to_string(&trace).unwrap_or_default();
        let _ = std::fs::remove_file(&trace);
        ensure!(said.contains("INJECTED"), "{}: it was never called", what());
        ensure!(output.status.success(), "{}: {}", what(), error_of(&output));
        let durable = lines_of(&output.stdout)?;
        ensure!(durable.last().is_some_and(|last| last == "durable 401"), "{}: {durable:?}", what());
        rewritten += usize::from(said.contains(".dat.new"));
        must_be_whole(&tools.native, path).with_context(what)?;
        must_be(&native.consume(path, None)?, &lines).with_context(what)?;
    }
    ensure!(rewritten > 0, "no data file was rewritten");
    all_fail(native, wasmtime)?;
    Ok(Outcome::Ok(format!("5 failures, {rewritten} of them with a rewritten data file")))
}

/// Where no sync ends well nothing is confirmed, and what was written is there all the same.
fn all_fail(native: Host<'_>, wasmtime: Host<'_>) -> Result<()> {
    let directory = TempDir::new()?;
    let path = directory.path();
    let before = lines(0..10);
    native.produce(path, &before)?;
    let trace = path.with_extension("trace");
    let output = fed(injecting(wasmtime, path, &trace, "fdatasync", "1+"), &lines(10..50))?;
    let _ = std::fs::remove_file(&trace);
    let confirmed = lines_of(&output.stdout)?;
    ensure!(!output.status.success() && confirmed.is_empty(), "it confirms {confirmed:?}");
    ensure!(error_of(&output).contains("a sync has failed"), "it says: {}", error_of(&output));
    let left = native.consume(path, None)?;
    must_be(&left, lines(0..50).get(..left.len().max(before.len())).unwrap_or_default())
}

/// A producer that syncs, of whose system calls one fails with EIO.
fn injecting(host: Host<'_>, path: &Path, trace: &Path, call: &str, when: &str) -> Command {
    let producer = host.producer(path, &["--sync"]);
    let mut command = Command::new("strace");
    command
        .args(["-f", "-o"])
        .arg(trace)
        .args(["-e", "trace=fsync,fdatasync,rename,renameat,renameat2,openat,openat2"]);
    command.arg("-e").arg(format!("inject={call}:error=EIO:when={when}"));
    command.arg(producer.get_program()).args(producer.get_args());
    command
}
