//! What a buffer has answered, where it is to be compared with what another answers.

use std::fmt::Write as _;

#[derive(Debug, PartialEq, Eq)]
pub struct Log(Option<String>);

impl Log {
    pub fn kept() -> Self {
        Self(Some(String::new()))
    }

    /// Nothing is written down: it would take longer than all the rest.
    pub fn not_kept() -> Self {
        Self(None)
    }

    pub fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(log) = &mut self.0 {
            writeln!(log, "{}", what()).unwrap();
        }
    }
}
