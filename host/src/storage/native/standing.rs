//! Whether a data file is still the buffer's.

use std::io;

use rustix::io::Errno;

use crate::storage::TakenAway;

/// Whether a data file is still the buffer's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    #[default]
    Held,
    /// The buffer removes it: nothing in it need reach the disk.
    Released,
    /// Another program has taken it away, or put another file in its place.
    Lost(TakenAway),
}

impl Standing {
    pub(super) fn must_be_held(self) -> io::Result<()> {
        match self {
            Self::Held => Ok(()),
            Self::Released => Err(Errno::NOENT.into()),
            Self::Lost(how) => Err(io::Error::other(how)),
        }
    }
}
