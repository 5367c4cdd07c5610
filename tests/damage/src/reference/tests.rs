//! Tests of the reference itself.

use super::*;

/// Swapped and repeated frames leave more than one rising run; only the longest one's length is demanded.
#[test]
fn the_longest_rising_run_counts() {
    for (ids, length) in [
        (&[][..], 0),
        (&[1, 2, 3], 3),
        (&[1, 2, 4, 3, 5], 4),
        (&[9, 1, 2, 3], 3),
        (&[1, 1, 1], 1),
        (&[3, 2, 1], 1),
        (&[5, 6, 1, 2, 3, 7], 4),
    ] {
        assert_eq!(longest_rising_run(ids.iter().copied()), length, "{ids:?}");
    }
}
