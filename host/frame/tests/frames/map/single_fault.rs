//! One fault in a file costs at most the record that it hits.

use forebay_frame::Stretch;

use crate::{
    data_file::DataFile,
    map::reader::{fences, ids, invented_nothing, map, missing, read},
};

/// Ten records of all kinds of lengths, some of several events.
fn plain_file() -> DataFile {
    let mut file = DataFile::default();
    let mut id = 42;
    for (i, payload_bytes) in (0..).zip([5, 0, 8, 17, 64, 1, 100, 33, 7, 48]) {
        let payload: Vec<u8> =
            (0..=u8::MAX).map(|byte| byte.wrapping_mul(31) ^ 0x40).take(payload_bytes).collect();
        file.push(id, i % 3, 1 + i % 4, &payload);
        id = file.next_id();
    }
    file
}

fn padded(payload_bytes: usize) -> usize {
    payload_bytes.next_multiple_of(8)
}

// Without damage there is nothing to find but what was written.
#[test]
fn an_undamaged_file_is_delivered() {
    let file = plain_file();
    let delivered = read(&file.bytes, fences(&file));
    invented_nothing(&delivered, &file);
    assert_eq!(missing(&file, &delivered), Vec::<&_>::new());
}

// Bits rot one at a time. Padding and the numbers that say how long things are must not even cost their record, except
// where a payload length stays possible.
#[test]
fn a_flipped_bit_costs_at_most_its_record() {
    let file = plain_file();
    for record in &file.records {
        let root = record.end - 32;
        for byte in record.start..record.end {
            for bit in 0..8 {
                let mut bytes = file.bytes.clone();
                bytes[byte] ^= 1 << bit;
                let delivered = read(&bytes, fences(&file));
                invented_nothing(&delivered, &file);
                let payload_end = record.start + 8 + record.payload.len();
                let covered = (record.start + 8..payload_end).contains(&byte)
                    || (root..root + 4).contains(&byte)
                    || (root + 8..root + 20).contains(&byte)
                    || byte == root + 24
                        && padded(record.payload.len() ^ (1 << bit)) == padded(record.payload.len());
                let expected = if covered { vec![record] } else { vec![] };
                assert_eq!(missing(&file, &delivered), expected, "bit {bit} of byte {byte}");
                if covered {
                    let (offset, length) = (record.start as u64, (record.end - record.start) as u64);
                    assert!(
                        map(&bytes, fences(&file))
                            .stretches()
                            .contains(&Stretch::Damaged { offset, bytes: length })
                    );
                }
            }
        }
    }
}

// A write that did not end must be cut exactly where it began, and cost nothing before.
#[test]
fn a_cut_file_is_torn_from_the_cut_record_on() {
    let file = plain_file();
    for len in 0..file.bytes.len() {
        let delivered = read(&file.bytes[..len], fences(&file));
        let whole: Vec<u64> =
            file.records.iter().take_while(|record| record.end <= len).map(|record| record.id).collect();
        assert_eq!(ids(&delivered), whole);
        let end =
            file.records.iter().map(|record| record.end).take_while(|end| *end <= len).last().unwrap_or(0);
        let unfinished = Stretch::Unfinished { offset: end as u64, bytes: (len - end) as u64 };
        let map = map(&file.bytes[..len], fences(&file));
        let expected = if end < len { Some(&unfinished) } else { None };
        let last = map.stretches().last().filter(|last| matches!(last, Stretch::Unfinished { .. }));
        assert_eq!(last, expected, "cut at {len}");
    }
}

// A file system that has grown a file but not yet written it leaves zeros.
#[test]
fn a_tail_of_zeros_is_torn_from_the_first_unwritten_record_on() {
    let file = plain_file();
    for written in 0..file.bytes.len() {
        for zeros in [1, 8, 40, 4096] {
            let mut bytes = file.bytes[..written].to_vec();
            bytes.resize(written + zeros, 0);
            let delivered = read(&bytes, fences(&file));
            invented_nothing(&delivered, &file);
            // Zeros may be what was to be written.
            let untouched = file.records.iter().filter(|record| record.end <= written).count();
            assert!(delivered.len() >= untouched, "{written} bytes, {zeros} zeros: {delivered:?}");
            let map = map(&bytes, fences(&file));
            let is_whole =
                |stretch: &&Stretch| matches!(stretch, Stretch::Run { .. } | Stretch::Undelimited { .. });
            let damages = map.stretches().iter().filter(|stretch| !is_whole(stretch)).count();
            assert!(damages <= 1, "{written} bytes, {zeros} zeros: {map:?}");
        }
    }
}

// So does one that has handed out another file's blocks.
#[test]
fn a_tail_of_garbage_is_torn() {
    let file = plain_file();
    for garbage in
        [&b"x"[..], b"some text that is longer than the overhead of a frame", &[0xff; 100], &[1; 3000]]
    {
        let bytes = [&file.bytes[..], garbage].concat();
        let delivered = read(&bytes, fences(&file));
        assert_eq!(missing(&file, &delivered), Vec::<&_>::new());
        let (offset, length) = (file.bytes.len() as u64, garbage.len() as u64);
        let unfinished = Stretch::Unfinished { offset, bytes: length };
        assert_eq!(map(&bytes, fences(&file)).stretches().last(), Some(&unfinished));
    }
}

// Sectors fail as a whole, and take several records with them.
#[test]
fn an_overwritten_stretch_costs_at_most_the_records_in_it() {
    let file = plain_file();
    for filler in [0, 0xff, 0x5a] {
        for len in [8, 16, 24, 64, 128, 200, 512] {
            for start in (0..file.bytes.len()).step_by(8) {
                let end = (start + len).min(file.bytes.len());
                let mut bytes = file.bytes.clone();
                bytes[start..end].fill(filler);
                let delivered = read(&bytes, fences(&file));
                invented_nothing(&delivered, &file);
                for record in missing(&file, &delivered) {
                    assert!(
                        record.start < end && record.end > start,
                        "{start}..{end} with {filler}: lost {record:?}"
                    );
                }
            }
        }
    }
}

// The length is not covered by the checksum: this is the fault that made Vector's readers wait for ever.
#[test]
fn a_damaged_length_costs_nothing_even_at_a_torn_end() {
    let file = plain_file();
    let cut = file.bytes.len() - 3;
    for record in &file.records[..file.records.len() - 1] {
        for delimiter in [0, 1, 32, 40, 80, 0x7fff_fff8, u64::MAX] {
            let mut bytes = file.bytes[..cut].to_vec();
            bytes[record.start..record.start + 8].copy_from_slice(&delimiter.to_be_bytes());
            let delivered = read(&bytes, fences(&file));
            invented_nothing(&delivered, &file);
            assert_eq!(delivered.len(), file.records.len() - 1, "{record:?} {delimiter:#x}: {delivered:?}");
        }
    }
}
