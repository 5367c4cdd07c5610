//! The records that the demo sends: lines of text, over and over, each pass with its number in front so that no two
//! records are alike.

use std::{borrow::Cow, path::Path};

use anyhow::Context as _;

/// The license, the README and this command's own sources. All lie in the package, so that it builds wherever it is.
const EMBEDDED: &[&str] = &[
    include_str!("../../../../LICENSE"),
    include_str!("../../../../README.md"),
    include_str!("../main.rs"),
    include_str!("../answers.rs"),
    include_str!("../args.rs"),
    include_str!("../access/mod.rs"),
    include_str!("../access/client.rs"),
    include_str!("../access/sink.rs"),
    include_str!("../access/source.rs"),
    include_str!("../component.rs"),
    include_str!("../delivery.rs"),
    include_str!("../exit.rs"),
    include_str!("../feed.rs"),
    include_str!("../logging.rs"),
    include_str!("../open.rs"),
    include_str!("../pipe.rs"),
    include_str!("../print.rs"),
    include_str!("../read.rs"),
    include_str!("../room.rs"),
    include_str!("../signals.rs"),
    include_str!("../size.rs"),
    include_str!("../status/text.rs"),
    include_str!("../write.rs"),
    include_str!("../framing/mod.rs"),
    include_str!("../framing/input.rs"),
    include_str!("../verify/mod.rs"),
    include_str!("../verify/inspection.rs"),
    include_str!("../verify/ranges.rs"),
    include_str!("../verify/report.rs"),
    include_str!("mod.rs"),
    include_str!("child.rs"),
    include_str!("kills.rs"),
    include_str!("reading.rs"),
    include_str!("source.rs"),
    include_str!("tally.rs"),
    include_str!("writing.rs"),
];

/// Lines to make records of.
#[derive(Debug)]
pub(super) struct Source {
    lines: Vec<Cow<'static, [u8]>>,
}

impl Source {
    /// The text that is built in.
    pub(super) fn embedded() -> Self {
        let lines = EMBEDDED.iter().flat_map(|text| text.lines());
        Self { lines: lines.map(|line| Cow::Borrowed(line.as_bytes())).collect() }
    }

    /// The lines of a file.
    pub(super) fn from_file(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        let lines = text.split(|&byte| byte == b'\n').map(|line| Cow::Owned(line.to_vec()));
        Ok(Self { lines: lines.collect() })
    }

    /// How many lines there are.
    pub(super) fn lines(&self) -> usize {
        self.lines.len()
    }

    /// The record with this number, counted from 0.
    pub(super) fn record(&self, number: u64) -> Vec<u8> {
        let lines = u64::try_from(self.lines.len()).unwrap_or(u64::MAX).max(1);
        let line = usize::try_from(number % lines).ok().and_then(|line| self.lines.get(line));
        let mut record = format!("{} ", number / lines + 1).into_bytes();
        record.extend_from_slice(line.map(AsRef::as_ref).unwrap_or_default());
        record
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::*;

    /// The demo tells records apart by what is in them... and by nothing else would a mix-up be seen.
    #[test]
    fn a_line_differs_from_pass_to_pass() {
        let source = Source { lines: vec![Cow::Borrowed(b"a"), Cow::Borrowed(b"b")] };
        let records: Vec<Vec<u8>> = (0..5).map(|number| source.record(number)).collect();
        assert_eq!(records, [&b"1 a"[..], b"1 b", b"2 a", b"2 b", b"3 a"]);
        assert_eq!(records.iter().collect::<HashSet<_>>().len(), 5);
    }

    /// A record is a line: a newline in one would make two of it.
    #[test]
    fn no_record_holds_a_newline() {
        let source = Source::embedded();
        assert!(source.lines() > 1000);
        assert!(source.lines.iter().all(|line| !line.contains(&b'\n')));
    }
}
