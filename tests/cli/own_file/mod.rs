//! `buffer.forebay` in real directories, through the library and the binary: whatever became of it, opening goes well, and
//! the counters say what is documented.

mod counters;
mod damaged;
mod elsewhere;

use std::{ffi::OsStr, path::Path};

use forebay::{Amount, Buffer, RecordId, Usage};
use serde_json::Value;

use crate::support::{
    cli::{Ended, run, status},
    fixtures,
    storage::{data_file, ids, options, read, write},
};

const NAME: &str = "buffer.forebay";

fn open(path: &Path) -> Buffer {
    Buffer::builder_with(path, options()).open().unwrap()
}

/// A buffer of 300 records in several files, of which 210 are acknowledged, closed well. It was open twice.
fn make(path: &Path) {
    let buffer = open(path);
    write(&buffer, 1..=200);
    assert_eq!(read(&buffer), ids([1..=200]));
    buffer.reader().ack_through(RecordId(100));
    buffer.close().unwrap();
    let buffer = open(path);
    write(&buffer, 201..=300);
    assert_eq!(read(&buffer), ids([101..=300]));
    buffer.reader().ack_through(RecordId(210));
    buffer.close().unwrap();
}

/// The frames of these records, in bytes.
fn frames(ids: std::ops::RangeInclusive<u64>) -> u64 {
    data_file(ids).len() as u64
}

/// Received, sent, dropped, lost, rejected.
fn amounts(usage: &Usage) -> [Amount; 5] {
    [usage.received, usage.sent, usage.dropped, usage.lost, usage.rejected]
}

/// The same five, as `forebay status` tells them; `None` if it does not know.
fn told(path: &Path) -> Option<[Amount; 5]> {
    let usage = status(path)["usage"].clone();
    let amount = |name: &str| {
        let number = |of: &str| usage[name][of].as_u64().unwrap();
        Amount::new(number("events"), number("bytes"))
    };
    (usage != Value::Null).then(|| ["received", "sent", "dropped", "lost", "rejected"].map(amount))
}

fn events(amounts: [Amount; 5]) -> [u64; 5] {
    amounts.map(|amount| amount.events)
}

/// What has gone through the buffer that [`make`] makes.
fn all_known() -> [Amount; 5] {
    let (received, sent) = (Amount::new(300, frames(1..=300)), Amount::new(210, frames(1..=210)));
    [received, sent, Amount::default(), Amount::default(), Amount::default()]
}

/// What is counted in it when nothing is remembered: what is there.
fn begun_again() -> [Amount; 5] {
    let mut amounts = [Amount::default(); 5];
    amounts[0] = Amount::new(90, frames(211..=300));
    amounts
}

/// Has the binary look at all that waits.
fn peek(path: &Path) -> Ended {
    run([OsStr::new("read"), path.as_os_str(), OsStr::new("--peek")])
}

/// Opens the buffer, in which the last 90 records wait, closes it, and gives the counters.
fn opened(path: &Path, what: &str) -> [Amount; 5] {
    let buffer = open(path);
    assert_eq!(read(&buffer), ids([211..=300]), "{what}");
    let status = buffer.status().unwrap();
    assert_eq!(status.occupancy, Amount::new(90, frames(211..=300)), "{what}");
    assert_eq!(status.usage_lifetime.waiting(), status.occupancy, "{what}");
    buffer.close().unwrap();
    amounts(&status.usage_lifetime)
}

/// The last 90 records as the binary prints them.
fn last_lines() -> Vec<u8> {
    fixtures::lines(211..=300)
}
