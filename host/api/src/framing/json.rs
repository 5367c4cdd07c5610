//! A record as a JSON object: what lines and lengths cannot show, ids and metadata.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{NotARecord, Shown};

/// A record as `forebay read --framing json` prints it, and as the API answers it: with a text where its bytes are UTF-8, and with base64
/// where they are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonRecord {
    /// Its id.
    pub id: u64,
    /// How many events it holds.
    pub events: u32,
    /// The number that is kept beside it.
    pub metadata: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

impl JsonRecord {
    /// Its bytes.
    pub fn payload(&self) -> Result<Vec<u8>, NotARecord> {
        match (&self.payload, &self.payload_base64) {
            (Some(text), None) => Ok(text.as_bytes().to_vec()),
            (None, Some(text)) => Ok(STANDARD.decode(text)?),
            _ => Err(NotARecord::Payload),
        }
    }

    fn new(record: &Shown<'_>, payload: Option<String>) -> Self {
        Self {
            id: record.id,
            events: record.events.get(),
            metadata: record.metadata,
            payload_base64: payload.is_none().then(|| STANDARD.encode(record.payload)),
            payload,
        }
    }
}

impl From<Shown<'_>> for JsonRecord {
    fn from(record: Shown<'_>) -> Self {
        Self::new(&record, str::from_utf8(record.payload).ok().map(str::to_owned))
    }
}

/// Adds an object, with a newline.
pub fn append(into: &mut Vec<u8>, record: &Shown<'_>) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *into, &JsonRecord::from(*record))?;
    into.push(b'\n');
    Ok(())
}

/// As [`append`], always with base64: a text may be six times as long as its bytes.
pub fn append_base64(into: &mut Vec<u8>, record: &Shown<'_>) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *into, &JsonRecord::new(record, None))?;
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
        for (line, payload) in [
            (r#"{"id":7,"events":1,"metadata":0,"payload":"hi\n\"ä"}"#, "hi\n\"ä".as_bytes()),
            (r#"{"id":7,"events":1,"metadata":0,"payload_base64":"/w=="}"#, &[255]),
        ] {
            let record: JsonRecord = serde_json::from_str(line).unwrap();
            assert_eq!(record.payload().unwrap(), payload);
            assert_eq!(serde_json::to_string(&record).unwrap(), line);
            let events = std::num::NonZeroU32::MIN;
            assert_eq!(JsonRecord::from(Shown { id: 7, events, metadata: 0, payload }), record);
        }
        let neither: JsonRecord = serde_json::from_str(r#"{"id":7,"events":1,"metadata":0}"#).unwrap();
        assert!(neither.payload().is_err());
    }
}
