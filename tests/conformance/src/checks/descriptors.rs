//! Too many open files: WASI has no code for that, and hosts say that the device has failed.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::without_wasmtime;
use crate::{
    bed::{lines, must_be},
    host::{Host, lines_of},
    outcome::Outcome,
    tools::{Tools, has},
};

pub(crate) fn that_are_few(tools: &Tools) -> Result<Outcome> {
    let Some([native, wasmtime]) = Host::both(tools) else { return without_wasmtime() };
    if !has("prlimit", &["--version"]) {
        return Ok(Outcome::Cannot("prlimit is missing, of the package util-linux".to_owned()));
    }
    let expected = lines(0..5000);
    let mut ended_well = 0;
    for limit in [14, 16, 18, 20, 24, 32, 48] {
        let directory = TempDir::new()?;
        let path = directory.path();
        native.produce(path, &expected)?;
        let output = limited(&wasmtime.consumer(path, None), limit).stdin(Stdio::null()).output()?;
        ended_well += usize::from(output.status.success());
        let mut came = lines_of(&output.stdout)?;
        let rest = native.consume(path, None).with_context(|| format!("with {limit} descriptors"))?;
        // What was printed and not acknowledged comes again.
        came.truncate(expected.len() - rest.len());
        came.extend(rest);
        must_be(&came, &expected).with_context(|| format!("with {limit} descriptors"))?;
    }
    ensure!(ended_well > 0, "it never ends well");
    Ok(Outcome::Ok(format!("7 limits, with {ended_well} of them to the end")))
}

/// The command, with a limit on its descriptors.
fn limited(command: &Command, limit: u32) -> Command {
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--nofile={limit}")).arg(Path::new(command.get_program())).args(command.get_args());
    limited
}
