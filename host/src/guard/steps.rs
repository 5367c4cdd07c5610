//! The ring of data files: how far one is from another.

use crate::storage::FileId;

/// How many steps lead from one file to another, forwards round the ring.
pub(super) fn distance(from: FileId, to: FileId) -> u32 {
    (u32::from(to.get()) + FileId::MODULUS - u32::from(from.get())) % FileId::MODULUS
}

/// The file that lies so many steps ahead of one, forwards round the ring.
pub(super) fn ahead(from: FileId, steps: u32) -> FileId {
    let number = (u32::from(from.get()) + steps) % FileId::MODULUS;
    u16::try_from(number).ok().and_then(FileId::new).unwrap_or(from)
}
