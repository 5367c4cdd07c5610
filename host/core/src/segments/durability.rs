//! How much of a data file is known to be on the disk.

use forebay_types::RecordId;

/// What syncs have made durable of one data file, as the host has seen it under this lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // Five facts that change independently.
pub(crate) struct Durability {
    /// How many bytes from the file's start are durable.
    pub(crate) bytes: u64,
    /// The id after the last record within them.
    pub(crate) next_id: RecordId,
    /// The file's name is durable.
    pub(crate) is_named: bool,
    /// A sync of its bytes has failed: bytes beyond those that were durable before may be lost, whatever later syncs say.
    pub(crate) is_data_suspect: bool,
    /// A sync of the directory has failed that was to make its name durable.
    pub(crate) is_name_suspect: bool,
    /// It was rewritten, and its name may still lead to the file before.
    pub(crate) is_rewritten: bool,
    /// It was truncated under this lock: what was there before may come back.
    pub(crate) is_truncated: bool,
}

impl Durability {
    /// Whether only a rewrite makes the file safe.
    pub(crate) fn is_suspect(&self) -> bool {
        self.is_data_suspect || self.is_name_suspect
    }

    /// A sync has covered so many bytes, with ids below `next_id`.
    pub(crate) fn data_synced(&mut self, bytes: u64, next_id: RecordId) {
        if !self.is_data_suspect {
            self.bytes = self.bytes.max(bytes);
            self.next_id = self.next_id.max(next_id);
        }
    }

    /// A sync of the directory has covered the name.
    pub(crate) fn name_synced(&mut self) {
        self.is_named |= !self.is_name_suspect;
        self.is_rewritten &= self.is_name_suspect;
    }

    /// A sync of the bytes of a file that is `length` bytes long has failed.
    pub(crate) fn data_failed(&mut self, length: u64) {
        // Where all was durable before, there was nothing left to write. A file without bytes had its inode to write.
        self.is_data_suspect |= self.is_truncated || self.bytes < length || length == 0;
    }

    /// The file was truncated. The truncation is durable with the next sync; no byte before it has changed.
    pub(crate) fn truncated(&mut self, length: u64) {
        self.bytes = self.bytes.min(length);
        self.is_truncated = true;
        // What was suspect is gone, if all of it was removed.
        self.is_data_suspect &= self.bytes < length;
    }

    /// A file with the same content has taken its place: its bytes are durable, its name is with the next sync of the
    /// directory.
    pub(crate) fn rewritten(&mut self, length: u64, next_id: RecordId) {
        let next_id = self.next_id.max(next_id);
        *self = Self { bytes: length, next_id, is_rewritten: true, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel answers OK to the sync after a failed one, and the bytes are gone all the same.
    #[test]
    fn after_a_failed_sync_only_a_rewrite_makes_bytes_durable() {
        let mut durability = Durability::default();
        durability.data_synced(100, RecordId(3));
        durability.data_failed(200);
        durability.data_synced(200, RecordId(5));
        assert_eq!((durability.bytes, durability.is_suspect()), (100, true));
        durability.rewritten(200, RecordId(5));
        assert_eq!((durability.bytes, durability.is_suspect(), durability.is_named), (200, false, false));
    }

    /// A file that was durable to its end had nothing left to lose.
    #[test]
    fn a_failed_sync_of_a_durable_file_leaves_nothing_in_doubt() {
        let mut durability = Durability::default();
        durability.data_synced(100, RecordId(3));
        durability.data_failed(100);
        assert!(!durability.is_suspect());
        durability.truncated(50);
        durability.data_failed(50);
        assert!(durability.is_suspect(), "what was truncated may come back");
    }
}
