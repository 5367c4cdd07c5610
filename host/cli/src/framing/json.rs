//! A JSON object a line: what lines and lengths cannot show, ids and metadata.

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::Shown;

/// A record as `forebay read --framing json` prints it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JsonRecord {
    pub(crate) id: u64,
    pub(crate) events: u32,
    pub(crate) metadata: u32,
    payload_base64: String,
}

impl JsonRecord {
    /// The record that a line holds.
    pub(crate) fn parse(line: &[u8]) -> anyhow::Result<Self> {
        serde_json::from_slice(line).context("this is not a record in JSON")
    }

    /// Its bytes.
    pub(crate) fn payload(&self) -> anyhow::Result<Vec<u8>> {
        STANDARD.decode(&self.payload_base64).context("a payload is not in base64")
    }
}

/// Adds an object, with a newline.
pub(super) fn append(into: &mut Vec<u8>, record: &Shown<'_>) -> anyhow::Result<()> {
    let object = JsonRecord {
        id: record.id.0,
        events: record.events.get(),
        metadata: record.metadata,
        payload_base64: STANDARD.encode(record.payload),
    };
    serde_json::to_writer(&mut *into, &object).context("cannot put a record into JSON")?;
    into.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Scripts take these names and this order apart; they are part of the interface.
    #[test]
    fn an_object_has_the_names_that_are_documented() {
        let line = r#"{"id":7,"events":1,"metadata":0,"payload_base64":"aGk="}"#;
        let record = JsonRecord::parse(line.as_bytes()).unwrap();
        assert_eq!(record.payload().unwrap(), b"hi");
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
    }
}
