//! Looks for frames where no chain leads: at each multiple of 8, by trailers.

use std::ops::Range;

use crate::{
    checksum,
    id::RecordId,
    layout::{ALIGNMENT, OVERHEAD_BYTES, PAYLOAD_OFFSET, ROOT, ROOT_BYTES, Root, to_usize},
    map::{
        backward::{settled_start, stated_starts},
        frames::Frames,
        piece::{Item, push},
        prefix::{Prefixes, extend, shift},
    },
    source::Source,
    window::{File, Window},
};

/// Frames up to this length are hashed as they are, in bytes.
const SHORT_BYTES: u64 = 1024;

/// What two length statements say lies between two places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The checksum agrees.
    whole: bool,
    /// The length prefix is one of the two statements.
    pub(crate) by_prefix: bool,
    /// All three agree, and the checksum. A series of adjacent ones is one extent.
    plain: bool,
}

/// The frames between two places. None lies in another one, whether that one is whole or not. Of a damaged frame without a
/// length prefix the id must be possible.
pub(crate) fn scan<S: Source>(
    frames: &mut Frames<'_, S>,
    start: u64,
    end: u64,
    ids: Range<RecordId>,
) -> Result<Vec<Item>, S::Error> {
    let mut items = Vec::new();
    for extent in extents(frames, start, end, ids)? {
        if extent.by_prefix {
            frames.walk(extent.start, extent.end, &mut items)?;
        } else {
            let item = frames.item(extent.start, extent.end)?;
            push(&mut items, item);
        }
    }
    Ok(items)
}

/// The same, as what two length statements say lies between two places.
pub(crate) fn extents<S: Source>(
    frames: &mut Frames<'_, S>,
    start: u64,
    end: u64,
    ids: Range<RecordId>,
) -> Result<Vec<Extent>, S::Error> {
    let prefixes = Prefixes::of(&mut frames.file, start, end)?;
    let scan = Scan { prefixes, window: Window::default(), start, ids, found: Vec::new() };
    scan.extents(&mut frames.file, end)
}

struct Scan {
    prefixes: Prefixes,
    window: Window,
    start: u64,
    /// The ids that records can have here.
    ids: Range<RecordId>,
    /// In file order, none within another.
    found: Vec<Extent>,
}

impl Scan {
    fn extents<S: Source>(mut self, file: &mut File<'_, S>, end: u64) -> Result<Vec<Extent>, S::Error> {
        let mut at = self.start.saturating_add(OVERHEAD_BYTES);
        while at <= end {
            let base = at.saturating_sub(SHORT_BYTES).max(self.start);
            let held = self.window.at(file, base, to_usize(at - base))?.len();
            let held_to = base.saturating_add(held.try_into().unwrap_or(0)).min(end);
            if held_to < at {
                break;
            }
            while at <= held_to {
                self.look(file, at)?;
                at += ALIGNMENT;
            }
        }
        Ok(self.found)
    }

    /// Looks for a frame that ends here.
    #[inline]
    fn look<S: Source>(&mut self, file: &mut File<'_, S>, end: u64) -> Result<(), S::Error> {
        let Some(trailer) = self.window.held_from(end - ROOT_BYTES).first_chunk::<ROOT>().copied() else {
            return Ok(());
        };
        let root: Root = zerocopy::transmute!(trailer);
        if stated_starts(&root, end, self.start) == [None, None] {
            return Ok(());
        }
        if let Some((start, by_prefix)) = settled_start(file, &self.window, end, self.start, trailer)? {
            let whole = self.is_whole(file, start, end, &root)?;
            // The trailer of an old frame states a length, too.
            if whole || by_prefix || self.ids.contains(&RecordId(root.id.get())) {
                let plain = whole && by_prefix && root.padded() == Some(end - start - OVERHEAD_BYTES);
                self.add(Extent { start, end, whole, by_prefix, plain });
            }
        }
        Ok(())
    }

    /// Whether the checksum agrees. Hashes and reads about a KiB, however long the frame is.
    fn is_whole<S: Source>(
        &self,
        file: &mut File<'_, S>,
        start: u64,
        end: u64,
        root: &Root,
    ) -> Result<bool, S::Error> {
        let lengths = root.possible_lengths(end - start - OVERHEAD_BYTES);
        let (least, most) = (*lengths.start(), *lengths.end());
        let payload = start + PAYLOAD_OFFSET;
        if end - start <= SHORT_BYTES {
            let bytes = self.window.held_from(payload);
            return Ok(lengths.into_iter().any(|length| {
                bytes.get(..to_usize(length)).is_some_and(|payload| {
                    checksum::of_record(root.id.get(), root.metadata.get(), payload) == root.checksum.get()
                })
            }));
        }
        let header = checksum::after_header(root.id.get(), root.metadata.get()).finalize();
        let Some(before) = self.prefixes.up_to(file, &self.window, payload)? else { return Ok(false) };
        let Some(mut up_to) = self.prefixes.up_to(file, &self.window, payload + least)? else {
            return Ok(false);
        };
        let mut rest = [0; 8];
        if most > least && file.read_at(payload + least, &mut rest)? < rest.len() {
            return Ok(false);
        }
        for (length, byte) in lengths.zip(rest) {
            if shift(header ^ before, length) ^ up_to == root.checksum.get() {
                return Ok(true);
            }
            up_to = extend(up_to, &[byte]);
        }
        Ok(false)
    }

    /// Adds what was found, which ends behind all that was found before.
    fn add(&mut self, extent: Extent) {
        while let Some(last) = self.found.last_mut() {
            if last.end <= extent.start {
                if last.end == extent.start && last.plain && extent.plain {
                    last.end = extent.end;
                    return;
                }
                break;
            }
            let contained =
                last.start > extent.start || last.start == extent.start && !(last.whole && last.by_prefix);
            let crosses_better = (last.whole, last.plain) >= (extent.whole, extent.plain);
            if !contained && crosses_better {
                return;
            }
            self.found.pop();
        }
        self.found.push(extent);
    }
}
