//! How a buffer is to behave.

use std::{num::NonZeroU32, time::Duration};

use thiserror::Error;

use crate::logic::WhenFull;

/// What a record must have survived before its writer is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing yet: it waits in this process's memory to be written.
    Accepted,
    /// The death of the process: its bytes are in the operating system's cache.
    #[default]
    Written,
    /// Power loss: its bytes, all unacknowledged bytes before it and the name of its file are on the disk.
    Synced,
}

/// The options of a buffer, all sizes in bytes. They are not stored in it: each opening may choose others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The length at which a data file is left for the next one. At least [`FILE_BYTES_MIN`](Self::FILE_BYTES_MIN).
    /// Default: 128 MiB.
    pub file_bytes: u64,
    /// The most that all data files together may hold, acknowledged or not. At least twice `file_bytes` and 32, at most
    /// [`FILES_MAX`](Self::FILES_MAX) times `file_bytes`. Default: 1 GiB, also where `file_bytes` is another than its own: see
    /// [`set_sizes`](Self::set_sizes).
    pub max_bytes: u64,
    /// The longest payload that is taken. `None`: as long as a file can hold, `file_bytes` less 48.
    pub max_record_bytes: Option<u64>,
    /// The most events that may wait unacknowledged; 0 for no limit. Default: 0.
    pub max_events: u64,
    /// What happens to records that do not fit. Default: they wait.
    pub when_full: WhenFull,
    /// Lets the logic drop data files, although there is room, once so many newer events wait. For a
    /// [component](super::Builder::component) of your own: the logic that ships drops nothing before the buffer is full. `None`:
    /// nothing goes while there is room. Default: none.
    pub retain_newest: Option<u64>,
    /// What a record must have survived before its writer is answered. Default: the death of the process.
    pub durability: Durability,
    /// No unacknowledged record stays unsynced for longer than two of these. Default: 500 ms.
    pub sync_interval: Duration,
    /// How many records may be delivered and not acknowledged before delivery pauses. Default: 10,000.
    pub max_unacknowledged_records: usize,
    /// How many bytes of frames may be delivered and not acknowledged before delivery pauses. It pauses also when the blocks of
    /// memory that hold these records take 16 MiB more than this: a consumer that acknowledges all records of a block but one
    /// holds all of it. Default: 64 MiB.
    pub max_unacknowledged_bytes: u64,
    /// How long a consumer may have a record without acknowledging it or giving it back. After that, or up to a sixteenth of
    /// the time later, it counts as given back, and is delivered again. `None`: as long as the buffer is open. Default: none.
    pub lease: Option<Duration>,
    /// Whether a record counts as given back when its last handle is dropped and nothing was said of it, as when its consumer
    /// panics. Otherwise it is delivered again at the next opening, or when its [lease](Self::lease) ends. Default: off.
    pub requeue_on_drop: bool,
    /// How often within a minute a fresh instance of the logic may take over from one that has failed. Once more, and the
    /// buffer stops. Default: 5.
    pub restarts_per_minute: u32,
    /// How often a record may be delivered, since the buffer was opened, and [given back](super::Record::nack). The last time
    /// it is not delivered again: it is added to the file `buffer.dead-letters` in the buffer's directory, and acknowledged
    /// when that is durable. Where that fails, or there is no room, it is delivered again all the same. `None`: there is
    /// no limit. Default: none.
    ///
    /// The file holds frames as data files do, in the order in which the records were given up. Ids may go back in it, which
    /// they never do in a data file: `forebay dead-letters` and `forebay_frame::UnorderedWalk` read it. A record may be in it
    /// twice: if the process or the machine dies before it is acknowledged, or if a record before it is not acknowledged
    /// when the buffer is closed, it is delivered again at the next opening. The file may be moved away at any time.
    pub max_deliveries: Option<NonZeroU32>,
    /// The most that the dead-letter file may hold. Default: 64 MiB.
    pub max_dead_letter_bytes: u64,
    /// A data file that is damaged is kept in the folder `buffer.quarantine` of the buffer's directory when all its records are
    /// acknowledged: the last eight, beyond [`max_bytes`](Self::max_bytes). None is kept while the disk is full. Default: on.
    pub keep_damaged_files: bool,
    /// Records are delivered only to be looked at: they cannot be acknowledged, and no limit pauses their delivery. A directory
    /// must be there, and no file in it is made or changed. Default: off.
    pub peek: bool,
}

impl Options {
    /// The shortest data file that makes sense.
    pub const FILE_BYTES_MIN: u64 = 4096;

    /// The most data files that there may be. One number of the ring always stays free: were all taken, the file behind the
    /// writer's would be the reader's, and a full buffer would look like an empty one whose reader has gone ahead.
    pub const FILES_MAX: u64 = 65_534;

    /// What the ledger takes, rounded up as Vector does: it counts in the least total size, and nowhere else.
    pub const LEDGER_SHARE_BYTES: u64 = 32;

    /// What a frame may take besides its payload, rounded up as Vector does.
    pub const RECORD_OVERHEAD_BYTES: u64 = 48;

