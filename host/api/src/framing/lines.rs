//! A record a line. Lines are bytes: only the newline has a meaning, and it is not part of the record. The same with NUL in place of
//! the newline, for records that hold newlines, such as names of files.

use bytes::{Buf as _, Bytes, BytesMut};

use super::{Cutter, Fault, Part};

/// Cuts at newlines, or at NULs.
#[derive(Debug)]
pub struct Lines {
    /// What ends each record.
    end: u8,
    /// How many bytes at the front of the window hold no newline.
    searched: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self { end: b'\n', searched: 0 }
    }
}

impl Lines {
    /// Cuts at NULs.
    pub fn ended_by_nul() -> Self {
        Self { end: 0, searched: 0 }
    }
}

impl Cutter for Lines {
    fn cut(&mut self, window: &mut BytesMut, max: usize) -> Result<Option<Bytes>, Fault> {
        let new = window.get(self.searched..).unwrap_or_default();
        let Some(found) = memchr::memchr(self.end, new) else {
            self.searched = window.len();
            return if window.len() > max { Err(Fault::TooLong) } else { Ok(None) };
        };
        let length = self.searched + found;
        self.searched = 0;
        if length > max {
            return Err(Fault::TooLong);
        }
        let mut line = window.split_to(length + 1);
        line.truncate(length);
        Ok(Some(line.freeze()))
    }

    fn cut_last(&mut self, window: &mut BytesMut) -> Result<Option<Bytes>, Fault> {
        Ok((!window.is_empty()).then(|| window.split().freeze()))
    }

    fn take_part(&mut self, window: &mut BytesMut) -> Part {
        self.searched = 0;
        let Some(length) = memchr::memchr(self.end, window) else {
            return Part { bytes: window.split().freeze(), is_last: false };
        };
        let bytes = window.split_to(length).freeze();
        window.advance(1);
        Part { bytes, is_last: true }
    }

    fn end_parts(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

/// Adds a line.
pub fn append(into: &mut Vec<u8>, payload: &[u8]) {
    into.extend_from_slice(payload);
    into.push(b'\n');
}

/// Adds a record with a NUL behind it.
pub fn append_nul(into: &mut Vec<u8>, payload: &[u8]) {
    into.extend_from_slice(payload);
    into.push(0);
}
