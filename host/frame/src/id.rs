//! The name of a record.

pub use forebay_types::RecordId;
