//! Records out of an archive, also where it is damaged: what of it is whole is decided as in a data file.

use std::{
    fs::File,
    num::NonZeroU32,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use forebay::RecordId;
use forebay_frame::{
    CountSource, Fences, FileMap, Frame, Source, Stretch, decode, decode_undelimited, first_frame_id,
    incomplete,
};
use serde::Serialize;
use tracing::warn;

use super::ends::{END_BYTES, End, HEAD_BYTES, Head};
use crate::{framing::Shown, remembered::Remembered};

/// How much is read at a time.
const BLOCK_BYTES: u64 = 1 << 20;

/// The longest options that are read.
const OPTIONS_BYTES_MAX: u64 = 64 << 10;

/// An archive that is read.
pub(crate) struct Archive {
    path: PathBuf,
    options: Options,
    body: Part,
    head: Option<Head>,
    end: Option<End>,
    map: FileMap,
}

/// What the buffer remembered, as it is in the file.
#[derive(Debug)]
struct Options {
    bytes: Vec<u8>,
    offset: u64,
}

/// Something that is wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// Where it is, in bytes from the start of the file.
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    /// The first id that is missing there and the one after the last, where any is.
    pub(crate) ids: Option<[u64; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FaultKind {
    /// The head is damaged. No record is.
    Head,
    /// The options that the buffer remembered are damaged. No record is.
    Options,
    /// Damaged bytes.
    Corrupt,
    /// Whole frames that do not belong there.
    Misplaced,
    /// A frame that is whole but for the numbers that say how long it is.
    Length,
    /// A frame whose rest is missing.
    Torn,
    /// The end is missing or damaged: there may have been more records.
    End,
}

/// A part of a file.
#[derive(Debug)]
struct Part {
    file: File,
    from: u64,
    to: u64,
}

impl Archive {
    /// Opens an archive, and reads all of it to know what is whole.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read the archive {}", path.display());
        let file = File::open(path).with_context(cannot)?;
        let metadata = file.metadata().with_context(cannot)?;
        anyhow::ensure!(
            metadata.is_file(),
            "{} is no regular file: an archive is read more than once, so store it in a file first",
            path.display()
        );
        let mut all = Part { file, from: 0, to: metadata.len() };
        let first = all.read(0, to_u64(HEAD_BYTES)).with_context(cannot)?;
        let (head, head_bytes) = (Head::decode(&first), to_u64(Head::bytes_of(&first)));
        let end_at = all.to.saturating_sub(to_u64(END_BYTES)).max(head_bytes.min(all.to));
        let last = all.read(end_at, to_u64(END_BYTES)).with_context(cannot)?;
        let end = End::decode(&last);
        let to = if end.is_some() || End::is_meant(&last) { end_at } else { all.to };
        let options_at = head_bytes;
        let options_bytes = head.map_or(0, |head| head.options_bytes).min(to.saturating_sub(options_at));
        let options = all.read(options_at, options_bytes.min(OPTIONS_BYTES_MAX)).with_context(cannot)?;
        let options_end = options_at.saturating_add(options_bytes);
        let mut body = Part { file: all.file, from: options_end.min(to), to };
        // The first frame is where it belongs: all ids that follow count from it.
        let fences = Fences { min: None, end: end.map(|end| RecordId(end.next_id)) };
        let map = FileMap::of(&mut body, fences).with_context(cannot)?;
        anyhow::ensure!(
            head.is_some() || end.is_some() || map.records() > 0,
            "{} is no archive of `forebay dump`: check the path",
            path.display()
        );
        Ok(Self {
            path: path.to_owned(),
            options: Options { bytes: options, offset: options_at },
            body,
            head,
            end,
            map,
        })
    }

    /// What the buffer remembered; nothing where that is damaged.
    pub(crate) fn options(&self) -> Remembered {
        let text = std::str::from_utf8(&self.options.bytes).ok().filter(|_| !self.has_damaged_options());
        let parsed = text.map_or_else(|| Ok(Remembered::default()), Remembered::parse);
        parsed.unwrap_or_else(|error| {
            warn!(
                error,
                "the options in the archive are of another version: choose them again with 'forebay init'"
            );
            Remembered::default()
        })
    }

    fn has_damaged_options(&self) -> bool {
        let checksum = u64::from(crc32fast::hash(&self.options.bytes));
        self.head.is_some_and(|head| head.options_checksum != checksum)
    }

    /// The first event that was not acknowledged when the archive was made.
    pub(crate) fn first_id(&self) -> RecordId {
        let told = self.end.map(|end| end.first_id).or(self.head.map(|head| head.first_id)).map(RecordId);
        told.or(self.map.first_id()).unwrap_or(RecordId::FIRST)
    }

    /// The id behind all records.
    pub(crate) fn next_id(&self) -> RecordId {
        let told = self.end.map(|end| RecordId(end.next_id));
        told.or(self.map.next_id()).unwrap_or(RecordId::FIRST).max(self.first_id())
    }

    /// How many records are missing that were in the archive; `None` where its end is missing.
    pub(crate) fn missing_records(&self) -> Option<u64> {
        self.end.map(|end| end.records.saturating_sub(self.map.records()))
    }

    /// How many events are missing, of which these were found; `None` where the end is missing.
    pub(crate) fn missing_events(&self, found: u64) -> Option<u64> {
        self.end.map(|end| end.events.saturating_sub(found))
    }

    /// All that is wrong.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut add =
            |kind, offset, bytes, ids: Option<[u64; 2]>| faults.push(Fault { kind, offset, bytes, ids });
        if self.head.is_none() {
            add(FaultKind::Head, 0, self.body.from, None);
        }
        if self.has_damaged_options() {
            add(FaultKind::Options, self.options.offset, to_u64(self.options.bytes.len()), None);
        }
        let stretches = self.map.stretches();
        let mut floor = self.first_id().0;
        for (index, stretch) in stretches.iter().enumerate() {
            let kind = match *stretch {
                Stretch::Run { next_id, .. } => {
                    floor = next_id.0;
                    continue;
                }
                Stretch::Undelimited { id, next_id, .. } => {
                    floor = next_id.0;
                    add(
                        FaultKind::Length,
                        self.body.from + stretch.offset(),
                        stretch.bytes(),
                        Some([id.0, next_id.0]),
                    );
                    continue;
                }
                Stretch::Damaged { .. } => FaultKind::Corrupt,
                Stretch::Misplaced { .. } => FaultKind::Misplaced,
                Stretch::Unfinished { .. } => FaultKind::Torn,
            };
            let follower = stretches.iter().skip(index).find_map(first_id);
            let ids = follower.or(self.end.map(|end| end.next_id)).map(|before| [floor, before]);
            let ids = ids.filter(|[first, before]| first < before);
            add(kind, self.body.from + stretch.offset(), stretch.bytes(), ids);
            // Stretches that follow each other share the ids between two records.
            floor = ids.map_or(floor, |[_, before]| before);
        }
        if self.end.is_none() {
            add(FaultKind::End, self.body.to, 0, None);
        }
        faults
    }

    /// Shows all whole records, in their order.
    pub(crate) fn show_all(
        &mut self,
        mut show: impl FnMut(&Shown<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for stretch in self.map.stretches().to_vec() {
            match stretch {
                Stretch::Run { offset, bytes, next_id, .. } => {
                    self.run(offset, offset.saturating_add(bytes), next_id, &mut show)?;
                }
                Stretch::Undelimited { offset, bytes, next_id, .. } => {
                    let block = self.body.read(offset, bytes)?;
                    let frame = decode_undelimited(&block).with_context(|| self.has_changed())?;
                    show(&shown(&frame, next_id))?;
                }
                Stretch::Damaged { .. } | Stretch::Misplaced { .. } | Stretch::Unfinished { .. } => {}
            }
        }
        Ok(())
    }

    /// Shows the records of a run of whole frames. `behind` is the id that follows it.
    fn run(
        &mut self,
        mut at: u64,
        end: u64,
        behind: RecordId,
        show: &mut impl FnMut(&Shown<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while at < end {
            let mut block = self.body.read(at, BLOCK_BYTES.min(end - at))?;
            if let Some(needed) = incomplete(&block) {
                block = self.body.read(at, needed.min(end - at))?;
            }
            let mut rest = block.as_slice();
            let before = at;
            while let Ok(frame) = decode(rest) {
                at = at.saturating_add(frame.bytes);
                let next_id = if at >= end {
                    behind
                } else if frame.count_source == CountSource::Frame {
                    frame.next_id()
                } else {
                    // How many events its payload holds is for the ids to say.
                    first_frame_id(self.body.from(at))?.unwrap_or(frame.next_id())
                };
                show(&shown(&frame, next_id))?;
                rest = rest.get(usize::try_from(frame.bytes)?..).unwrap_or_default();
            }
            anyhow::ensure!(at > before, self.has_changed());
        }
        Ok(())
    }

    fn has_changed(&self) -> String {
        format!("the archive {} has changed while it was read", self.path.display())
    }
}

/// A record as far as the id that follows it says how many events it holds.
fn shown<'a>(frame: &Frame<'a>, next_id: RecordId) -> Shown<'a> {
    let room = u32::try_from(next_id.since(frame.id)).unwrap_or(u32::MAX);
    let events = frame.events.min(NonZeroU32::new(room).unwrap_or(NonZeroU32::MIN));
    Shown { id: frame.id.0, events, metadata: frame.metadata, payload: frame.payload }
}

