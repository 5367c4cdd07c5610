//! `buffer.forebay` on the simulated disk.

use std::io;

use super::disk::Disk;
use crate::storage::own_file::{Identity, OwnBytes};

/// The file, as one process writes it.
#[derive(Debug)]
pub(super) struct OwnBytesInMemory {
    pub(super) disk: Disk,
    pub(super) process: u64,
}

impl OwnBytes for OwnBytesInMemory {
    fn read(&self) -> io::Result<Vec<u8>> {
        Ok(self.disk.own_file().unwrap_or_default())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let written = self.disk.with(self.process, |state| {
            let hole = at.saturating_sub(state.own_file.live().len());
            state.own_file.write(at - hole, &[&vec![0; hole], bytes].concat());
            Ok(())
        });
        written.map_err(io::Error::other)
    }

    fn sync(&self) -> io::Result<()> {
        let synced = self.disk.with(self.process, |state| {
            let noted = state.own_file.note();
            state.own_file.synced(noted);
            Ok(())
        });
        synced.map_err(io::Error::other)
    }

    fn ledger_changed_ns(&self) -> u64 {
        self.disk.ledger_changes()
    }
}

/// One boot of the machine lasts from power loss to power loss.
pub(super) fn identity(power_losses: u64, disk: u64) -> Identity {
    Identity { boot: u128::from(power_losses).to_be_bytes(), owner: disk }
}
