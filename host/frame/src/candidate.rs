//! Looks for frames between two damages.
//!
//! A frame counts as a record only if its id is missing at this place, nothing in front of it says that it lies inside
//! another frame, and the frames that follow it lead, without a hole and with rising ids, to where a file can end or break
//! off: the trail, the end of the file, zeros up to there, the start of a sector, or a possible delimiter, which a torn or
//! damaged frame still has. A copy of a data file in a payload is followed by the rest of its frame, where nothing of this
//! is.

use crate::{
    assessor::Assessor,
    damage::{Source, Surroundings},
    id::RecordId,
    layout::{self, DELIMITER, OVERHEAD_BYTES, to_u64},
    search::Look,
    window::File,
};

const DELIMITER_BYTES: u64 = 8;

/// What a device loses at once, in bytes.
const SECTOR_BYTES: u64 = 512;

/// The stretch behind a bad frame in which frames are looked for.
pub(crate) struct Gap {
    /// Where the bad frame starts.
    pub(crate) start: u64,
    /// Where its delimiter says that it ends, if that is within the gap.
    pub(crate) stated: Option<u64>,
    /// The next place on the trail, or the end of the file.
    pub(crate) bound: u64,
    /// Whether `bound` is on the trail.
    pub(crate) on_trail: bool,
    /// What is known where the bad frame starts.
    pub(crate) around: Surroundings,
}

/// Where whole frames lead.
enum Chain {
    /// To where a file can end or go on.
    Anchored,
    /// To where it cannot.
    Adrift { end: u64 },
}

impl Assessor {
    /// The start of the first frame in a gap that counts.
    pub(crate) fn candidate<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        gap: &Gap,
    ) -> Result<Option<u64>, S::Error> {
        if let Some(place) = gap.stated {
            // The delimiter leads here, and a frame is here: two that agree.
            let ids = gap.around.floor..RecordId(u64::MAX);
            if let Look::Whole { .. } = self.search.look(file, place, gap.bound, &ids)? {
                return Ok(Some(place));
            }
        }
        let ids = gap.around.candidates();
        let mut place = gap.stated.unwrap_or(gap.start + OVERHEAD_BYTES);
        while let Some((found, end)) = self.next_delimiter(file, place, gap.bound)? {
            place = match self.search.look(file, found, gap.bound, &ids)? {
                Look::Whole { next, end, .. } => match self.follow(file, end, next, gap)? {
                    Chain::Anchored => return Ok(Some(found)),
                    Chain::Adrift { end } => end,
                },
                // Whatever a frame holds that is damaged, torn or strange, it holds no records.
                Look::Stray | Look::Nothing if end <= gap.bound => end,
                Look::Stray | Look::Nothing => break,
            }
        }
        Ok(None)
    }

    /// The first place from `place` on at which a possible delimiter stands, with room for a frame behind it, and the end
    /// that it states.
    fn next_delimiter<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        mut place: u64,
        bound: u64,
    ) -> Result<Option<(u64, u64)>, S::Error> {
        while place.saturating_add(OVERHEAD_BYTES) <= bound {
            let delimiters = self.search.window.at(file, place, DELIMITER)?.chunks_exact(DELIMITER);
            let looked_at = to_u64(delimiters.len());
            let stated =
                delimiters.map(|bytes| bytes.first_chunk().copied().and_then(layout::stated_frame_bytes));
            let found = stated.zip(0..).find_map(|(stated, skipped)| Some((stated?, skipped)));
            match found {
                Some((bytes, skipped)) => {
                    let found = place + skipped * DELIMITER_BYTES;
                    return Ok(Some((found, found.saturating_add(bytes))));
                }
                // The file has become shorter.
                None if looked_at == 0 => break,
                None => place += looked_at * DELIMITER_BYTES,
            }
        }
        Ok(None)
    }

    /// Follows whole frames to where they lead.
    fn follow<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        mut at: u64,
        mut floor: RecordId,
        gap: &Gap,
    ) -> Result<Chain, S::Error> {
        loop {
            match self.search.look(file, at, gap.bound, &(floor..RecordId(u64::MAX)))? {
                Look::Whole { next, end, .. } => (at, floor) = (end, next),
                Look::Stray => return Ok(Chain::Adrift { end: at }),
                Look::Nothing => break,
            }
        }
        let delimiter = self.search.window.peek::<S, DELIMITER>(file, at)?;
        let stated = delimiter.and_then(layout::stated_frame_bytes).map(|bytes| at.saturating_add(bytes));
        let goes_on = if gap.on_trail {
            stated.is_some_and(|end| end <= gap.bound)
        } else {
            delimiter.is_none() || stated.is_some() || self.trail(file, gap.start)?.is_unwritten(at)
        };
        let anchored = goes_on || at % SECTOR_BYTES == 0;
        Ok(if anchored { Chain::Anchored } else { Chain::Adrift { end: at } })
    }
}
