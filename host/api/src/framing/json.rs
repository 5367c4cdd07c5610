//! A record as a JSON object: what lines and lengths cannot show, ids and metadata.

use base64::{DecodeError, Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::Shown;

/// A record as `forebay read --framing json` prints it, and as the API answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonRecord {
    /// Its id.
    pub id: u64,
    /// How many events it holds.
    pub events: u32,
    /// The number that is kept beside it.
    pub metadata: u32,
    payload_base64: String,
}

impl JsonRecord {
    /// Its bytes.
    pub fn payload(&self) -> Result<Vec<u8>, DecodeError> {
        STANDARD.decode(&self.payload_base64)
    }
}

impl From<Shown<'_>> for JsonRecord {
    fn from(record: Shown<'_>) -> Self {
        Self {
            id: record.id,
            events: record.events.get(),
            metadata: record.metadata,
            payload_base64: STANDARD.encode(record.payload),
        }
    }
}

/// Adds an object, with a newline.
pub fn append(into: &mut Vec<u8>, record: &Shown<'_>) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *into, &JsonRecord::from(*record))?;
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
        let record: JsonRecord = serde_json::from_str(line).unwrap();
        assert_eq!(record.payload().unwrap(), b"hi");
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
    }
}
