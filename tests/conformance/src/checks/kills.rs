//! SIGKILL in the middle.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::Stdio,
    thread,
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::without_wasmtime;
use crate::{
    bed::{lines, must_be},
    host::{Host, must_be_whole},
    outcome::Outcome,
    tools::Tools,
};

pub(crate) fn of_a_producer_in_bulk(tools: &Tools) -> Result<Outcome> {
    producers(tools, 6, &[], |kill| 3 + kill * 7)
}

pub(crate) fn of_a_producer_that_syncs(tools: &Tools) -> Result<Outcome> {
    producers(tools, 6, &["--sync"], |kill| 2 + kill * 11)
}

/// Kills a producer so often, each time when it has confirmed so many pushes. The next one goes on in the same directory.
fn producers(
    tools: &Tools,
    kills: usize,
    more: &[&str],
    confirmations: fn(usize) -> usize,
) -> Result<Outcome> {
    let Some([native, wasmtime]) = Host::both(tools) else { return without_wasmtime() };
    let directory = TempDir::new()?;
    let path = directory.path();
    let mut expected = Vec::new();
    let mut confirmed_in_all = 0;
    for kill in 0..kills {
        let what = || format!("kill {kill}");
        let begun_with = expected.len();
        let confirmed =
            kill_producer(wasmtime, path, more, begun_with, confirmations(kill)).with_context(what)?;
        must_be_whole_or_torn(tools, path).with_context(what)?;
        // What was on its way may be there or not. A look at it changes nothing.
        let there = native.peek(path).with_context(what)?;
        ensure!(
            there.len() >= confirmed,
            "kill {kill}: {} of {confirmed} confirmed records are there",
            there.len()
        );
        must_be(&there, &lines(0..there.len())).with_context(what)?;
        confirmed_in_all += confirmed - begun_with;
        expected = there;
    }
    let read = wasmtime.consume(path, None)?;
    must_be(&read, &expected)?;
    must_be_whole(&tools.native, path)?;
    Ok(Outcome::Ok(format!("{kills} kills, {confirmed_in_all} confirmed, {} there", expected.len())))
}

/// An unfinished frame at the end is what a kill may leave. Anything else is not.
fn must_be_whole_or_torn(tools: &Tools, path: &Path) -> Result<()> {
    let copied = TempDir::new()?;
    crate::bed::copy(path, copied.path())?;
    // Opening truncates it.
    Host::Native(&tools.native).produce(copied.path(), &[])?;
    must_be_whole(&tools.native, copied.path())
}

/// Feeds a producer numbered lines from one on, kills it after so many confirmations, and gives how many records it had confirmed
/// then, all in all.
fn kill_producer(
    host: Host<'_>,
    path: &Path,
    more: &[&str],
    from: usize,
    confirmations: usize,
) -> Result<usize> {
    let mut child = host
        .producer(path, more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().context("the producer has no stdin")?;
    let feeding = thread::spawn(move || {
        for line in lines(from..from + 2_000_000) {
            if writeln!(stdin, "{line}").is_err() {
                return;
            }
        }
    });
    let stdout = BufReader::new(child.stdout.take().context("the producer has no stdout")?);
    let mut confirmed = from;
    for (seen, said) in stdout.lines().enumerate() {
        let said = said?;
        if seen == confirmations {
            child.kill()?;
        }
        // Said before it was killed, and heard after.
        let below: usize =
            said.rsplit(' ').next().unwrap_or_default().parse().with_context(|| said.clone())?;
        confirmed = below - 1;
    }
    child.wait()?;
    let _ = feeding.join();
    Ok(confirmed)
}

pub(crate) fn of_a_consumer(tools: &Tools) -> Result<Outcome> {
    const KILLS: usize = 5;
    let Some([native, wasmtime]) = Host::both(tools) else { return without_wasmtime() };
    let directory = TempDir::new()?;
    let path = directory.path();
    let expected = lines(0..20_000);
    native.produce(path, &expected)?;
    let (mut came, mut again) = (0, 0);
    for kill in 0..KILLS {
        let mut child = wasmtime
            .consumer(path, None)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = BufReader::new(child.stdout.take().context("the consumer has no stdout")?);
        let mut at = None;
        for (seen, line) in stdout.lines().enumerate() {
            let line = line?;
            if seen == 600 + kill * 300 {
                child.kill()?;
            }
            // The last line may be cut, as the reader of a pipe must expect.
            let found = match at {
                None => expected
                    .iter()
                    .position(|expected| *expected == line)
                    .context("a line that was not written")?,
                Some(at) => at + 1,
            };
            ensure!(found <= came, "kill {kill}: the lines from {came} up to {found} were lost");
            again += usize::from(found < came);
            at = Some(found);
            if expected.get(found) == Some(&line) {
                came = came.max(found + 1);
            }
        }
        child.wait()?;
    }
    let rest = wasmtime.consume(path, None)?;
    let first = expected.len() - rest.len();
    ensure!(first <= came, "the lines from {came} up to {first} were lost");
    must_be(&rest, expected.get(first..).unwrap_or_default())?;
    Ok(Outcome::Ok(format!(
        "{KILLS} kills, {} of {} records came again",
        again + came - first,
        expected.len()
    )))
}
