//! Goes through a data file from one frame to the next, past whatever is damaged.

use std::{num::NonZeroU32, ops::Range};

use crate::{
    assessor::{Assessor, Counted},
    damage::{Damage, Source, Surroundings},
    decode::{self, Frame, FrameError},
    events::CountSource,
    id::RecordId,
    layout::{self, OVERHEAD_BYTES, ROOT, Root, to_usize},
    window::{BLOCK, File, Window},
};

/// What lies next in a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole frame, checked.
    Whole {
        /// Where it starts.
        offset: u64,
        /// The length of the whole frame.
        bytes: u64,
        /// The id of the record's first event.
        id: RecordId,
        /// How many events the record holds.
        events: NonZeroU32,
        /// What the writer says about the payload.
        metadata: u32,
        /// The length of the payload.
        payload_bytes: u64,
        /// Whether the numbers are damaged that say how long the frame's parts are. Nothing is lost by it, but
        /// [`decode`](crate::decode) will not read the frame.
        length_damaged: bool,
    },
    /// Bytes that are lost, with something behind them or as long as a frame; or a frame whose id goes back.
    Corrupt {
        /// Where they start.
        offset: u64,
        /// How many they are.
        bytes: u64,
    },
    /// The rest of the file, which is not a frame.
    Torn {
        /// Where it starts.
        offset: u64,
        /// How long it is.
        bytes: u64,
    },
}

/// Goes through a data file as it was when the walker was made.
///
/// Reads in blocks of 256 KiB; only a frame longer than that is taken into memory whole. Ids go forward: a whole frame
/// with an id that was passed already is [`Step::Corrupt`], and so is one that skips ids which come later.
#[derive(Debug)]
pub struct Walker<S> {
    source: S,
    len: u64,
    offset: u64,
    around: Surroundings,
    /// The id of the record behind the file's last, if somebody has said it.
    follower: Option<RecordId>,
    /// Ids may go back.
    any_order: bool,
    window: Window,
    assessor: Assessor,
    /// Where the payload of the last whole frame is in the file.
    payload: Range<u64>,
}

impl<S: Source> Walker<S> {
    /// Starts at an offset at which a frame starts: 0, or where a walk ended.
    pub fn new(source: S, offset: u64, around: Surroundings) -> Self {
        let len = source.len();
        let (window, assessor) = (Window::default(), Assessor::new());
        let (follower, any_order) = (None, false);
        Self { source, len, offset, around, follower, any_order, window, assessor, payload: 0..0 }
    }

    /// Goes through a file in which any id may come anywhere, and more than once: one of dead letters. Its frames say
    /// themselves how many events they hold.
    pub fn in_any_order(source: S) -> Self {
        let around = Surroundings::at_start(RecordId(u64::MAX));
        Self { any_order: true, ..Self::new(source, 0, around) }
    }

    /// The record that follows the file's last one is known, from another file: where the last record's events were counted
    /// in its payload, they are no more than the ids up to that one.
    #[must_use]
    pub fn followed_by(self, id: RecordId) -> Self {
        Self { follower: Some(id), ..self }
    }

    /// Where the next step starts, in bytes from the start of the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What is known about the place where the next step starts.
    pub fn surroundings(&self) -> Surroundings {
        self.around
    }

    /// The payload of the frame that the last step gave, if that was whole.
    pub fn payload(&self) -> &[u8] {
        let wanted = to_usize(self.payload.end - self.payload.start);
        self.window.held_from(self.payload.start).get(..wanted).unwrap_or_default()
    }

