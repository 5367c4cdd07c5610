//! Says what a damaged place in a data file is.
//!
//! Payloads may hold frames: whoever ships data files through a buffer has them. So a checksum that agrees somewhere is
//! no proof of a record, and these are, the strongest first:
//!
//! 1. The bad frame's own words. Its delimiter, its root's pointer and its root's payload length state where it ends; two
//!    that agree settle it. No other frame's root can point at this one's payload.
//! 2. The trail from the end of the file (see [`Trail`]). It reaches every frame behind the last root that is lost.
//! 3. A delimiter that is possible and states more than the file has: the frame was cut, and everything up to the end of
//!    the file is its payload, whatever that holds.
//! 4. Where two roots are lost, or the end of the file is torn *and* something before it is damaged, frames between the
//!    damages can be found only by looking for them: see [`Gap`]. Only here could what a payload holds be mistaken
//!    for records, if two damages hit its frame, and only with ids that are missing at this place.
//!
//! Two cases stay open, because the bytes are the same whatever happened:
//!
//! * A payload that is itself the rest of a data file from behind a delimiter, with this very record's id in it, looks like
//!   a frame whose delimiter is damaged.
//! * A frame of which the root is lost, and the delimiter damaged to a possible one that states more than the file has,
//!   looks like a frame that was cut. It is called torn, and so is all that follows it.

use std::num::NonZeroU32;

use crate::{
    candidate::Gap,
    damage::{Damage, Source, Surroundings},
    decode::Frame,
    events::CountSource,
    id::RecordId,
    layout::{self, DELIMITER, OVERHEAD_BYTES, ROOT, ROOT_BYTES, Root},
    orphans::Orphans,
    search::Search,
    stray::Ahead,
    trail::Trail,
    window::File,
};

/// Says what damaged places in one data file are.
///
/// It keeps what it finds out from one place to the next, so that going through a file costs time in proportion to the
/// file's length, however many damages there are. Bytes that are there must not change while it is used.
#[derive(Debug, Default)]
pub struct Assessor {
    /// The length of the file that everything else is about.
    len: u64,
    trail: Option<Trail>,
    orphans: Option<Orphans>,
    pub(crate) search: Search,
    pub(crate) ahead: Ahead,
}

impl Assessor {
    /// One that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what the place at `offset` is, where [`decode`](crate::decode) failed.
    pub fn assess<S: Source>(
        &mut self,
        source: &mut S,
        offset: u64,
        around: Surroundings,
    ) -> Result<Damage, S::Error> {
        let len = source.len();
        self.assess_within(&mut File { source, len }, offset, around)
    }

