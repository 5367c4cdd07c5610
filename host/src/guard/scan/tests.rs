#![allow(clippy::unwrap_used)]

use std::cell::Cell;

use super::*;
use crate::storage::{Backend, memory::Disk};

const NO_LIMIT: ScanLimits = ScanLimits { max_spans: u32::MAX, max_records: u32::MAX, max_bytes: u64::MAX };

const MIB: u64 = 1 << 20;

/// A data file of this length with frames of 64 KiB in it.
fn long_file(bytes: u64) -> (Box<dyn Backend>, FileId, u64) {
    let (mut content, payload) = (Vec::new(), vec![b'x'; 64 << 10]);
    for id in 1.. {
        if u64::try_from(content.len()).unwrap() >= bytes {
            break;
        }
        forebay_frame::encode(&mut content, RecordId(id), 0, NonZeroU32::MIN, &payload);
    }
    let (disk, file) = (Disk::new(), FileId::new(0).unwrap());
    let length = u64::try_from(content.len()).unwrap();
    disk.put_data_file(file, content);
    (Box::new(disk.open().unwrap()), file, length)
}

fn walk(bytes: u64, elapsed: impl Fn() -> Duration) -> (Found, u64) {
    let (mut backend, file, length) = long_file(bytes);
    let mut subject = Subject {
        backend: &mut *backend,
        file,
        length,
        ceiling: RecordId(u64::MAX),
        next_id: RecordId(u64::MAX),
        follower: None,
        read_bytes: 0,
    };
    let around = Surroundings::at_start(RecordId(u64::MAX));
    Scanner::default().walk_within(&mut subject, 0, around, NO_LIMIT, elapsed).unwrap()
}

/// A thread that runs logic is in the host for as long as one scan takes, whatever the logic asks for.
#[test]
fn one_scan_goes_through_8_mib_at_the_most() {
    let (found, at) = walk(20 * MIB, || Duration::ZERO);
    assert!(found.spans.len() == 1 && (7 * MIB..=8 * MIB).contains(&at), "{at}");
}

/// On a slow disk 8 MiB take seconds.
#[test]
fn one_scan_begins_no_block_after_10_ms() {
    let clock = Cell::new(Duration::ZERO);
    let elapsed = || {
        clock.set(clock.get() + Duration::from_millis(4));
        clock.get()
    };
    let (found, at) = walk(20 * MIB, elapsed);
    // One before the clock is looked at, and two when it says 4 and 8 ms.
    let blocks = at.div_ceil(u64::try_from(super::super::blocks::BLOCK_BYTES).unwrap());
    assert!(blocks == 3 && found.spans.len() == 1, "{at}");
}
