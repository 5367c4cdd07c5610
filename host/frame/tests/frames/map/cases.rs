//! Damage that was met, or thought of, one case at a time.

use forebay_frame::{Fences, FileMap, RecordId, Stretch, first_frame_id};

use crate::{
    data_file::DataFile,
    events::event_array,
    map::reader::{fences, ids, map, read, records_of},
};

/// All ids of a file but some.
fn all_but(file: &DataFile, lost: &[u64]) -> Vec<u64> {
    file.records.iter().map(|record| record.id).filter(|id| !lost.contains(id)).collect()
}

/// What a reader may know of a file.
fn knowledge(file: &DataFile) -> [Fences; 4] {
    let known = fences(file);
    [known, Fences { end: None, ..known }, Fences { min: None, ..known }, Fences::default()]
}

// One flipped bit made a whole data file unreadable: the false length still ends inside the file.
#[test]
fn a_length_bit_of_a_long_file_costs_nothing() {
    let file = DataFile::of(1, vec![vec![7; 100]; 5000].into_iter().chain([vec![8; 70 << 20]]));
    for bit in 22..=26 {
        let mut bytes = file.bytes.clone();
        let record = &file.records[1000];
        bytes[record.start + 7 - bit / 8] ^= 1 << (bit % 8);
        for fences in knowledge(&file) {
            let Ok(map) = FileMap::of(&mut &bytes[..], fences);
            assert_eq!(map.records(), file.records.len() as u64, "bit {bit}, {fences:?}");
        }
    }
}

#[test]
fn swapped_neighbours_cost_one_record_a_pair() {
    let file = DataFile::of(1, (0..200_u8).map(|i| vec![i; usize::from(i % 50)]));
    let mut bytes = file.bytes.clone();
    for pair in [20, 120] {
        let (a, b) = (&file.records[pair], &file.records[pair + 1]);
        bytes[a.start..b.end].rotate_left(a.end - a.start);
    }
    for fences in knowledge(&file) {
        assert_eq!(read(&bytes, fences).len(), 198);
    }
}

#[test]
fn two_damaged_records_among_many_cost_two() {
    let file = DataFile::of(1, vec![b"small"; 100_000]);
    for (a, b) in [(0, 50_000), (10, 99_990), (70_000, 99_999), (5, 6)] {
        let mut bytes = file.bytes.clone();
        for record in [&file.records[a], &file.records[b]] {
            bytes[record.start..record.end].fill(0);
        }
        for fences in knowledge(&file) {
            let Ok(map) = FileMap::of(&mut &bytes[..], fences);
            assert_eq!(map.records(), 99_998, "{a}, {b}, {fences:?}");
        }
    }
}

#[test]
fn a_length_bit_between_two_zeroed_sectors_costs_nothing() {
    let file = DataFile::of(1, (0..195_u8).map(|i| vec![i; 40 + usize::from(i % 7) * 8]));
    let between = file.records.iter().filter(|record| record.start >= 2048 && record.end <= 12_288);
    for record in between {
        for byte in [4, 6, 7] {
            let mut bytes = file.bytes.clone();
            bytes[1536..2048].fill(0);
            bytes[12_288..12_800].fill(0);
            bytes[record.start + byte] ^= 0x10;
            let whole = file.records.iter().filter(|record| {
                let hit = |start, end| record.start < end && record.end > start;
                !hit(1536, 2048) && !hit(12_288, 12_800)
            });
            for fences in knowledge(&file) {
                let delivered = ids(&read(&bytes, fences));
                assert!(whole.clone().all(|record| delivered.contains(&record.id)), "{fences:?}");
            }
        }
    }
}

#[test]
fn a_copy_of_the_first_record_in_front_costs_at_most_that_record() {
    let file = DataFile::of(1, (0..50_u8).map(|i| vec![i; 60]));
    let first = &file.records[0];
    let mut damaged = file.bytes.clone();
    damaged[first.start + 20] ^= 1;
    let bytes = [&file.bytes[first.start..first.end], &damaged].concat();
    for fences in knowledge(&file) {
        let delivered = ids(&read(&bytes, fences));
        assert!(delivered.ends_with(&all_but(&file, &[1])), "{delivered:?}");
    }
}

