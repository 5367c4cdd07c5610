//! The looks at a damaged directory, each a process of the binary, and what they left on the disk.

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::{
    base::{Base, arguments, fingerprint},
    binary::{Binary, Ended},
    image::Image,
    reference::Delivered,
};

/// The record that is written at the end.
const RECORD: &[u8] = b"written to what was damaged\n";

/// How the binary's `read` says on its standard error how many records it lost: `lost 7 records: …`.
const LOST: &str = "lost ";

/// What the processes did.
#[derive(Debug)]
pub struct Looks {
    /// `read --peek`, twice.
    pub peeks: [Ended; 2],
    /// `verify`.
    pub verify: Ended,
    /// `read`.
    pub read: Ended,
    /// `write`, of one record.
    pub write: Ended,
    /// `write` of one record to the directory as it was damaged, and then `read --peek`: what is written must not change
    /// what is found in the files before.
    pub behind_a_write: [Ended; 2],
    /// Whether the damaged directory opens: `read --peek` ends with 0, or would if it were asked for no record.
    pub opens: bool,
    /// The files that `read --peek` or `verify` has changed, made or removed.
    pub changed: Vec<String>,
}

/// What `verify --format json` says.
#[derive(Debug, Deserialize)]
pub struct Verified {
    /// Unread records that no data file holds whole.
    pub lost_records: u64,
}

/// What `write --format json` says.
#[derive(Debug, Deserialize)]
pub struct Written {
    /// How many records were taken.
    pub records: u64,
    /// The id of the first one.
    pub first_id: Option<u64>,
}

#[derive(Deserialize)]
struct JsonRecord<'a> {
    id: u64,
    events: u32,
    payload: Option<String>,
    #[serde(borrow)]
    payload_base64: Option<&'a str>,
}

impl Looks {
    /// Puts an image into its base's directory and looks at it.
    pub fn take(binary: &Binary, base: &Base, image: &Image) -> Result<Self> {
        let run = |words: &[&str], input: &[u8]| {
            binary.run(&arguments(words, &base.directory, base.key.size)?, input)
        };
        let peek = ["read", "--peek", "--framing", "json"];
        image.put(&base.directory)?;
        let peeks = [run(&peek, b"")?, run(&peek, b"")?];
        let peeked = Image::read(&base.directory, image)?;
        // `verify` takes no options of the buffer.
        let directory = base.directory.to_str().context("the directory's name is no text")?;
        let verify = binary.run(&["verify", directory, "--format", "json"], b"")?;
        let verified = Image::read(&base.directory, &peeked)?;
        let read = run(&["read", "--framing", "json"], b"")?;
        let write_words = ["write", "--format", "json", "--when-full", "reject"];
        let write = run(&write_words, RECORD)?;
        image.put(&base.directory)?;
        let behind_a_write = [run(&write_words, RECORD)?, run(&peek, b"")?];

        let mut opens = matches!(peeks[0].code, Some(0 | 1));
        if !opens {
            image.put(&base.directory)?;
            opens = run(&["read", "--peek", "--count", "0"], b"")?.code == Some(0);
        }
        let mut changed = image.differences(&peeked);
        changed.extend(peeked.differences(&verified));
        Ok(Self { peeks, verify, read, write, behind_a_write, opens, changed })
    }

    /// All processes.
    pub fn all(&self) -> [(&'static str, &Ended); 7] {
        let [first, second] = &self.peeks;
        let [early_write, late_peek] = &self.behind_a_write;
        [
            ("peek", first),
            ("peek", second),
            ("verify", &self.verify),
            ("read", &self.read),
            ("write", &self.write),
            ("write before reading", early_write),
            ("peek behind a write", late_peek),
        ]
    }

    /// What `verify` said; `None` if it did not do its work.
    pub fn verified(&self) -> Option<Verified> {
        matches!(self.verify.code, Some(0 | 1)).then(|| serde_json::from_slice(&self.verify.stdout).ok())?
    }

    /// What `write` said; `None` if the record was not taken.
    pub fn written(&self) -> Option<Written> {
        written(&self.write)
    }

    /// Whether a write to the directory as it was damaged changes nothing but that its own record comes last. True where no
    /// record was taken.
    pub fn write_hides_nothing(&self) -> Result<bool> {
        let [write, peek] = &self.behind_a_write;
        let Some(written) = written(write) else { return Ok(true) };
        let mut found = delivered(peek)?;
        let last = found.pop();
        let is_last = last.is_some_and(|last| {
            Some(last.id) == written.first_id && last.fingerprint == fingerprint(RECORD.trim_ascii_end())
        });
        Ok(is_last && found == delivered(&self.peeks[0])?)
    }
}

/// What a `write` said; `None` if the record was not taken.
fn written(write: &Ended) -> Option<Written> {
    let written = || serde_json::from_slice(&write.stdout).ok();
    let written: Option<Written> = (write.code == Some(0)).then(written)?;
    written.filter(|written| written.records == 1)
}

/// The records that a `read --framing json` printed. A last line that is not whole is left out.
pub fn delivered(read: &Ended) -> Result<Vec<Delivered>> {
    let whole = read.stdout.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    whole
        .map(|line| {
            let record: JsonRecord<'_> = serde_json::from_slice(line).context("a record that is no JSON")?;
            let payload = match (record.payload, record.payload_base64) {
                (Some(text), None) => text.into_bytes(),
                (None, Some(text)) => STANDARD.decode(text).context("a payload that is no base64")?,
                _ => bail!("a record with no payload, or with two"),
            };
            Ok(Delivered { id: record.id, events: record.events, fingerprint: fingerprint(&payload) })
        })
        .collect()
}

/// How many records a `read` says that it lost; 0 if it says nothing of it.
pub fn lost(read: &Ended) -> u64 {
    let said = read.stderr.lines().filter_map(|line| line.strip_prefix("forebay: ")?.strip_prefix(LOST));
    said.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok()).sum()
}
