//! Sizes that go together, and those that do not.

use forebay::{Buffer, Options, OptionsError};
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

/// Who chooses one size has no opinion on the other: its default must not stand in the way.
#[test]
fn a_size_that_was_not_chosen_goes_with_the_one_that_was() {
    let directory = tempfile::TempDir::new().unwrap();
    for (file_bytes, max_bytes) in
        [(Some(4096), None), (Some(600 << 20), None), (None, Some(1 << 20)), (None, None)]
    {
        let mut builder = Buffer::builder(directory.path());
        builder = file_bytes.into_iter().fold(builder, forebay::Builder::file_bytes);
        builder = max_bytes.into_iter().fold(builder, forebay::Builder::max_bytes);
        let locked = builder.lock().unwrap();
        let options = *locked.options();
        assert_eq!(options.file_bytes, file_bytes.unwrap_or(options.file_bytes));
        assert_eq!(options.max_bytes, max_bytes.unwrap_or(options.max_bytes));
        assert!(file_bytes.is_some() || max_bytes.is_some() || options == Options::default());
    }
    // Both were chosen: nothing is changed, and what does not go together is refused.
    assert!(Buffer::builder(directory.path()).file_bytes(4096).max_bytes(1 << 40).lock().is_err());
    assert!(Buffer::builder_with(directory.path(), sized(4096, 1 << 40)).lock().is_err());
}

/// Options that are read from a file, and a choice of the program's own on top: neither may undo the other.
#[test]
fn what_is_chosen_after_all_options_changes_one_of_them() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut options = sized(1 << 20, 16 << 20);
    options.max_events = 7;
    let locked = Buffer::builder_with(directory.path(), options).max_bytes(32 << 20).lock().unwrap();
    options.max_bytes = 32 << 20;
    assert_eq!(*locked.options(), options);
}

proptest! {
    /// Whichever size is chosen, if any other one goes with it, the one that is found does, and the default is kept where
    /// it goes with it.
    #[test]
    fn any_size_that_can_work_gets_one_that_goes_with_it(bits in 12..48_u32, more in any::<u64>()) {
        let size = (1 << bits) + more % (1 << bits);
        let mut by_file = Options::default();
        by_file.set_sizes(Some(size), None);
        prop_assert_eq!((by_file.file_bytes, by_file.check()), (size, Ok(())));
        let mut by_whole = Options::default();
        by_whole.set_sizes(None, Some(size));
        let is_possible = size >= 2 * Options::FILE_BYTES_MIN + 32;
        prop_assert_eq!((by_whole.max_bytes, by_whole.check().is_ok()), (size, is_possible));
        for (found, default) in [(by_file, sized(size, 1 << 30)), (by_whole, sized(128 << 20, size))] {
            prop_assert!(default.check().is_err() || found == default, "{:?}", found);
        }
    }
}
