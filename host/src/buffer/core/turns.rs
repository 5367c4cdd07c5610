//! Whose turn it is. The thread that has the core calls the logic for all who wait, and the logic may take its time: after a
//! while the core is let go, so that others get it, and the thread's own caller gets what there is.

use std::time::Duration;

use super::after;
use crate::buffer::lives::Lives;

/// How long the logic is called in a row. No call follows one that ended later.
const TURN: Duration = Duration::from_millis(20);

/// A turn that does not end.
const NEVER_NS: u64 = u64::MAX;

/// The turn that is under way.
#[derive(Debug)]
pub(super) struct Turn {
    ends_ns: u64,
    /// The logic was not called in it yet: the clock need not be asked.
    is_fresh: bool,
    /// It ended before all was done.
    has_more: bool,
}

impl Default for Turn {
    fn default() -> Self {
        Self { ends_ns: NEVER_NS, is_fresh: false, has_more: false }
    }
}

impl Turn {
    pub(super) fn begin(now_ns: u64) -> Self {
        Self { ends_ns: after(now_ns, TURN), is_fresh: true, has_more: false }
    }

    /// A call of the logic has ended.
    pub(super) fn note_call(&mut self) {
        self.is_fresh = false;
    }

    /// Whether there is to be no further call of the logic in this turn. What is left waits for the next one.
    pub(super) fn is_over(&mut self, lives: &mut Lives) -> bool {
        // A thread that closes does all there is: what the logic may take for that has a limit of its own.
        let is_over = self.ends_ns != NEVER_NS
            && !self.is_fresh
            && !lives.guard().is_closing()
            && lives.now_ns() >= self.ends_ns;
        self.has_more |= is_over;
        is_over
    }

    /// What follows has no end but its own. Whether something was left: it is to be gone on with after others had a moment to take
    /// the core.
    pub(super) fn end(&mut self) -> bool {
        std::mem::take(self).has_more
    }
}
