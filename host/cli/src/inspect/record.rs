//! One record, byte by byte.

use std::fmt::{self, Write as _};

use anyhow::Context as _;
use forebay::storage::{FileId, data_file_name, native::Snapshot};
use forebay_core::look::Finding;
use forebay_frame::{Source as _, decode, decode_undelimited};
use serde::Serialize;

use crate::print;

/// How many bytes a line shows.
const LINE_BYTES: usize = 16;

/// Where a record lies.
#[derive(Debug, Default)]
pub(super) struct Found {
    file: Option<FileId>,
    place: Option<RecordPlace>,
}

#[derive(Clone, Copy, Debug)]
struct RecordPlace {
    file: FileId,
    offset: u64,
    bytes: u64,
    is_undelimited: bool,
    id: u64,
    events: u64,
}

/// A record as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct ShownRecord {
    /// The id of its first event.
    id: u64,
    events: u64,
    metadata: u32,
    file: String,
    offset: u64,
    bytes: u64,
    payload_bytes: u64,
    /// Whether the numbers are damaged that say how long the frame is. All else is whole.
    length_is_damaged: bool,
    /// The frame: eight bytes of length, the payload, padding, and 32 bytes that describe it.
    frame: Hex,
}

impl Found {
    /// Adds what a look has found, if it is the record with this id.
    pub(super) fn add(&mut self, finding: &Finding, id: u64) {
        match finding {
            Finding::File { file, .. } => self.file = Some(*file),
            Finding::Record { offset, bytes, ids, is_undelimited }
                if (ids.start.0..ids.end.0).contains(&id) =>
            {
                self.place = self.place.or(self.file.map(|file| RecordPlace {
                    file,
                    offset: *offset,
                    bytes: *bytes,
                    is_undelimited: *is_undelimited,
                    id: ids.start.0,
                    events: ids.end.since(ids.start),
                }));
            }
            _ => {}
        }
    }

    /// Reads the record, if it was found.
    pub(super) fn show(&self, snapshot: &Snapshot) -> anyhow::Result<Option<ShownRecord>> {
        let Some(RecordPlace { file, offset, bytes, is_undelimited, id, events }) = self.place else {
            return Ok(None);
        };
        let mut frame = vec![0; usize::try_from(bytes)?];
        let mut source = snapshot.open_data_file(file)?;
        let read = source.read_at(offset, &mut frame)?;
        frame.truncate(read);
        let decoded = if is_undelimited { decode_undelimited(&frame) } else { decode(&frame) };
        let decoded =
            decoded.context("the data file has changed since the record was found: run the command again")?;
        Ok(Some(ShownRecord {
            id,
            events,
            metadata: decoded.metadata,
            file: data_file_name(file),
            offset,
            bytes,
            payload_bytes: u64::try_from(decoded.payload.len())?,
            length_is_damaged: is_undelimited,
            frame: Hex(frame),
        }))
    }
}

impl ShownRecord {
    /// The same for people.
    pub(super) fn text(&self) -> Result<String, fmt::Error> {
        let Self { id, metadata, file, offset, bytes, payload_bytes, frame, .. } = self;
        let (events, payload) = (print::count(self.events, "event"), print::count(*payload_bytes, "byte"));
        let mut text = format!(
            "record {id} in {file} at {offset}: a frame of {bytes} bytes with a payload of {payload}; {events}, metadata {metadata}\n"
        );
        if self.length_is_damaged {
            text.push_str("the numbers are damaged that say how long the frame is; all else is whole\n");
        }
        let mut at = *offset;
        for line in frame.0.chunks(LINE_BYTES) {
            write!(text, "{at:08x} ")?;
            for byte in line {
                write!(text, " {byte:02x}")?;
            }
            let letters = line.iter().map(|byte| match byte {
                b' '..=b'~' => char::from(*byte),
                _ => '.',
            });
            let width = 3 * LINE_BYTES.saturating_sub(line.len());
            writeln!(text, "{:width$}  {}", "", letters.collect::<String>())?;
            at = at.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        }
        Ok(text)
    }
}

/// Bytes, as hexadecimal digits in JSON.
#[derive(Debug)]
struct Hex(Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
