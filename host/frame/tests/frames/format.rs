//! The bytes are Vector's.

use std::num::NonZeroU32;

use forebay_frame::{
    FrameError, LEDGER_BYTES, LedgerFields, MAX_PAYLOAD_BYTES, RecordId, decode, decode_undelimited, encode,
    frame_bytes, incomplete,
};

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn encoded(id: u64, metadata: u32, events: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, RecordId(id), metadata, NonZeroU32::new(events).unwrap(), payload);
    bytes
}

// Vector must be able to open what we write: these frames are its own.
#[test]
fn frames_are_byte_for_byte_vectors() {
    let hello = "0000000000000028 68656c6c6f000000 18cb1fd600000000 0100000000000000 00000000e4ffffff 0500000000000000";
    let digits = "0000000000000030 3031323334353637 3839000000000000 6215530e00000000 0600000000000000 \
                  01000000dcffffff 0a00000000000000";
    let empty = "0000000000000020 dfefb54600000000 0100000000000000 00000000ecffffff 0000000000000000";
    assert_eq!(encoded(1, 0, 1, b"hello"), unhex(hello));
    assert_eq!(encoded(6, 1, 1, b"0123456789"), unhex(digits));
    assert_eq!(encoded(1, 0, 1, b""), unhex(empty));
}

// Quotas are computed from sizes before anything is encoded.
#[test]
fn frame_bytes_is_the_length_of_the_frame() {
    for payload_bytes in 0..100 {
        let frame = encoded(1, 0, 1, &vec![7; payload_bytes]);
        assert_eq!(frame.len() as u64, frame_bytes(payload_bytes as u64));
    }
    assert_eq!(frame_bytes(u64::MAX), u64::MAX);
    assert_eq!(frame_bytes(u64::MAX - 7), u64::MAX);
}

// Vector must find zeros where it has padding when there is nothing to say, and we must find our count where there is.
#[test]
fn only_a_count_above_one_uses_the_padding() {
    let (one, many) = (encoded(7, 0, 1, b"hello"), encoded(7, 0, 3, b"hello"));
    let padding = |frame: &[u8]| [frame[20..24].to_vec(), frame[44..48].to_vec()].concat();
    assert_eq!(padding(&one), [0; 8]);
    let mut vouched_for = 7_u64.to_be_bytes().to_vec();
    vouched_for.extend(2_u32.to_be_bytes());
    let expected = [2_u32.to_le_bytes(), crc_bit_by_bit(&vouched_for).to_le_bytes()].concat();
    assert_eq!(padding(&many), expected);
    let mut cleared = many;
    cleared[20..24].fill(0);
    cleared[44..48].fill(0);
    assert_eq!(cleared, one);
}

/// CRC-32 as in zlib, bit by bit: not the code under test.
fn crc_bit_by_bit(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

// A reader that decodes from a block has to know how much more to read.
#[test]
fn an_incomplete_frame_says_how_much_it_needs() {
    let frame = encoded(1, 0, 1, b"hello");
    for len in 0..frame.len() {
        let needed = if len < 8 { 8 } else { 48 };
        assert_eq!(decode(&frame[..len]), Err(FrameError::Incomplete { needed }));
        assert_eq!(incomplete(&frame[..len]), Some(needed));
    }
    assert_eq!(incomplete(&frame), None);
}

// A length that no frame has must not make anybody read or wait for more.
#[test]
fn an_impossible_delimiter_is_told_from_an_incomplete_frame() {
    for delimiter in [0, 8, 24, 31, 33, 36, 32 + MAX_PAYLOAD_BYTES + 8, 1 << 40, u64::MAX - 7, u64::MAX] {
        assert_eq!(decode(&delimiter.to_be_bytes()), Err(FrameError::Delimiter), "{delimiter:#x}");
        assert_eq!(incomplete(&delimiter.to_be_bytes()), None, "{delimiter:#x}");
    }
    for delimiter in [32, 40, 32 + MAX_PAYLOAD_BYTES] {
        let needed = delimiter + 8;
        assert_eq!(decode(&delimiter.to_be_bytes()), Err(FrameError::Incomplete { needed }));
    }
}

// Two frames with the same checksum must not be read for each other: the root has to fit its place.
#[test]
fn a_root_that_points_elsewhere_is_refused() {
    let frame = encoded(1, 0, 1, b"0123456789");
    for (field, error) in [
        (24, FrameError::Checksum),
        (40, FrameError::Checksum),
        (44, FrameError::Root),
        (48, FrameError::Root),
    ] {
        let mut frame = frame.clone();
        frame[field] ^= 0x40;
        assert_eq!(decode(&frame), Err(error), "{field}");
    }
    let mut shorter = frame;
    shorter[48] = 9;
    assert_eq!(decode(&shorter), Err(FrameError::Checksum));
}

// The padding holds no data, and an upset bit in it must not cost a record.
#[test]
fn padding_does_not_matter() {
    let mut frame = encoded(1, 0, 1, b"hello");
    frame[13..16].fill(0xff);
    frame[20..24].fill(0xff);
    frame[44..48].fill(0xff);
    let decoded = decode(&frame).unwrap();
    assert_eq!((decoded.payload, decoded.events.get()), (&b"hello"[..], 1));
}

// This is what `Stretch::Undelimited` promises.
#[test]
fn a_frame_is_read_without_the_numbers_that_say_how_long_it_is() {
    for payload in [&b""[..], b"hello", b"01234567", b"0123456789"] {
        let frame = encoded(9, 4, 2, payload);
        let root = frame.len() - 32;
        for damaged in [0..8, root + 20..root + 24, root + 24..root + 28] {
            let mut frame = frame.clone();
            frame[damaged].fill(0x5a);
            let decoded = decode_undelimited(&frame).unwrap();
            assert_eq!((decoded.id, decoded.metadata, decoded.payload), (RecordId(9), 4, payload));
            assert_eq!((decoded.events.get(), decoded.bytes), (2, frame.len() as u64));
        }
        let mut frame = frame;
        frame[root] ^= 1;
        assert_eq!(decode_undelimited(&frame), Err(FrameError::Checksum));
        assert!(decode_undelimited(&frame[..frame.len() - 8]).is_err());
        assert!(decode_undelimited(&frame[..frame.len() - 1]).is_err());
    }
    assert_eq!(decode_undelimited(&[0; 39]), Err(FrameError::Incomplete { needed: 40 }));
}

// Vector and Forebay open each other's directories.
#[test]
fn the_ledger_is_vectors() {
    let bytes: [u8; LEDGER_BYTES] =
        unhex("5902000000000000 0c00 0300 00000000 9600000000000000").try_into().unwrap();
    let fields = LedgerFields {
        writer_next_record: 601,
        writer_data_file: 12,
        reader_data_file: 3,
        reader_last_record: 150,
    };
    assert_eq!(LedgerFields::decode(bytes), fields);
    assert_eq!(fields.encode(), bytes);
}

// Ids never start again: a buffer that reaches the last one must not deliver everything twice.
#[test]
fn ids_do_not_go_round() {
    assert_eq!(RecordId(u64::MAX - 1).after(5), RecordId(u64::MAX));
    assert_eq!(RecordId(1).after(5).to_string(), "6");
}
