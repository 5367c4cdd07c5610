//! Sizes that go together, and those that do not.

use forebay::{Options, OptionsError};
use proptest::prelude::*;

/// The longest file for which a total size can be said at all.
const FILE_BYTES_MOST: u64 = (u64::MAX - 32) / 2;

fn sized(file_bytes: u64, max_bytes: u64) -> Options {
    let mut options = Options::default();
    options.file_bytes = file_bytes;
    options.max_bytes = max_bytes;
    options
}

/// What cannot work is refused before anything is touched, and the message says what would do.
#[test]
fn sizes_that_cannot_work_are_refused() {
    let least = Options::FILE_BYTES_MIN;
    for bytes in [0, 1, least - 1] {
        let error = sized(bytes, u64::MAX / 2).check().unwrap_err();
        assert_eq!(error, OptionsError::FileBytes { given: bytes });
    }
    for bytes in [0, least, 2 * least + 31] {
        let error = sized(least, bytes).check().unwrap_err();
        assert_eq!(error, OptionsError::MaxBytes { given: bytes, least: 2 * least + 32 });
        assert!(error.to_string().contains(&(2 * least + 32).to_string()), "{error}");
    }
    for bytes in [0, least - 47, u64::MAX] {
        let mut options = sized(least, 2 * least + 32);
        options.max_record_bytes = Some(bytes);
        let error = options.check().unwrap_err();
        assert_eq!(error, OptionsError::MaxRecordBytes { given: bytes, most: least - 48 });
    }
    // As many files as the ring has room for, and a byte more.
    let most = least * Options::FILES_MAX;
    assert_eq!(sized(least, most).check(), Ok(()));
    let error = sized(least, most + 1).check().unwrap_err();
    assert_eq!(error, OptionsError::TooManyFiles { given: most + 1, file_bytes: least + 1 });
    let mut smallest = sized(least, 2 * least + 32);
    smallest.max_record_bytes = Some(1);
    assert_eq!(smallest.check(), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Less than two files and the ledger's share, and the writer could stand before a file that the reader has not left.
    #[test]
    fn the_least_total_size_is_two_files_and_the_ledgers_share(file_bytes in Options::FILE_BYTES_MIN..=FILE_BYTES_MOST) {
        let least = 2 * file_bytes + 32;
        prop_assert_eq!(sized(file_bytes, least).check(), Ok(()));
        let error = OptionsError::MaxBytes { given: least - 1, least };
        prop_assert_eq!(sized(file_bytes, least - 1).check(), Err(error));
    }
}

proptest! {
    /// The longest record that is taken fills a file and never overfills it: 48 bytes are what a frame takes beside its
    /// payload, 40, rounded up to 16.
    #[test]
    fn the_longest_record_fits_into_an_empty_file(file_bytes in Options::FILE_BYTES_MIN..=u64::from(u32::MAX)) {
        let longest = sized(file_bytes, u64::MAX).record_bytes_max();
        let frame = forebay_frame::frame_bytes(longest);
        prop_assert!(frame <= file_bytes, "{} of {}", frame, file_bytes);
        prop_assert!(file_bytes - frame < 16, "{} of {}", frame, file_bytes);
        prop_assert_eq!(Options::RECORD_OVERHEAD_BYTES, (frame - longest.next_multiple_of(8)).next_multiple_of(16));
    }

    /// Sizes are rounded up, to the next multiple and no further, and no number is too large to ask about.
    #[test]
    fn lengths_are_rounded_up_without_overflow(payload in prop_oneof![0..u64::from(u32::MAX), Just(u64::MAX), u64::MAX - 100..]) {
        let frame = forebay_frame::frame_bytes(payload);
        prop_assert!(frame >= payload);
        if payload < u64::from(u32::MAX) {
            prop_assert!(frame.is_multiple_of(8));
            prop_assert!((40..48).contains(&(frame - payload)));
        }
    }
}