#[test]
fn a_frame_of_a_later_file_is_rejected_by_the_fence() {
    let file = DataFile::of(1, vec![[3; 60]; 50]);
    let later = DataFile::of(700, [[4; 60]]);
    let bytes = [&file.bytes[..], &later.bytes].concat();
    let map = map(&bytes, Fences { min: None, end: Some(RecordId(51)) });
    assert_eq!(map.records(), 50);
    assert_eq!(map.next_id(), Some(RecordId(51)));
    let misplaced = Stretch::Misplaced { offset: file.bytes.len() as u64, bytes: later.bytes.len() as u64 };
    assert_eq!(map.stretches().last(), Some(&misplaced));
    // The id that follows is no better: it is the first of the next file.
    let next = DataFile::of(51, [[4; 60]]);
    let bytes = [&file.bytes[..], &next.bytes].concat();
    assert_eq!(read(&bytes, fences(&file)).len(), 50);
}

#[test]
fn a_duplicated_frame_is_delivered_once() {
    let file = DataFile::of(1, (0..60_u8).map(|i| vec![i; 30 + usize::from(i)]));
    for (from, to) in [(10, 10), (10, 30), (30, 10), (0, 0), (59, 59)] {
        let (from, to) = (&file.records[from], &file.records[to]);
        let mut bytes = file.bytes.clone();
        bytes.splice(to.start..to.start, file.bytes[from.start..from.end].to_vec());
        for fences in knowledge(&file) {
            let delivered = ids(&read(&bytes, fences));
            // Without a fence, a frame in front that is not the first may count in place of those before it.
            if fences.min.is_some() || to.start > 0 || from.start == 0 {
                assert_eq!(delivered, all_but(&file, &[]), "{fences:?}");
            }
        }
    }
}

#[test]
fn what_follows_the_last_frame_is_unfinished() {
    let file = DataFile::of(1, (0..20_u8).map(|i| vec![i; 30]));
    for rest in
        [&b"x"[..], b"some text that is longer than the overhead of a frame", &[0xff; 100], &[0; 4096]]
    {
        let bytes = [&file.bytes[..], rest].concat();
        for fences in knowledge(&file) {
            let map = map(&bytes, fences);
            let unfinished =
                Stretch::Unfinished { offset: file.bytes.len() as u64, bytes: rest.len() as u64 };
            assert_eq!(map.stretches().last(), Some(&unfinished));
            assert_eq!(map.records(), 20);
        }
    }
}

#[test]
fn a_torn_write_ends_where_the_last_whole_frame_does() {
    let file = DataFile::of(1, (0..20_u8).map(|i| vec![i; 30 + usize::from(i)]));
    let last = file.records.last().unwrap();
    for damaged in [false, true] {
        for len in last.start..last.end {
            let mut bytes = file.bytes[..len].to_vec();
            if damaged {
                bytes[file.records[7].start + 10] ^= 1;
            }
            for end in [None, Some(RecordId(last.id))] {
                let map = map(&bytes, Fences { end, ..fences(&file) });
                assert_eq!(map.records(), if damaged { 18 } else { 19 });
                let unfinished =
                    Stretch::Unfinished { offset: last.start as u64, bytes: (len - last.start) as u64 };
                let expected = (len > last.start).then_some(&unfinished);
                let found = map.stretches().last().filter(|last| matches!(last, Stretch::Unfinished { .. }));
                assert_eq!(found, expected, "cut at {len}");
            }
        }
    }
}

// A complete frame that is damaged is not a torn write, even at the end.
#[test]
fn a_damaged_last_frame_is_not_truncated() {
    let file = DataFile::of(1, (0..20_u8).map(|i| vec![i; 30]));
    let last = file.records.last().unwrap();
    let mut bytes = file.bytes.clone();
    bytes[last.start + 8] ^= 1;
    for fences in knowledge(&file) {
        let damaged = Stretch::Damaged { offset: last.start as u64, bytes: (last.end - last.start) as u64 };
        assert_eq!(map(&bytes, fences).stretches().last(), Some(&damaged));
    }
}

#[test]
fn each_flipped_bit_costs_at_most_its_record() {
    let mut file = DataFile::default();
    for (i, len) in (0..).zip([5, 0, 8, 17, 64, 1, 100, 33, 7, 48]) {
        file.push(file.next_id(), i % 3, 1 + i % 4, &vec![0x41; len]);
    }
    for record in &file.records {
        for bit in record.start * 8..record.end * 8 {
            let mut bytes = file.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            for fences in knowledge(&file) {
                let delivered = ids(&read(&bytes, fences));
                let others = all_but(&file, &[record.id]);
                assert!(others.iter().all(|id| delivered.contains(id)), "bit {bit}, {fences:?}");
            }
        }
    }
}

