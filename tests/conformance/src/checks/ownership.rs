//! Who has a directory. The file system interface has no lock, so the program that starts the component takes it.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use super::without_wasmtime;
use crate::{
    bed::lines,
    host::{Host, error_of, fed},
    outcome::Outcome,
    tools::{Tools, has},
};

pub(crate) fn by_the_launcher(tools: &Tools) -> Result<Outcome> {
    let Some([native, wasmtime]) = Host::both(tools) else { return without_wasmtime() };
    if !has("flock", &["--version"]) {
        return Ok(Outcome::Cannot("flock is missing, of the package util-linux".to_owned()));
    }
    let directory = TempDir::new()?;
    let path = directory.path();
    native.produce(path, &lines(0..3))?;

    // The component has it: the native host waits, and is refused.
    while_held(locked(&wasmtime.producer(path, &[]), path), has_answered, || {
        let output = fed(native.producer(path, &["--wait", "0s"]), &lines(0..1))?;
        ensure!(!output.status.success(), "the native host came in");
        let said = error_of(&output);
        ensure!(said.contains("in use"), "the native host says: {said}");
        Ok(())
    })?;
    // The native host has it: the component is not started.
    while_held(
        native.producer(path, &[]),
        |_| has_socket(path),
        || {
            let output = fed(locked(&wasmtime.producer(path, &[]), path), &lines(0..1))?;
            ensure!(output.status.code() == Some(1) && output.stdout.is_empty(), "the component was started");
            Ok(())
        },
    )?;
    Ok(Outcome::Ok(String::new()))
}

/// The command, started by `flock`.
fn locked(command: &Command, path: &Path) -> Command {
    let mut locked = Command::new("flock");
    locked.arg("-n").arg(path.join("buffer.lock")).arg(command.get_program()).args(command.get_args());
    locked
}

/// Does something while a producer has the directory and waits for its next line.
fn while_held(
    mut holder: Command,
    is_ready: impl FnOnce(&mut Child) -> Result<()>,
    act: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = holder.stdin.take().context("no stdin")?;
    writeln!(stdin, "a line")?;
    stdin.flush()?;
    let acted = is_ready(&mut holder).and_then(|()| act());
    drop(stdin);
    holder.wait()?;
    acted
}

/// The component's producer answers when it has the directory.
fn has_answered(holder: &mut Child) -> Result<()> {
    let stdout = holder.stdout.take().context("no stdout")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    ensure!(line.starts_with("written"), "the component says {line:?}");
    Ok(())
}

/// The native host binds its socket when it has the lock. To try the lock itself would be to take it.
fn has_socket(path: &Path) -> Result<()> {
    for _ in 0..600 {
        if path.join("buffer.sock").exists() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("the native host has not taken the directory");
}
