//! Answers on stdout.

use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::AsFd as _,
    path::Path,
};

use anyhow::Context as _;
use forebay::storage::native::explain_missing_descriptors;
use rustix::io::Errno;
use serde::Serialize;

use crate::size;

/// Stdout without the standard library's buffer: what was written was handed to the operating system.
pub(crate) fn stdout() -> anyhow::Result<File> {
    let cloned = io::stdout().as_fd().try_clone_to_owned().map_err(explain_missing_descriptors);
    let handle = cloned.context("cannot use standard output")?;
    Ok(File::from(handle))
}

/// Whether the reader of stdout is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    There,
    Gone,
}

/// Writes to stdout, as far as anybody listens.
pub(crate) fn write(stdout: &mut File, bytes: &[u8]) -> anyhow::Result<Listener> {
    match stdout.write_all(bytes) {
        Ok(()) => Ok(Listener::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Listener::Gone),
        Err(error) => Err(cannot_write(error)),
    }
}

/// Why nothing can be written to stdout.
pub(crate) fn cannot_write(error: io::Error) -> anyhow::Error {
    let context = if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) {
        "cannot write to standard output, which is not open for writing; redirect it with '>' or to a pipe"
    } else {
        "cannot write to standard output"
    };
    anyhow::Error::new(error).context(context)
}

/// Prints lines. Stdout may be closed.
pub(crate) fn lines(text: &str) -> anyhow::Result<()> {
    write(&mut stdout()?, text.as_bytes()).map(drop)
}

/// Says something on stderr, in a line of its own. Stderr may be closed.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "forebay: {}", printable(text));
}

/// Text that may come from anywhere, made safe for a terminal: control characters cannot act, and it stays one line.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, letter| {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
        line
    })
}

/// A path for a terminal.
pub(crate) fn path(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// Prints an object as one line of JSON.
pub(crate) fn json(object: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_string(object).context("cannot put the answer into JSON")?;
    line.push('\n');
    lines(&line)
}

/// A number and what it counts: `1 record`, `2 records`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The ids of records, as a part of a line: `, ids 1 to 9`. Nothing where there are none.
pub(crate) fn ids(first: u64, next: u64) -> String {
    if first < next { format!(", ids {first} to {}", next - 1) } else { String::new() }
}

/// How long something is: `240 bytes`, `1.5 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1 << 10 { count(bytes, "byte") } else { size::shown(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nine digits in a row are not read, and a few bytes are a few bytes.
    #[test]
    fn sizes_are_for_people() {
        assert_eq!([1, 240, 1536, 1_610_612_736].map(size), ["1 byte", "240 bytes", "1.5 KiB", "1.5 GiB"]);
    }

    /// A path or a component's own words could move the cursor or forge a second line.
    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(printable("größer"), "größer");
    }
}