    pub(crate) fn assess_within<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        offset: u64,
        around: Surroundings,
    ) -> Result<Damage, S::Error> {
        self.turn_to(file.len);
        let torn = Damage::Torn { bytes: file.len.saturating_sub(offset) };
        let up_to = |end: u64| Damage::Corrupt { bytes: end - offset };
        let whole_up_to = |end: u64| Damage::Length { frame_bytes: end - offset };
        let Some(delimiter) = self.search.window.peek::<S, DELIMITER>(file, offset)? else {
            return Ok(torn);
        };

        let stated = layout::stated_frame_bytes(delimiter).map(|bytes| offset.saturating_add(bytes));
        let complete = stated.filter(|&end| end <= file.len);
        if let Some(end) = complete {
            let root = self.root(file, offset, end)?;
            let is_own = root.is_some_and(|(root, padded)| root.padded_by_pointer() == Some(padded));
            let fits = |id| if is_own { around.allows(id) } else { around.expects(id) };
            if self.search.is_intact(file, offset, end, fits)? {
                return Ok(whole_up_to(end));
            }
            if is_own {
                return Ok(up_to(end));
            }
        }

        Ok(match self.beyond(file, offset, around, stated)? {
            Beyond::Own { end, intact: true } => whole_up_to(end),
            Beyond::Own { end, intact: false } | Beyond::Another { start: end } => up_to(end),
            Beyond::Nothing => torn,
        })
    }

    /// How many events a whole frame at `offset` holds. Where they were counted in its payload, they are not more than the
    /// id that comes next leaves room for: that of the frame behind it or, at the end of the file, `behind`.
    pub fn events<S: Source>(
        &mut self,
        source: &mut S,
        offset: u64,
        frame: &Frame<'_>,
        behind: Option<RecordId>,
    ) -> Result<NonZeroU32, S::Error> {
        let len = source.len();
        let end = offset.saturating_add(frame.bytes);
        let counted = Counted { id: frame.id, events: frame.events, source: frame.count_source };
        self.events_within(&mut File { source, len }, end, counted, behind)
    }

    /// How many events the record holds whose frame ends at `end`.
    pub(crate) fn events_within<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        end: u64,
        Counted { id, events, source }: Counted,
        behind: Option<RecordId>,
    ) -> Result<NonZeroU32, S::Error> {
        if source != CountSource::Payload || events == NonZeroU32::MIN {
            return Ok(events);
        }
        let next = if end < file.len { self.id_at(file, end)? } else { behind };
        let room = next.and_then(|next| NonZeroU32::new(u32::try_from(next.0.checked_sub(id.0)?).ok()?));
        Ok(room.map_or(events, |room| room.min(events)))
    }

    /// The id of the whole frame at `offset`, if there is one.
    pub(crate) fn id_at<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        offset: u64,
    ) -> Result<Option<RecordId>, S::Error> {
        self.turn_to(file.len);
        self.search.id_at(file, offset)
    }

    /// The trail down to an offset.
    pub(crate) fn trail<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        offset: u64,
    ) -> Result<&mut Trail, S::Error> {
        let trail = match self.trail.take() {
            Some(trail) if trail.covers(offset) => trail,
            _ => Trail::follow(file, offset)?,
        };
        Ok(self.trail.insert(trail))
    }

    /// Forgets what it knows about a file of another length.
    pub(crate) fn turn_to(&mut self, file_len: u64) {
        if self.len != file_len {
            *self = Self { len: file_len, search: Search::new(file_len), ..Self::default() };
        }
    }

    /// What is found when the frame's own delimiter and root do not agree.
    fn beyond<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        offset: u64,
        around: Surroundings,
        stated: Option<u64>,
    ) -> Result<Beyond, S::Error> {
        let trail = self.trail(file, offset)?;
        let bound = trail.next(file, offset)?;
        let on_trail = !trail.is_empty(file);
        let cut = stated.is_some_and(|end| end > file.len);
        if on_trail && self.root(file, offset, bound)?.is_some_and(|(root, padded)| root.states(padded)) {
            let fits = |id| if cut { around.expects(id) } else { around.allows(id) };
            let intact = self.search.is_intact(file, offset, bound, fits)?;
            // What is whole, but has another id, was in the payload of a frame that was cut.
            let held = cut && !intact && self.search.is_intact(file, offset, bound, |_| true)?;
            if !held {
                return Ok(Beyond::Own { end: bound, intact });
            }
        }
        if stated == Some(bound) {
            return Ok(Beyond::Own { end: bound, intact: false });
        }
        if let Some(end) = self.own_end(file, offset, bound, around)? {
            return Ok(Beyond::Own { end, intact: true });
        }
        if cut {
            return Ok(Beyond::Nothing);
        }
        if let Some(end) = stated.filter(|&end| end > bound) {
            // Frames were put over this one's end, perhaps, but its delimiter leads beyond them and back to the trail.
            if self.trail(file, offset)?.next(file, end - 1)? == end {
                return Ok(Beyond::Own { end, intact: false });
            }
        }
        let stated = stated.filter(|&end| end < bound);
        let gap = Gap { start: offset, stated, bound, on_trail, around };
        Ok(match self.candidate(file, &gap)? {
            Some(start) => Beyond::Another { start },
            None if on_trail => Beyond::Another { start: bound },
            None => Beyond::Nothing,
        })
    }

    /// Where the frame at `offset` ends, told by its root alone.
    fn own_end<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        offset: u64,
        bound: u64,
        around: Surroundings,
    ) -> Result<Option<u64>, S::Error> {
        let orphans = match self.orphans.take() {
            Some(orphans) if orphans.covers(offset) => orphans,
            _ => Orphans::find(file, &mut self.search.window, offset..bound, around)?,
        };
        for end in self.orphans.insert(orphans).ends(offset) {
            if self.search.is_intact(file, offset, end, |id| around.expects(id))? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// What would be the root if `start..end` were a frame, and the padded length of the payload.
    fn root<S: Source>(
        &self,
        file: &mut File<'_, S>,
        start: u64,
        end: u64,
    ) -> Result<Option<(Root, u64)>, S::Error> {
        let Some(padded) = (end - start).checked_sub(OVERHEAD_BYTES) else { return Ok(None) };
        let root = self.search.window.peek::<S, ROOT>(file, end - ROOT_BYTES)?;
        Ok(root.map(|root| (zerocopy::transmute!(root), padded)))
    }
}

/// A record's events, and how their number is known.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) id: RecordId,
    pub(crate) events: NonZeroU32,
    pub(crate) source: CountSource,
}

/// What was found behind the start of a bad frame.
enum Beyond {
    /// Its own end.
    Own { end: u64, intact: bool },
    /// The start of another frame, but not its own end.
    Another { start: u64 },
    /// Nothing that is certain.
    Nothing,
}

/// Says what the place at `offset` is, where [`decode`](crate::decode) failed.
///
/// Whoever meets many damages in a file keeps an [`Assessor`] for it: this one starts anew at each, and may read all that
/// is left of the file.
pub fn assess<S: Source>(source: &mut S, offset: u64, around: Surroundings) -> Result<Damage, S::Error> {
    Assessor::new().assess(source, offset, around)
}
