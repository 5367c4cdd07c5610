//! Records to append, a JSON object a line: with metadata and events of their own.

use std::num::NonZeroU32;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use thiserror::Error;

use crate::NewRecord;

/// An object as a client writes it. What `forebay read --framing json` prints is one: its id is ignored. So is what `forebay
/// dead-letters --framing json` prints: the reason is ignored, too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "id")]
    _id: Option<u64>,
    #[serde(rename = "reason")]
    _reason: Option<IgnoredAny>,
    payload: Option<String>,
    payload_base64: Option<String>,
    metadata: Option<u32>,
    events: Option<NonZeroU32>,
}

/// A line that is no record.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotARecord {
    /// It is not an object with these names.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Its payload is not in base64.
    #[error("its payload is not in base64")]
    Base64(#[from] base64::DecodeError),
    /// It has no payload, or two.
    #[error("give it one of `payload` and `payload_base64`")]
    Payload,
}

/// The record that a line holds. It has this number beside it unless it states one.
pub fn parse(line: &[u8], metadata: u32) -> Result<NewRecord, NotARecord> {
    let line: Line = serde_json::from_slice(line)?;
    let payload = match (line.payload, line.payload_base64) {
        (Some(text), None) => Bytes::from(text),
        (None, Some(text)) => Bytes::from(STANDARD.decode(text)?),
        _ => return Err(NotARecord::Payload),
    };
    let events = line.events.unwrap_or(NonZeroU32::MIN);
    Ok(NewRecord { payload, metadata: line.metadata.unwrap_or(metadata), events })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// What was read as JSON can be written again, and a script need not know base64.
    #[test]
    fn a_line_is_what_reading_prints_or_plain_text() {
        let printed = br#"{"id":7,"events":2,"metadata":5,"payload_base64":"aGk="}"#;
        let record = parse(printed, 9).unwrap();
        assert_eq!((&record.payload[..], record.metadata, record.events.get()), (&b"hi"[..], 5, 2));
        let letter = br#"{"id":7,"events":2,"metadata":5,"payload_base64":"aGk=","reason":"it is cursed"}"#;
        assert_eq!(parse(letter, 9).unwrap(), record);
        let plain = parse(br#"{"payload":"hi"}"#, 9).unwrap();
        assert_eq!((&plain.payload[..], plain.metadata, plain.events.get()), (&b"hi"[..], 9, 1));
    }

    /// A mistyped name must not make an empty record of a full one.
    #[test]
    fn a_line_that_is_no_record_is_refused() {
        for line in [
            "",
            "{}",
            r#"{"paylaod":"a"}"#,
            r#"{"payload":"a","payload_base64":"YQ=="}"#,
            r#"{"payload_base64":"!"}"#,
        ] {
            assert!(parse(line.as_bytes(), 0).is_err(), "{line}");
        }
    }
}