    /// What lies next; `None` at the end of the file. After an error the same step can be tried again.
    #[expect(
        clippy::should_implement_trait,
        reason = "reading can fail, and a step that failed can be tried again"
    )]
    pub fn next(&mut self) -> Result<Option<Step>, S::Error> {
        self.payload = 0..0;
        if self.offset >= self.len {
            return Ok(None);
        }
        let step = match self.frame()? {
            Some(frame) if self.belongs(&frame)? => self.whole(&frame, false)?,
            Some(frame) => self.corrupt(frame.bytes),
            None => self.damaged()?,
        };
        Ok(Some(step))
    }

    /// The frame that starts here.
    fn frame(&mut self) -> Result<Option<Found>, S::Error> {
        let file = &mut File { source: &mut self.source, len: self.len };
        let mut at_least = to_usize(OVERHEAD_BYTES);
        loop {
            let bytes = self.window.at(file, self.offset, at_least)?;
            match decode::decode(bytes) {
                Ok(frame) => return Ok(Some(Found::new(self.offset, &frame, self.around))),
                Err(FrameError::Incomplete { needed }) => {
                    let wanted = to_usize(needed);
                    let end = self.offset.saturating_add(needed);
                    if end > self.len || wanted <= at_least {
                        return Ok(None);
                    }
                    // Memory is spent only on what looks like a frame at its other end as well.
                    if wanted > BLOCK && !is_root(&self.window, file, end, needed)? {
                        return Ok(None);
                    }
                    at_least = wanted;
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// Whether a whole frame may stand here.
    fn belongs(&mut self, frame: &Found) -> Result<bool, S::Error> {
        let file = &mut File { source: &mut self.source, len: self.len };
        let end = self.offset.saturating_add(frame.bytes);
        let admitted = self.around.admits(frame.id);
        Ok(admitted && !self.assessor.is_stray_within(file, end, frame.id, self.around)?)
    }

    fn damaged(&mut self) -> Result<Step, S::Error> {
        let file = &mut File { source: &mut self.source, len: self.len };
        match self.assessor.assess_within(file, self.offset, self.around)? {
            Damage::Length { frame_bytes } => {
                let wanted = to_usize(frame_bytes);
                let bytes = self.window.at(file, self.offset, wanted)?;
                let frame = bytes.get(..wanted).and_then(|bytes| decode::decode_undelimited(bytes).ok());
                match frame.map(|frame| Found::new(self.offset, &frame, self.around)) {
                    Some(frame) if self.belongs(&frame)? => self.whole(&frame, true),
                    _ => Ok(self.corrupt(frame_bytes)),
                }
            }
            Damage::Corrupt { bytes } => Ok(self.corrupt(bytes)),
            Damage::Torn { bytes } => {
                let offset = self.pass(bytes, self.around.after_damage());
                Ok(Step::Torn { offset, bytes })
            }
        }
    }

    fn whole(&mut self, frame: &Found, length_damaged: bool) -> Result<Step, S::Error> {
        let Found { id, metadata, payload_bytes, bytes, .. } = *frame;
        let behind = self.behind();
        let file = &mut File { source: &mut self.source, len: self.len };
        let end = self.offset.saturating_add(bytes);
        let counted = Counted { id, events: frame.events, source: frame.count_source };
        let events = if self.any_order {
            frame.events
        } else {
            self.assessor.events_within(file, end, counted, behind)?
        };
        let offset = self.pass(bytes, frame.after);
        let payload = offset + layout::PAYLOAD_OFFSET;
        self.payload = payload..payload + payload_bytes;
        Ok(Step::Whole { offset, bytes, id, events, metadata, payload_bytes, length_damaged })
    }

    /// The id that follows the file's last record at the latest. A ledger that lags behind says nothing.
    fn behind(&self) -> Option<RecordId> {
        let ceiling = (self.around.ceiling > self.around.floor).then_some(self.around.ceiling);
        self.follower.into_iter().chain(ceiling).min()
    }

    fn corrupt(&mut self, bytes: u64) -> Step {
        let offset = self.pass(bytes, self.around.after_damage());
        Step::Corrupt { offset, bytes }
    }

    /// Goes past so many bytes; gives the offset at which they start.
    fn pass(&mut self, bytes: u64, around: Surroundings) -> u64 {
        debug_assert!(bytes > 0 && bytes <= self.len - self.offset);
        let offset = self.offset;
        self.offset = offset.saturating_add(bytes);
        // Where ids are in any order, what was passed says nothing of what comes.
        if !self.any_order {
            self.around = around;
        }
        offset
    }
}

/// A frame, without its bytes.
#[derive(Clone, Copy)]
struct Found {
    id: RecordId,
    metadata: u32,
    events: NonZeroU32,
    count_source: CountSource,
    payload_bytes: u64,
    bytes: u64,
    after: Surroundings,
}

impl Found {
    fn new(offset: u64, frame: &Frame<'_>, around: Surroundings) -> Self {
        debug_assert!(offset.checked_add(frame.bytes).is_some());
        Self {
            id: frame.id,
            metadata: frame.metadata,
            events: frame.events,
            count_source: frame.count_source,
            payload_bytes: layout::to_u64(frame.payload.len()),
            bytes: frame.bytes,
            after: around.after(frame),
        }
    }
}

/// Whether the bytes that end at `end` are the root of a frame of this length.
fn is_root<S: Source>(
    window: &Window,
    file: &mut File<'_, S>,
    end: u64,
    frame_bytes: u64,
) -> Result<bool, S::Error> {
    let root = window.peek::<S, ROOT>(file, end - layout::ROOT_BYTES)?;
    Ok(root.is_some_and(|root| {
        let root: Root = zerocopy::transmute!(root);
        root.padded() == Some(frame_bytes - OVERHEAD_BYTES)
    }))
}
