//! Whole frames that lie where they do not belong: a device that writes a block to the wrong place leaves them.
//!
//! If such a frame has an id that was passed, it is refused for that. If its id is yet to come, taking it would make
//! every record from here to there one whose id was passed. It gives itself away: behind it the ids come back.

use crate::{
    assessor::Assessor,
    damage::{Source, Surroundings},
    decode::Frame,
    id::RecordId,
    layout::{self, DELIMITER},
    search::Look,
    window::File,
};

/// How far ahead ids are looked at, in bytes. More than a device writes at once.
const AHEAD_BYTES: u64 = 64 * 1024;

/// What was found out by looking ahead.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// From where it was last looked at up to here, ids only rise.
    rising_to: u64,
    /// Here they come back, to this id.
    back: Option<(u64, RecordId)>,
}

impl Assessor {
    /// Whether a whole frame at `offset` does not belong there although its id was not passed yet: it skips ids that come
    /// soon behind it. A frame that skips none belongs where it is, and so does one whose skipped ids do not come.
    ///
    /// Worth asking only where `frame.id` is above `around.floor`. Where nothing is known, the answer is no.
    pub fn is_stray<S: Source>(
        &mut self,
        source: &mut S,
        offset: u64,
        frame: &Frame<'_>,
        around: Surroundings,
    ) -> Result<bool, S::Error> {
        let len = source.len();
        let end = offset.saturating_add(frame.bytes);
        self.is_stray_within(&mut File { source, len }, end, frame.id, around)
    }

    /// Whether the frame that ends at `end` is one.
    pub(crate) fn is_stray_within<S: Source>(
        &mut self,
        file: &mut File<'_, S>,
        end: u64,
        id: RecordId,
        around: Surroundings,
    ) -> Result<bool, S::Error> {
        if id <= around.floor {
            return Ok(false);
        }
        self.turn_to(file.len);
        let skipped = around.floor..id;
        if let Some((place, back)) = self.ahead.back {
            if end <= place && skipped.contains(&back) {
                return Ok(true);
            }
        }
        let knows_nothing = around.floor <= RecordId(1) && !around.exact;
        let looked = end.saturating_add(AHEAD_BYTES / 2).min(file.len) <= self.ahead.rising_to;
        if knows_nothing || looked || !self.search.affords(AHEAD_BYTES.min(file.len)) {
            return Ok(false);
        }
        let mut at = end;
        let mut highest = id;
        let mut rising = true;
        while at < file.len && at - end <= AHEAD_BYTES {
            match self.search.look(file, at, file.len, &(RecordId(0)..RecordId(u64::MAX)))? {
                Look::Whole { id, .. } if skipped.contains(&id) => {
                    self.ahead.back = Some((at, id));
                    return Ok(true);
                }
                Look::Whole { id, end, .. } => {
                    rising &= id > highest;
                    highest = highest.max(id);
                    at = end;
                }
                Look::Stray | Look::Nothing => match self.beyond_bad(file, at)? {
                    Some(next) => at = next,
                    None => break,
                },
            }
        }
        if rising {
            self.ahead.rising_to = at;
        } else {
            self.search.charge(at - end);
        }
        Ok(false)
    }

    /// Where frames go on behind a bad one, if that is certain.
    fn beyond_bad<S: Source>(&mut self, file: &mut File<'_, S>, at: u64) -> Result<Option<u64>, S::Error> {
        let delimiter = self.search.window.peek::<S, DELIMITER>(file, at)?;
        let stated = delimiter.and_then(layout::stated_frame_bytes);
        if stated.is_some_and(|bytes| at.saturating_add(bytes) > file.len) {
            // It was cut, and all that follows is its payload.
            return Ok(None);
        }
        self.trail(file, at)?.next(file, at).map(Some)
    }
}
