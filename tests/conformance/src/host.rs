//! The hosts, each as a program that puts lines into a queue and takes them out.

use std::{
    io::Write as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::tools::{Tools, Wasmtime};

/// The sizes that the checks use: small ones, so that data files follow each other.
pub(crate) const FILE_BYTES: &str = "8192";
pub(crate) const MAX_BYTES: &str = "67108864";

/// A host.
#[derive(Clone, Copy)]
pub(crate) enum Host<'a> {
    Native(&'a Path),
    Wasmtime(&'a Wasmtime),
}

impl<'a> Host<'a> {
    /// The native one, and stock wasmtime; `None` where that is missing.
    pub(crate) fn both(tools: &'a Tools) -> Option<[Self; 2]> {
        let wasmtime = tools.wasmtime.as_ref()?;
        Some([Self::Native(&tools.native), Self::Wasmtime(wasmtime)])
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native(_) => "native",
            Self::Wasmtime(_) => "wasmtime",
        }
    }

    fn command(self, verb: (&str, &str), directory: &Path) -> Command {
        match self {
            Self::Native(program) => {
                let mut command = Command::new(program);
                command.arg(verb.0).arg(directory);
                command
            }
            Self::Wasmtime(wasmtime) => {
                let mut command = Command::new(&wasmtime.program);
                // wasmtime keeps its cache and settings in the user's folder.
                command.args(["run", "--allow-precompiled", "--dir"]);
                command.arg(format!("{}::/", directory.display()));
                command.arg(&wasmtime.command).args([verb.1, "/"]);
                command
            }
        }
    }

    /// A command that puts lines from stdin into the queue.
    pub(crate) fn producer(self, directory: &Path, more: &[&str]) -> Command {
        let mut command = self.command(("write", "produce"), directory);
        command.args(["--file-size", FILE_BYTES, "--max-size", MAX_BYTES]).args(more);
        command
    }

    /// A command that takes lines out of the queue; all that wait, or so many.
    pub(crate) fn consumer(self, directory: &Path, count: Option<usize>) -> Command {
        let mut command = self.command(("read", "consume"), directory);
        command.args(["--file-size", FILE_BYTES, "--max-size", MAX_BYTES]);
        if let Some(count) = count {
            command.args(["--count", &count.to_string()]);
        }
        command
    }

    /// Puts lines into the queue.
    pub(crate) fn produce(self, directory: &Path, lines: &[String]) -> Result<()> {
        let output = fed(self.producer(directory, &[]), lines)?;
        ensure!(output.status.success(), "{} does not write: {}", self.name(), error_of(&output));
        Ok(())
    }

    /// Takes lines out of the queue.
    pub(crate) fn consume(self, directory: &Path, count: Option<usize>) -> Result<Vec<String>> {
        let output = self.consumer(directory, count).stdin(Stdio::null()).output()?;
        ensure!(output.status.success(), "{} does not read: {}", self.name(), error_of(&output));
        lines_of(&output.stdout)
    }

    /// Takes all lines out of a damaged queue. The host must say that some are lost.
    pub(crate) fn consume_what_is_left(self, directory: &Path) -> Result<Vec<String>> {
        let output = self.consumer(directory, None).stdin(Stdio::null()).output()?;
        let said = error_of(&output);
        ensure!(
            output.status.code() == Some(1) && said.contains("lost"),
            "{} does not tell of a loss: {said}",
            self.name()
        );
        lines_of(&output.stdout)
    }
}

/// Runs a command with lines on its stdin.
pub(crate) fn fed(mut command: Command, lines: &[String]) -> Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let feeding = feed(&mut child, lines.concat_lines())?;
    let output = child.wait_with_output()?;
    // A program that ends early reads no more.
    let _ = feeding.join();
    Ok(output)
}

/// Feeds a program on a thread of its own.
fn feed(child: &mut Child, text: String) -> Result<thread::JoinHandle<()>> {
    let mut stdin = child.stdin.take().context("the program has no stdin")?;
    Ok(thread::spawn(move || {
        let _ = stdin.write_all(text.as_bytes());
    }))
}

/// Lines as one text.
trait ConcatLines {
    fn concat_lines(&self) -> String;
}

impl ConcatLines for [String] {
    fn concat_lines(&self) -> String {
        self.iter().flat_map(|line| [line, "\n"]).collect()
    }
}

/// The lines of what a program has printed.
pub(crate) fn lines_of(printed: &[u8]) -> Result<Vec<String>> {
    let text = std::str::from_utf8(printed).context("what was printed is no text")?;
    Ok(text.lines().map(ToOwned::to_owned).collect())
}

/// What a program has said.
pub(crate) fn error_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// Whether the native host finds nothing wrong in a directory.
pub(crate) fn must_be_whole(native: &Path, directory: &Path) -> Result<()> {
    let output = Command::new(native).arg("verify").arg(directory).output()?;
    if output.status.success() {
        return Ok(());
    }
    bail!("`forebay verify` says: {}{}", String::from_utf8_lossy(&output.stdout).trim(), error_of(&output));
}

impl Host<'_> {
    /// What waits in the queue, without taking it.
    pub(crate) fn peek(self, directory: &Path) -> Result<Vec<String>> {
        let Self::Native(program) = self else { bail!("{} cannot look", self.name()) };
        let output = Command::new(program).arg("peek").arg(directory).output()?;
        ensure!(output.status.success(), "the native host does not look: {}", error_of(&output));
        lines_of(&output.stdout)
    }
}
