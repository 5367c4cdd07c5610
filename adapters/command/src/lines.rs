//! Lines from stdin, as many at a time as there are.

use wasip2::{
    cli::stdin::get_stdin,
    io::streams::{InputStream, StreamError},
};

/// How much is read at a time.
const READ_BYTES: u64 = 64 * 1024;

/// The lines of stdin.
pub(crate) struct Lines {
    stdin: InputStream,
    /// What was read of a line whose end is still to come.
    begun: Vec<u8>,
    is_over: bool,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self { stdin: get_stdin(), begun: Vec::new(), is_over: false }
    }

    /// Waits for the next lines; none at the end. A line that is longer than `max_bytes` is an error before all of it is read.
    pub(crate) fn next(&mut self, max_bytes: u64) -> Result<Vec<Vec<u8>>, String> {
        while !self.is_over {
            match self.stdin.blocking_read(READ_BYTES) {
                Ok(bytes) => self.begun.extend(bytes),
                Err(StreamError::Closed) => {
                    self.is_over = true;
                    let last = std::mem::take(&mut self.begun);
                    return Ok(Some(last).filter(|last| !last.is_empty()).into_iter().collect());
                }
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(format!("stdin cannot be read: {}", error.to_debug_string()));
                }
            }
            let lines = take_lines(&mut self.begun);
            if u64::try_from(self.begun.len()).unwrap_or(u64::MAX) > max_bytes {
                return Err(format!("a line is longer than {max_bytes} bytes"));
            }
            if !lines.is_empty() {
                return Ok(lines);
            }
        }
        Ok(Vec::new())
    }
}

/// Takes the whole lines out of what was read, without their ends.
fn take_lines(begun: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let Some(end) = begun.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
    let rest = begun.split_off(end.saturating_add(1));
    let mut whole = std::mem::replace(begun, rest);
    whole.pop();
    whole.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that is cut where a read ended would be two records.
    #[test]
    fn only_whole_lines_are_taken() {
        let mut begun = b"one\n\ntwo\nthr".to_vec();
        assert_eq!(take_lines(&mut begun), [b"one".to_vec(), b"".to_vec(), b"two".to_vec()]);
        assert_eq!(begun, b"thr");
        assert!(take_lines(&mut begun).is_empty());
        begun.extend(b"ee\n");
        assert_eq!(take_lines(&mut begun), [b"three".to_vec()]);
        assert!(begun.is_empty());
    }
}
