//! What became of the demo's records.

use std::fmt;

/// The account that the demo ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Records that are in the buffer, or were.
    pub(super) written: u64,
    /// Records of which the process that wrote them said so before it died.
    pub(super) confirmed: u64,
    /// Records that came out, each counted once.
    pub(super) delivered: u64,
    /// Records that came out once more, because the process that read them died before it could acknowledge them.
    pub(super) redelivered: u64,
    /// Records that were confirmed and are gone, or came out other than they went in.
    pub(super) lost: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { written, confirmed, delivered, redelivered, lost } = self;
        write!(
            f,
            "written {written} confirmed {confirmed} delivered {delivered} redelivered {redelivered} lost {lost}"
        )
    }
}