#[test]
fn the_same_bytes_give_the_same_map() {
    let mut file = DataFile::of(1, (0..100_u8).map(|i| vec![i; 90]));
    for at in (0..file.bytes.len()).step_by(1500) {
        file.bytes[at] ^= 0x11;
    }
    assert_eq!(map(&file.bytes, Fences::default()), map(&file.bytes, Fences::default()));
}

#[test]
fn an_offset_is_in_one_stretch() {
    let mut file = DataFile::of(1, vec![[1; 30]; 9]);
    file.bytes[100] ^= 1;
    let map = map(&file.bytes, Fences::default());
    for offset in 0..file.bytes.len() as u64 {
        let (_, stretch) = map.at(offset).unwrap();
        assert!((stretch.offset()..stretch.end()).contains(&offset));
    }
    assert_eq!(map.at(file.bytes.len() as u64), None);
}

#[test]
fn any_number_of_lengths_may_be_damaged() {
    let mut file = DataFile::of(1, vec![b""; 150_000]);
    for record in &file.records {
        file.bytes[record.start] = 1;
    }
    let Ok(map) = FileMap::of(&mut &file.bytes[..file.bytes.len() - 3], Fences::default());
    assert_eq!(map.records(), 149_999);
}

#[test]
fn a_files_fence_is_its_first_id() {
    let file = DataFile::of(42, [b"first", b"other"]);
    assert_eq!(first_frame_id(&file.bytes[..]), Ok(Some(RecordId(42))));
    let start = &file.records[0];
    for lengths in [start.start..start.start + 8, start.end - 12..start.end - 4] {
        for byte in lengths {
            let mut bytes = file.bytes.clone();
            bytes[byte] ^= 0x18;
            let fence = first_frame_id(&bytes[..]);
            assert!(fence == Ok(None) || fence == Ok(Some(RecordId(42))), "byte {byte}: {fence:?}");
        }
    }
    for len in 0..start.end {
        assert_eq!(first_frame_id(&file.bytes[..len]), Ok(None));
    }
}

// A reader delivers the committed prefix before it has a map, wherever in it the reader starts.
#[test]
fn a_map_continues_what_a_reader_delivered_without_one() {
    let mut file = DataFile::of(10, (0..80_u8).map(|i| vec![i; 70]));
    for at in [5000, 5600, 7000] {
        file.bytes[at] ^= 0x40;
    }
    for fences in knowledge(&file) {
        let map = map(&file.bytes, fences);
        let all = records_of(&file.bytes, &map, 0);
        for start in file.records.iter().map(|record| record.start).take_while(|start| *start < 5000) {
            let expected: Vec<_> = all.iter().filter(|record| record.offset >= start).cloned().collect();
            assert_eq!(records_of(&file.bytes, &map, start), expected);
        }
    }
}

// A protobuf payload may only look like Vector's. The next record's id knows better.
#[test]
fn a_counted_number_gives_way_to_the_next_id() {
    for (next, is_one_run) in [(11, true), (12, true), (13, true), (14, false)] {
        let mut file = DataFile::default();
        file.push(10, 1, 1, &event_array(1, 3));
        file.push(next, 0, 1, b"next");
        let map = map(&file.bytes, Fences::default());
        assert_eq!(map.records(), 2);
        assert_eq!(map.stretches().len(), if is_one_run { 1 } else { 2 }, "{map:?}");
    }
    let mut file = DataFile::default();
    file.push(10, 1, 1, &event_array(1, 3));
    for (end, next_id) in [(None, 13), (Some(11), 11), (Some(12), 12), (Some(20), 13)] {
        let map = map(&file.bytes, Fences { min: None, end: end.map(RecordId) });
        assert_eq!(map.next_id(), Some(RecordId(next_id)), "{end:?}");
    }
}

// A frame of ours states its events: an id that goes back behind it is a fault.
#[test]
fn a_stated_number_does_not_give_way() {
    let mut file = DataFile::default();
    file.push(10, 1, 3, &event_array(1, 3));
    file.push(12, 0, 1, b"back");
    file.push(13, 0, 1, b"next");
    assert_eq!(ids(&read(&file.bytes, Fences::default())), [10, 13]);
}
