//! What a queue refuses.

use std::{fs, path::Path, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::without_wasmtime;
use crate::{
    bed::{contents, lines},
    host::{Host, error_of, fed},
    outcome::Outcome,
    tools::Tools,
};

pub(crate) fn is_named_and_changes_nothing(tools: &Tools) -> Result<Outcome> {
    let Some([native, wasmtime]) = Host::both(tools) else { return without_wasmtime() };
    let directory = TempDir::new()?;
    let path = directory.path();
    native.produce(path, &lines(0..300))?;

    // Of two options the later one counts.
    refuses(wasmtime, path, &["--file-size", "4095"], &[], "at least 4096")?;
    refuses(wasmtime, path, &["--max-size", "9000"], &[], "at least twice")?;
    refuses(wasmtime, path, &["--max-size", "999999999999"], &[], "65534 times")?;
    missing_directory(wasmtime, path)?;
    no_directory(tools, path)?;
    too_long(wasmtime, path)?;
    newer_version(wasmtime, path)?;
    Ok(Outcome::Ok("8 cases".to_owned()))
}

/// A producer with these arguments must end with an error that says so, and leave the directory as it is.
fn refuses(host: Host<'_>, path: &Path, more: &[&str], lines: &[String], says: &str) -> Result<()> {
    let before = contents(path).unwrap_or_default();
    let output = fed(host.producer(path, more), lines)?;
    let said = error_of(&output);
    ensure!(
        !output.status.success() && said.contains(says),
        "{more:?} should be refused with {says:?}: {said:?}"
    );
    ensure!(contents(path).unwrap_or_default() == before, "{more:?} has changed the directory");
    Ok(())
}

/// A directory below the one that is given is made, but not for options that are refused.
fn missing_directory(host: Host<'_>, path: &Path) -> Result<()> {
    for (more, is_made) in [(vec!["--file-size", "1"], false), (vec![], true)] {
        let mut command = host.producer(path, &more);
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let below =
            |argument: std::ffi::OsString| if argument == "/" { "/below/it".into() } else { argument };
        command = std::process::Command::new(command.get_program());
        command.args(arguments.into_iter().map(below));
        let output = fed(command, &lines(0..3))?;
        ensure!(output.status.success() == is_made, "{more:?}: {}", error_of(&output));
        ensure!(path.join("below/it/buffer.db").exists() == is_made, "{more:?}: the directory below");
    }
    fs::remove_dir_all(path.join("below"))?;
    Ok(())
}

fn no_directory(tools: &Tools, path: &Path) -> Result<()> {
    let wasmtime = tools.wasmtime.as_ref().context("there is no wasmtime")?;
    for (given, asked) in [(None, "/"), (Some("/data"), "/other"), (Some("/"), "/a/../b")] {
        let before = contents(path)?;
        let mut command = std::process::Command::new(&wasmtime.program);
        command.args(["run", "--allow-precompiled"]);
        if let Some(given) = given {
            command.arg("--dir").arg(format!("{}::{given}", path.display()));
        }
        let output = command.arg(&wasmtime.command).args(["produce", asked]).stdin(Stdio::null()).output()?;
        let said = error_of(&output);
        let says = if asked.contains("..") { "component `..`" } else { "gives no directory" };
        ensure!(
            !output.status.success() && said.contains(says),
            "{asked} should be refused with {says:?}: {said:?}"
        );
        ensure!(contents(path)? == before, "{asked} has changed the directory");
    }
    Ok(())
}

/// The records are as they were, though the files tell of an opening and a close.
fn too_long(host: Host<'_>, path: &Path) -> Result<()> {
    let before = records(path)?;
    let output = fed(host.producer(path, &[]), &["x".repeat(8192 - 47)])?;
    let said = error_of(&output);
    ensure!(!output.status.success() && said.contains("too long"), "a line that is too long: {said:?}");
    ensure!(records(path)? == before, "a line that is too long has changed a data file");
    Ok(())
}

fn records(path: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let is_data = |(name, bytes): &(String, Vec<u8>)| name.starts_with("buffer-data-") && !bytes.is_empty();
    Ok(contents(path)?.into_iter().filter(is_data).collect())
}

/// A block of the sidecar with a higher version and a right checksum.
fn newer_version(host: Host<'_>, path: &Path) -> Result<()> {
    let sidecar = path.join("buffer.forebay");
    let mut bytes = fs::read(&sidecar)?;
    let block = bytes.get_mut(..4096).context("the sidecar is shorter than a block")?;
    block.get_mut(8..12).context("a block has a version")?.copy_from_slice(&99_u32.to_le_bytes());
    let (body, end) = block.split_at_mut(4092);
    end.copy_from_slice(&crc32(body).to_le_bytes());
    fs::write(&sidecar, bytes)?;
    refuses(host, path, &[], &lines(0..3), "later version")
}

/// The CRC-32 of IEEE 802.3, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    !sum
}
