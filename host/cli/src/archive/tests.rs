#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::as_conversions)]

use std::{fs, num::NonZeroU32, path::PathBuf};

use forebay::RecordId;
use forebay_core::{MemoryBlock, ReadRecord};
use proptest::{prelude::*, sample::Index};

use super::{ends::HEAD_BYTES, reading::Archive, writing::ArchiveWriter};
use crate::remembered::Remembered;

/// What is compared of a record.
type Content = (u64, u32, u32, Vec<u8>);

/// Records with ids that rise, some with a gap before them.
fn records() -> impl Strategy<Value = Vec<Content>> {
    let payload = prop::collection::vec(any::<u8>(), 0..200);
    let record =
        (prop_oneof![9 => Just(0_u64), 1 => 1..50_u64], 1..4_u32, prop_oneof![Just(0), 2..9_u32], payload);
    prop::collection::vec(record, 0..40).prop_map(|records| {
        let mut next = 7;
        let placed = records.into_iter().map(|(gap, events, metadata, payload)| {
            let id = next + gap;
            next = id + u64::from(events);
            (id, events, metadata, payload)
        });
        placed.collect()
    })
}

fn next_id(records: &[Content]) -> u64 {
    records.last().map_or(7, |(id, events, ..)| id + u64::from(*events))
}

/// The archive of these records, and where the frame of each ends.
fn archived(records: &[Content]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = Vec::new();
    let mut archive = ArchiveWriter::new(&mut bytes, RecordId(7), &Remembered::default()).unwrap();
    let mut ends = Vec::new();
    let mut end = HEAD_BYTES;
    for (id, events, metadata, payload) in records {
        let frame_bytes = forebay_frame::frame_bytes(payload.len() as u64);
        let record = ReadRecord {
            id: RecordId(*id),
            incarnation: 0,
            events: NonZeroU32::new(*events).unwrap(),
            metadata: *metadata,
            payload: payload.clone().into(),
            frame_bytes,
            block: MemoryBlock::default(),
        };
        archive.add(&[record]).unwrap();
        end += usize::try_from(frame_bytes).unwrap();
        ends.push(end);
    }
    archive.finish(RecordId(7), RecordId(next_id(records))).unwrap();
    (bytes, ends)
}

/// An archive with these bytes, in a file.
fn opened(bytes: &[u8]) -> (anyhow::Result<Archive>, tempfile::TempDir) {
    let directory = tempfile::TempDir::new().unwrap();
    let file: PathBuf = directory.path().join("archive");
    fs::write(&file, bytes).unwrap();
    (Archive::open(&file), directory)
}

fn contents(archive: &mut Archive) -> Vec<Content> {
    let mut contents = Vec::new();
    archive
        .show_all(|record| {
            contents.push((record.id, record.events.get(), record.metadata, record.payload.to_vec()));
            Ok(())
        })
        .unwrap();
    contents
}

proptest! {
    /// An archive is kept for the day on which the buffer is gone.
    #[test]
    fn what_comes_out_is_what_went_in(records in records()) {
        let (bytes, _) = archived(&records);
        let (archive, _directory) = opened(&bytes);
        let mut archive = archive.unwrap();
        prop_assert_eq!(contents(&mut archive), records.clone());
        prop_assert_eq!((archive.first_id(), archive.next_id()), (RecordId(7), RecordId(next_id(&records))));
        let events = records.iter().map(|(_, events, ..)| u64::from(*events)).sum();
        prop_assert_eq!(archive.faults(), vec![]);
        prop_assert_eq!((archive.missing_records(), archive.missing_events(events)), (Some(0), Some(0)));
    }

    /// A disk was full, or a download broke off.
    #[test]
    fn of_a_truncated_archive_all_whole_records_come_out_and_the_loss_is_told(
        records in records(),
        cut in any::<Index>(),
    ) {
        let (bytes, ends) = archived(&records);
        let cut = cut.index(bytes.len());
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let (archive, _directory) = opened(&bytes[..cut]);
        let Ok(mut archive) = archive else {
            prop_assert_eq!(whole, 0);
            prop_assert!(cut < HEAD_BYTES);
            return Ok(());
        };
        prop_assert_eq!(contents(&mut archive), records[..whole].to_vec());
        prop_assert!(archive.missing_records().is_none() && !archive.faults().is_empty());
    }

    /// A bit has changed on a medium that was stored for years.
    #[test]
    fn a_flipped_bit_costs_the_record_that_it_is_in_and_no_other(
        records in records(),
        at in any::<Index>(),
        bit in 0..8_u8,
    ) {
        let (mut bytes, ends) = archived(&records);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (archive, _directory) = opened(&bytes);
        let Ok(mut archive) = archive else {
            // Nothing but the head and the end tell an empty archive.
            prop_assert!(records.is_empty());
            return Ok(());
        };
        let found = contents(&mut archive);
        let hit = ends.iter().position(|end| at < *end).filter(|_| at >= HEAD_BYTES);
        let (mut others, mut uncounted) = (records.clone(), records.clone());
        if let Some(hit) = hit {
            others.remove(hit);
            uncounted[hit].1 = 1;
        }
        prop_assert!([&records, &others, &uncounted].contains(&&found), "{} of {}", found.len(), records.len());
        let events = found.iter().map(|(_, events, ..)| u64::from(*events)).sum();
        let is_told = archive.missing_events(events) != Some(0) || !archive.faults().is_empty();
        prop_assert!(found == records || is_told);
        let missing = (records.len() - found.len()) as u64;
        if hit.is_some() || at < HEAD_BYTES {
            prop_assert_eq!(archive.missing_records(), Some(missing));
        }
        if missing > 0 {
            prop_assert!(!archive.faults().is_empty());
            let id = others_id(&records, hit);
            let named = archive.faults().iter().any(|fault| fault.ids.is_some_and(|[first, end]| (first..end).contains(&id)));
            prop_assert!(named, "{:?} does not name {}", archive.faults(), id);
        }
    }

    /// Anything may be taken for an archive.
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (archive, _directory) = opened(&bytes);
        if let Ok(mut archive) = archive {
            contents(&mut archive);
        }
    }
}

fn others_id(records: &[Content], hit: Option<usize>) -> u64 {
    hit.map_or(0, |hit| records[hit].0)
}
