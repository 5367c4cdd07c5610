//! Each record with its length in front, a big-endian u32: for records that hold newlines.

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

use super::{Cutter, Fault, Part};

/// How long the length is.
const PREFIX: usize = 4;

/// Cuts by lengths.
#[derive(Debug, Default)]
pub struct Length {
    /// How many bytes are still to come of a record of which parts were taken.
    left: usize,
}

/// A record has more bytes than a length of 32 bits can state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a record is too long for a length of 32 bits")]
pub struct TooLongForPrefix;

impl Cutter for Length {
    fn cut(&mut self, window: &mut BytesMut, max: usize) -> Result<Option<Bytes>, Fault> {
        let Some(&prefix) = window.first_chunk::<PREFIX>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
        if length > max {
            return Err(Fault::TooLong);
        }
        if window.len() - PREFIX < length {
            return Ok(None);
        }
        Ok(Some(window.split_to(PREFIX + length).freeze().slice(PREFIX..)))
    }

    fn cut_last(&mut self, window: &mut BytesMut) -> Result<Option<Bytes>, Fault> {
        if window.is_empty() { Ok(None) } else { Err(Fault::Truncated) }
    }

    fn take_part(&mut self, window: &mut BytesMut) -> Part {
        if self.left == 0
            && let Some(&prefix) = window.first_chunk::<PREFIX>()
        {
            self.left = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
            window.advance(PREFIX);
        }
        let bytes = window.split_to(self.left.min(window.len())).freeze();
        self.left -= bytes.len();
        Part { bytes, is_last: self.left == 0 }
    }

    fn end_parts(&mut self) -> Result<(), Fault> {
        if self.left == 0 { Ok(()) } else { Err(Fault::Truncated) }
    }
}

/// Adds a record with its length.
pub fn append(into: &mut Vec<u8>, payload: &[u8]) -> Result<(), TooLongForPrefix> {
    let length = u32::try_from(payload.len()).map_err(|_| TooLongForPrefix)?;
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(payload);
    Ok(())
}
