//! Which options and messages are allowed.

use forebay_adapter_bindings::queue::{
    exports::forebay::queue::queue::{Error, Message, Options, WhenFull},
    forebay::{buffer::buffer, staging::staging::Settings},
};

use crate::errors::{Argument, invalid};

const FILE_BYTES_MIN: u64 = 4096;
const FILES_MAX: u64 = 65_534;

/// What the ledger takes, rounded up as Vector does: it counts in the least total size, and nowhere else.
const LEDGER_SHARE_BYTES: u64 = 32;

/// What a frame may take besides its payload, rounded up as Vector does.
const RECORD_OVERHEAD_BYTES: u64 = 48;

/// How many data files there may be beyond twice as many as fill the queue.
const MORE_FILES: u64 = 64;

/// The options by number: "Options" in `wit/queue/README.md`.
const MAX_EVENTS: u16 = 1;
const MAX_RECORD_BYTES: u16 = 2;

/// Options that go together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked {
    max_bytes: u64,
    file_bytes: u64,
    max_events: u64,
    drops_oldest: bool,
    sync_interval_ms: u32,
    max_record_bytes: u64,
}

impl Checked {
    /// Refuses options that do not go together, before anything is done.
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let Options { max_bytes, file_bytes, when_full, sync_interval_ms, more } = options;
        let (max_bytes, file_bytes) = (*max_bytes, *file_bytes);
        if file_bytes < FILE_BYTES_MIN {
            return Err(invalid(Argument::FileBytes));
        }
        if max_bytes < file_bytes.saturating_mul(2).saturating_add(LEDGER_SHARE_BYTES) {
            return Err(invalid(Argument::MaxBytes));
        }
        if max_bytes > file_bytes.saturating_mul(FILES_MAX) {
            return Err(invalid(Argument::TooManyFiles));
        }
        let longest = file_bytes.saturating_sub(RECORD_OVERHEAD_BYTES);
        // The contract gives a frame's length 32 bits.
        let longest = longest.min(u64::from(u32::MAX).saturating_sub(RECORD_OVERHEAD_BYTES));
        let (mut max_events, mut max_record_bytes) = (0, longest);
        for (number, value) in more {
            match (*number, *value) {
                (MAX_EVENTS, events) => max_events = events,
                (MAX_RECORD_BYTES, bytes) if bytes == 0 || bytes > longest => {
                    return Err(invalid(Argument::MaxRecordBytes));
                }
                (MAX_RECORD_BYTES, bytes) => max_record_bytes = bytes,
                _ => return Err(invalid(Argument::UnknownOption)),
            }
        }
        let drops_oldest = matches!(when_full, WhenFull::DropOldest);
        let sync_interval_ms = *sync_interval_ms;
        Ok(Self { max_bytes, file_bytes, max_events, drops_oldest, sync_interval_ms, max_record_bytes })
    }

    /// Refuses messages that no data file could hold.
    pub(crate) fn check(&self, messages: &[Message]) -> Result<(), Error> {
        for message in messages {
            if u64::try_from(message.payload.len()).unwrap_or(u64::MAX) > self.max_record_bytes {
                return Err(invalid(Argument::LongPayload));
            }
            if message.events == 0 {
                return Err(invalid(Argument::NoEvents));
            }
        }
        Ok(())
    }

    pub(crate) fn interval_ns(&self) -> u64 {
        u64::from(self.sync_interval_ms) * 1_000_000
    }

    /// What the guard is told.
    pub(crate) fn settings(&self) -> Settings {
        let full = self.max_bytes.div_ceil(self.file_bytes.max(1));
        let more_files = full.saturating_mul(2).saturating_add(MORE_FILES);
        Settings {
            max_bytes: self.max_bytes,
            file_bytes: self.file_bytes,
            max_events: self.max_events,
            drops_oldest: self.drops_oldest,
            more_files: u32::try_from(more_files).unwrap_or(u32::MAX),
        }
    }

    /// What the logic is told.
    pub(crate) fn for_logic(&self, now_ns: u64) -> buffer::Options {
        buffer::Options {
            max_bytes: self.max_bytes,
            file_bytes: self.file_bytes,
            max_events: self.max_events,
            when_full: if self.drops_oldest {
                buffer::WhenFull::DropOldest
            } else {
                buffer::WhenFull::Reject
            },
            takes_over: false,
            sync_interval_ms: self.sync_interval_ms,
            now_ns,
            more: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(change: impl FnOnce(&mut Options)) -> Result<Checked, u32> {
        let mut options = Options {
            max_bytes: 8224,
            file_bytes: 4096,
            when_full: WhenFull::Reject,
            sync_interval_ms: 500,
            more: Vec::new(),
        };
        change(&mut options);
        Checked::new(&options).map_err(|error| match error {
            Error::Invalid(number) => number,
            _ => 0,
        })
    }

    fn refused(change: impl FnOnce(&mut Options)) -> Option<u32> {
        checked(change).err()
    }

    /// A caller who is told only that something is wrong tries one number after the other.
    #[test]
    fn options_that_are_refused_say_which_they_are() {
        assert_eq!(refused(|_| {}), None, "the least that is allowed");
        assert_eq!(refused(|options| options.file_bytes = 4095), Some(2));
        assert_eq!(refused(|options| options.max_bytes = 8223), Some(3));
        assert_eq!(refused(|options| options.max_bytes = 4096 * 65_535), Some(4));
        assert_eq!(refused(|options| options.more = vec![(3, 1)]), Some(5));
        assert_eq!(refused(|options| options.more = vec![(2, 0)]), Some(6));
        assert_eq!(refused(|options| options.more = vec![(2, 4049)]), Some(6));
        assert_eq!(refused(|options| options.more = vec![(1, 0), (2, 4048)]), None);
    }

    /// One message that is too long must not be found out when the ones before it are placed.
    #[test]
    fn messages_that_no_file_holds_are_refused_before_any_is_placed() {
        let message = |length, events| Message { payload: vec![0; length], metadata: 0, events };
        let check = |more: Vec<(u16, u64)>, message| {
            checked(|options| options.more = more).is_ok_and(|checked| checked.check(&[message]).is_ok())
        };
        assert!(check(vec![], message(4048, 1)));
        assert!(!check(vec![], message(4049, 1)));
        assert!(!check(vec![(2, 10)], message(11, 1)));
        assert!(!check(vec![], message(1, 0)));
    }
}