/// The id with which a stretch begins that holds records.
fn first_id(stretch: &Stretch) -> Option<u64> {
    match *stretch {
        Stretch::Run { first_id, .. } => Some(first_id.0),
        Stretch::Undelimited { id, .. } => Some(id.0),
        Stretch::Damaged { .. } | Stretch::Misplaced { .. } | Stretch::Unfinished { .. } => None,
    }
}

impl Part {
    /// So many bytes, or as many as there are.
    fn read(&mut self, at: u64, bytes: u64) -> std::io::Result<Vec<u8>> {
        let bytes = bytes.min(self.len().saturating_sub(at));
        let mut block = vec![0; usize::try_from(bytes).map_err(std::io::Error::other)?];
        let read = self.read_at(at, &mut block)?;
        block.truncate(read);
        Ok(block)
    }

    /// The rest of it.
    fn from(&mut self, at: u64) -> Rest<'_> {
        Rest { part: self, from: at }
    }
}

/// What lies behind an offset of a part.
struct Rest<'a> {
    part: &'a mut Part,
    from: u64,
}

impl Source for Rest<'_> {
    type Error = std::io::Error;

    fn len(&self) -> u64 {
        self.part.len().saturating_sub(self.from)
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> std::io::Result<usize> {
        self.part.read_at(self.from.saturating_add(offset), into)
    }
}

impl Source for Part {
    type Error = std::io::Error;

    fn len(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let into = into.get_mut(..wanted).unwrap_or_default();
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = self.from.saturating_add(offset).saturating_add(to_u64(done));
            match self.file.read_at(rest, at) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

fn to_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
