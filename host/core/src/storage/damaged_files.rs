//! How many damaged data files are kept aside.

/// How many are kept at most.
const DAMAGED_FILES_MAX: usize = 8;

/// How many damaged data files stay, of those with these lengths in bytes, the newest first. There is room for a few, and for
/// `bytes_max`, but always for the newest.
pub fn damaged_files_to_keep(lengths: impl IntoIterator<Item = u64>, bytes_max: u64) -> usize {
    let sums = lengths.into_iter().scan(0_u64, |sum, length| {
        *sum = sum.saturating_add(length);
        Some(*sum)
    });
    sums.take(DAMAGED_FILES_MAX).take_while(|sum| *sum <= bytes_max).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_that_there_is_room_for() {
        assert_eq!(damaged_files_to_keep([100, 200, 300, 50], 350), 2);
        assert_eq!(damaged_files_to_keep([100, 200, 50], 350), 3);
        assert_eq!(damaged_files_to_keep([1; 20], 350), DAMAGED_FILES_MAX);
    }

    #[test]
    fn the_newest_stays_however_long_it_is() {
        assert_eq!(damaged_files_to_keep([400, 1], 350), 1);
        assert_eq!(damaged_files_to_keep([u64::MAX, u64::MAX], 0), 1);
    }
}
