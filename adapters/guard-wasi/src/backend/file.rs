//! What is done to an open file.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use wasip2::{clocks::wall_clock::Datetime, filesystem::types::Descriptor};

use super::errno::again;

/// Reads from an offset on until `into` is full or the file ends.
pub(super) fn read_full(file: &Descriptor, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let Some(at) = offset.checked_add(to_u64(done)) else { break };
        let wanted = to_u64(rest.len());
        let (bytes, is_end) = again(|| file.read(wanted, at))?;
        let read = bytes.len().min(rest.len());
        rest.iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
        done += read;
        if is_end || read == 0 {
            break;
        }
    }
    Ok(done)
}

/// Writes all of these bytes at an offset.
pub(super) fn write_all(file: &Descriptor, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = again(|| file.write(bytes, at))?;
        let count = usize::try_from(written).unwrap_or(usize::MAX);
        match bytes.get(count..) {
            Some(rest) if count > 0 => bytes = rest,
            _ => return Err(io::Error::other("the host wrote none of the bytes, or more than there are")),
        }
        at = at.saturating_add(written);
    }
    Ok(())
}

/// How long a file is.
pub(super) fn length(file: &Descriptor) -> io::Result<u64> {
    Ok(again(|| file.stat())?.size)
}

/// A time in nanoseconds since 1970.
pub(super) fn unix_ns(time: Datetime) -> u64 {
    time.seconds.saturating_mul(1_000_000_000).saturating_add(time.nanoseconds.into())
}

/// There is one thread, and no panic that is caught.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
