//! How many records of a batch there is room for, in the buffer and in one file.

/// The size of a record as it is offered: its event count << 32 | the length of its frame in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl Size {
    /// How many events it has, and so how many ids it takes.
    #[must_use]
    pub fn events(self) -> u64 {
        self.0 >> 32
    }

    /// The length of its frame.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0 & u64::from(u32::MAX)
    }
}

/// Room, or what takes it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) bytes: u64,
    pub(crate) events: u64,
}

impl Space {
    pub(crate) const NONE: Self = Self { bytes: 0, events: 0 };

    pub(crate) fn and(self, size: Size) -> Self {
        Self {
            bytes: self.bytes.saturating_add(size.bytes()),
            events: self.events.saturating_add(size.events()),
        }
    }

    pub(crate) fn within(self, room: Self) -> bool {
        self.bytes <= room.bytes && self.events <= room.events
    }
}

/// The records at the head of a batch that go to one file together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) records: u32,
    pub(crate) events: u64,
}

impl Head {
    pub(crate) const NONE: Self = Self { records: 0, events: 0 };

    /// As many as the buffer has room for, and the file; an empty file takes one however long it is.
    pub(crate) fn fitting(records: &[u64], room: Space, file_length: u64, file_bytes: u64) -> Self {
        let mut taken = Space::NONE;
        let mut count = 0;
        for record in records {
            let next = taken.and(Size(*record));
            let length = file_length.saturating_add(next.bytes);
            let alone = file_length == 0 && count == 0;
            if !next.within(room) || (length > file_bytes && !alone) {
                break;
            }
            taken = next;
            count += 1;
        }
        Self { records: count, events: taken.events }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Space = Space { bytes: u64::MAX, events: u64::MAX };

    fn size(events: u64, bytes: u64) -> u64 {
        (events << 32) | bytes
    }

    fn sizes(bytes: &[u64]) -> Vec<u64> {
        bytes.iter().map(|bytes| size(1, *bytes)).collect()
    }

    // A file of exactly the limit is what Vector writes too; one byte more is a foreign file.
    #[test]
    fn a_file_is_filled_to_its_last_byte() {
        assert_eq!(Head::fitting(&sizes(&[40, 60, 1]), ROOM, 0, 100), Head { records: 2, events: 2 });
        assert_eq!(Head::fitting(&sizes(&[61]), ROOM, 40, 100), Head { records: 0, events: 0 });
    }

    // Otherwise a record above the file size would be refused for ever.
    #[test]
    fn an_empty_file_takes_one_record_of_any_length() {
        assert_eq!(Head::fitting(&sizes(&[500, 1]), ROOM, 0, 100), Head { records: 1, events: 1 });
    }

    // The last event that finds room is not to be refused.
    #[test]
    fn events_are_counted_and_not_records() {
        let records = [size(3, 40), size(2, 40), size(1, 40)];
        let room = Space { bytes: u64::MAX, events: 5 };
        assert_eq!(Head::fitting(&records, room, 0, 1000), Head { records: 2, events: 5 });
    }
}
