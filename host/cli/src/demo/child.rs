//! A `forebay` process of the demo's own: what is killed.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
};

use anyhow::Context as _;

use crate::args::{BufferArgs, Durability, Retain, WhenFull};

/// A process that works on the demo's buffer.
pub(super) struct Worker {
    child: Child,
    stdout: BufReader<ChildStdout>,
    line: Vec<u8>,
}

impl Worker {
    /// Starts a command on a buffer, with the options that the demo was given.
    pub(super) fn start(
        command: &str,
        dir: &Path,
        flags: &[&str],
        buffer: &BufferArgs,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut child = Command::new(program)
            .arg(command)
            .args(flags)
            .args(arguments(buffer))
            .arg("--")
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start this program again")?;
        let stdout = child.stdout.take().context("the new process has no standard output")?;
        Ok(Self { child, stdout: BufReader::with_capacity(256 << 10, stdout), line: Vec::new() })
    }

    /// Where its records come from.
    pub(super) fn take_stdin(&mut self) -> anyhow::Result<ChildStdin> {
        self.child.stdin.take().context("the new process has no standard input")
    }

    /// The next line that it prints; `None` once it is dead. What it did not get to the end of is no line.
    pub(super) fn next_line(&mut self) -> anyhow::Result<Option<&[u8]>> {
        self.line.clear();
        self.stdout.read_until(b'\n', &mut self.line).context("cannot read what the other process prints")?;
        Ok(self.line.strip_suffix(b"\n"))
    }

    /// Ends it as a power switch would.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill the other process")
    }

    /// Waits for its end. It must have been killed, or have ended well.
    pub(super) fn wait(&mut self) -> anyhow::Result<()> {
        const SIGKILL: i32 = 9;
        let status: ExitStatus = self.child.wait().context("cannot wait for the other process")?;
        if status.success() || status.signal() == Some(SIGKILL) {
            return Ok(());
        }
        anyhow::bail!("the process that works on the buffer failed ({status}); what it said is above")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has ended, unless this process is giving up.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The options of a buffer as a command line.
fn arguments(buffer: &BufferArgs) -> Vec<OsString> {
    let BufferArgs {
        file_size: _,
        max_size: _,
        as_given: _,
        from_environment: _,
        max_events,
        max_record,
        when_full,
        durability,
        retain,
        sync_interval,
        wait,
        grace,
        discard_damaged,
        metadata,
        small_files,
        chosen: _,
        component,
    } = buffer;
    let mut arguments: Vec<OsString> = Vec::new();
    for (is_chosen, name) in [(small_files, "--small-files"), (discard_damaged, "--discard-damaged")] {
        if *is_chosen {
            arguments.push(name.into());
        }
    }
    let mut option = |name: &str, value: OsString| {
        arguments.push(name.into());
        arguments.push(value);
    };
    let (file_size, max_size) = buffer.sizes();
    option("--file-size", file_size.to_string().into());
    option("--max-size", max_size.to_string().into());
    option("--max-events", max_events.to_string().into());
    if let Some(bytes) = max_record {
        option("--max-record", bytes.to_string().into());
    }
    let when_full = match when_full {
        WhenFull::Block => "block",
        WhenFull::Reject => "reject",
        WhenFull::DropOldest => "drop-oldest",
    };
    option("--when-full", when_full.into());
    let durability = match durability {
        Durability::Written => "written",
        Durability::Synced => "synced",
    };
    option("--durability", durability.into());
    option("--sync-interval", format!("{}ms", sync_interval.as_millis()).into());
    option("--wait", format!("{}ms", wait.as_millis()).into());
    option("--grace", format!("{}ms", grace.as_millis()).into());
    option("--metadata", metadata.to_string().into());
    if let Some(Retain::Newest(records)) = retain {
        option("--retain", format!("newest:{records}").into());
    }
    if let Some(file) = component {
        option("--component", file.into());
    }
    arguments
}

/// Feeds records, each on its line.
pub(super) fn feed(stdin: &mut ChildStdin, records: impl Iterator<Item = Vec<u8>>) -> std::io::Result<()> {
    const PIECE_BYTES: usize = 64 << 10;
    let mut text = Vec::with_capacity(2 * PIECE_BYTES);
    for record in records {
        text.extend_from_slice(&record);
        text.push(b'\n');
        if text.len() >= PIECE_BYTES {
            stdin.write_all(&text)?;
            text.clear();
        }
    }
    stdin.write_all(&text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    /// What the demo is told and does not pass on is shown of another buffer than was asked for.
    #[test]
    fn every_option_of_the_buffer_is_passed_on() {
        for when_full in [WhenFull::Block, WhenFull::Reject, WhenFull::DropOldest] {
            let buffer = BufferArgs {
                file_size: Some(5_000),
                max_size: Some(60_000),
                max_events: 7,
                max_record: Some(80),
                when_full,
                retain: Some(Retain::Newest(8)),
                durability: Durability::Synced,
                sync_interval: Duration::from_millis(9),
                wait: Duration::from_millis(7),
                grace: Duration::from_millis(8),
                metadata: 10,
                small_files: true,
                discard_damaged: true,
                as_given: None,
                from_environment: Vec::new(),
                chosen: Vec::new(),
                component: Some("logic.wasm".into()),
            };
            let line =
                [vec!["forebay".into(), "write".into()], arguments(&buffer), vec!["dir".into()]].concat();
            let Command::Write(args) = Args::try_parse_from(line).unwrap().command else { panic!("a write") };
            assert_eq!(args.buffer, buffer);
        }
    }
}
