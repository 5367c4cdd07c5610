//! Which ledger to go by, as a table: observations in, one named decision out.
//!
//! A ledger has no checksum. The sidecar holds a copy of it, and tells whether the buffer was closed and whether the
//! machine has been up since.

/// What was observed before anything was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the columns of a table, in any combination")]
pub(crate) struct Observed {
    /// The ledger can be read.
    pub(crate) has_ledger: bool,
    /// The sidecar holds a copy of the ledger.
    pub(crate) has_copy: bool,
    /// A frame ends at a checkpoint of the sidecar: the copy is of these data files.
    pub(crate) copy_stands: bool,
    /// Ledger and copy are the same.
    pub(crate) agree: bool,
    /// The buffer was closed, and no program has written to the ledger since.
    pub(crate) is_untouched: bool,
    /// The machine has been up since the copy was made.
    pub(crate) is_same_boot: bool,
    /// There are data files with content.
    pub(crate) has_frames: bool,
}

/// Which ledger to go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// There is nothing: the buffer begins.
    Begin,
    /// The ledger that is there.
    Trust,
    /// The sidecar's copy. At worst some records are delivered again.
    TakeCopy,
    /// Each field of the ledger, unless neither the copy nor the frames agree with it.
    CompareFields,
    /// One that is made from the frames.
    BuildFromFrames,
}

pub(crate) fn decide(observed: Observed) -> Decision {
    let Observed { has_ledger, has_copy, copy_stands, agree, is_untouched, is_same_boot, has_frames } =
        observed;
    match (has_ledger, has_copy) {
        (false, _) if has_copy && copy_stands => Decision::TakeCopy,
        (false, _) if has_frames => Decision::BuildFromFrames,
        (false, _) => Decision::Begin,
        (true, false) => Decision::Trust,
        (true, true) if agree => Decision::Trust,
        // No program has written to it, and it is another one than was closed: it is damaged.
        (true, true) if is_untouched => Decision::TakeCopy,
        // Nothing is older than it seems as long as the machine is up: the process went on after the copy was made.
        (true, true) if is_same_boot => Decision::Trust,
        (true, true) => Decision::CompareFields,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Observed = Observed {
        has_ledger: false,
        has_copy: false,
        copy_stands: false,
        agree: false,
        is_untouched: false,
        is_same_boot: false,
        has_frames: false,
    };

    /// Each row says why it is so.
    #[test]
    fn the_table() {
        let ledger = Observed { has_ledger: true, has_frames: true, ..NOTHING };
        let copy = Observed { has_copy: true, copy_stands: true, ..ledger };
        let rows = [
            ("an empty directory", NOTHING, Decision::Begin),
            (
                "no ledger, no copy, frames",
                Observed { has_frames: true, ..NOTHING },
                Decision::BuildFromFrames,
            ),
            ("no ledger, a copy of these files", Observed { has_ledger: false, ..copy }, Decision::TakeCopy),
            (
                "no ledger, a copy of other files",
                Observed { has_ledger: false, copy_stands: false, ..copy },
                Decision::BuildFromFrames,
            ),
            (
                "no ledger, a copy, no files",
                Observed { has_ledger: false, copy_stands: false, has_frames: false, ..copy },
                Decision::Begin,
            ),
            ("a ledger of Vector's", ledger, Decision::Trust),
            ("a clean close", Observed { agree: true, is_untouched: true, ..copy }, Decision::Trust),
            (
                "a ledger bit that flipped after a clean close",
                Observed { is_untouched: true, ..copy },
                Decision::TakeCopy,
            ),
            (
                "the same on the same boot",
                Observed { is_untouched: true, is_same_boot: true, ..copy },
                Decision::TakeCopy,
            ),
            ("the process was killed", Observed { is_same_boot: true, ..copy }, Decision::Trust),
            ("the power failed", copy, Decision::CompareFields),
        ];
        for (name, observed, decision) in rows {
            assert_eq!(decide(observed), decision, "{name}");
        }
    }

    /// What was acknowledged must not come again without a reason: the ledger is given up only where something speaks
    /// against it.
    #[test]
    fn a_readable_ledger_is_never_replaced_as_a_whole_unless_it_is_untouched() {
        for bits in 0..1_u8 << 6 {
            let bit = |at: u8| bits & (1 << at) != 0;
            let observed = Observed {
                has_ledger: true,
                has_copy: bit(0),
                copy_stands: bit(1),
                agree: bit(2),
                is_untouched: bit(3),
                is_same_boot: bit(4),
                has_frames: bit(5),
            };
            let decision = decide(observed);
            assert!(matches!(decision, Decision::Trust | Decision::CompareFields) || observed.is_untouched);
        }
    }
}