    /// Chooses one of the two sizes, or both. One that is not chosen is its default, or what is nearest to that and goes with
    /// the other: [`max_bytes`](Self::max_bytes) as many files as there may be, or as two; [`file_bytes`](Self::file_bytes)
    /// half of the whole, or the share of one file of as many as there may be.
    ///
    /// ```
    /// let mut options = forebay::Options::default();
    /// options.set_sizes(None, Some(64 << 20));
    /// assert!(options.file_bytes < 32 << 20 && options.check().is_ok());
    /// ```
    pub fn set_sizes(&mut self, file_bytes: Option<u64>, max_bytes: Option<u64>) {
        let default = Self::default();
        self.file_bytes = file_bytes.unwrap_or_else(|| {
            let whole = max_bytes.unwrap_or(default.max_bytes);
            let half = whole.saturating_sub(Self::LEDGER_SHARE_BYTES) / 2;
            default.file_bytes.min(half).max(whole.div_ceil(Self::FILES_MAX)).max(Self::FILE_BYTES_MIN)
        });
        self.max_bytes = max_bytes.unwrap_or_else(|| {
            let two = self.file_bytes.saturating_mul(2).saturating_add(Self::LEDGER_SHARE_BYTES);
            default.max_bytes.min(self.file_bytes.saturating_mul(Self::FILES_MAX)).max(two)
        });
    }

    /// The longest payload that is taken.
    pub fn record_bytes_max(&self) -> u64 {
        let fits = self.file_bytes.saturating_sub(Self::RECORD_OVERHEAD_BYTES);
        // The contract gives a frame's length 32 bits.
        let fits = fits.min(u64::from(u32::MAX) - Self::RECORD_OVERHEAD_BYTES);
        self.max_record_bytes.map_or(fits, |chosen| chosen.min(fits))
    }

    /// How much memory delivered records may hold before delivery pauses.
    pub(super) fn unacknowledged_memory_max(&self) -> u64 {
        self.max_unacknowledged_bytes.saturating_add(16 << 20)
    }

    /// How many data files may come to those that are there. Of two that follow each other at least one file's length is
    /// used, so that logic in order never needs so many.
    pub(super) fn files_max(&self) -> usize {
        const MORE: u64 = 64;
        let full = self.max_bytes.div_ceil(self.file_bytes.max(1));
        usize::try_from(full.saturating_mul(2).saturating_add(MORE)).unwrap_or(usize::MAX)
    }

    /// Checks that the sizes go together.
    pub fn check(&self) -> Result<(), OptionsError> {
        if self.file_bytes < Self::FILE_BYTES_MIN {
            return Err(OptionsError::FileBytes { given: self.file_bytes });
        }
        let least = self.file_bytes.saturating_mul(2).saturating_add(Self::LEDGER_SHARE_BYTES);
        if self.max_bytes < least {
            return Err(OptionsError::MaxBytes { given: self.max_bytes, least });
        }
        if self.max_bytes > self.file_bytes.saturating_mul(Self::FILES_MAX) {
            let file_bytes = self.max_bytes.div_ceil(Self::FILES_MAX);
            return Err(OptionsError::TooManyFiles { given: self.max_bytes, file_bytes });
        }
        let most = self.file_bytes - Self::RECORD_OVERHEAD_BYTES;
        match self.max_record_bytes {
            Some(given) if given == 0 || given > most => Err(OptionsError::MaxRecordBytes { given, most }),
            _ => Ok(()),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            file_bytes: 128 << 20,
            max_bytes: 1 << 30,
            max_record_bytes: None,
            max_events: 0,
            when_full: WhenFull::default(),
            retain_newest: None,
            durability: Durability::default(),
            sync_interval: Duration::from_millis(500),
            max_unacknowledged_records: 10_000,
            max_unacknowledged_bytes: 64 << 20,
            lease: None,
            requeue_on_drop: false,
            restarts_per_minute: 5,
            max_deliveries: None,
            max_dead_letter_bytes: 64 << 20,
            keep_damaged_files: true,
            peek: false,
        }
    }
}

/// Sizes that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// The data files would be too short.
    #[error("the file size of {given} bytes is too small; it must be at least {least}", least = Options::FILE_BYTES_MIN)]
    FileBytes {
        /// What was given.
        given: u64,
    },
    /// The buffer could not roll.
    #[error(
        "the maximum size of {given} bytes is too small; it must be at least {least}, twice the file size and 32 bytes"
    )]
    MaxBytes {
        /// What was given.
        given: u64,
        /// The least that would do.
        least: u64,
    },
    /// There are not as many numbers for data files as the buffer would need.
    #[error(
        "the maximum size of {given} bytes is too large for {max} files, which is the most that there may be; it needs a \
         file size of at least {file_bytes}",
        max = Options::FILES_MAX
    )]
    TooManyFiles {
        /// The maximum size that was given.
        given: u64,
        /// The least file size that would do.
        file_bytes: u64,
    },
    /// Records would not fit into a file.
    #[error(
        "the maximum record size of {given} bytes does not fit; it must be from 1 to {most}, the file size less 48"
    )]
    MaxRecordBytes {
        /// What was given.
        given: u64,
        /// The most that would do.
        most: u64,
    },
}
