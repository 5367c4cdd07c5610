//! What reading and trying Vector's disk buffer showed to be wrong, without a user's complaint: each as a test that it is
//! not so here. See `docs/pains.md`.

use std::fs;

use forebay::{Buffer, RecordId, Simulation, storage::memory::Disk};

use crate::support::{
    Runs, fixtures,
    storage::{data_file, file, ids, ledger, options, read, write},
};

/// A checksum of another kind would make all of Vector's records damaged ones.
#[test]
fn defect_d3_the_checksum_is_crc_32_of_ieee_and_not_crc32c() {
    let mut frame = Vec::new();
    forebay_frame::encode(&mut frame, RecordId(1), 0, std::num::NonZeroU32::MIN, b"hello");
    assert_eq!(frame[16..20], 0xd61f_cb18_u32.to_le_bytes());
}

/// One to seven bytes behind the last frame are too few for a length. Vector's reader looks at them again and again.
#[test]
fn defect_d5_a_few_bytes_behind_the_last_frame_hold_nothing_up() {
    for runs in Runs::ALL {
        for extra in 1..8 {
            let disk = Disk::new();
            disk.put_data_file(file(0), [data_file(1..=5), vec![0xff; extra]].concat());
            disk.put_ledger(Some(ledger(6, 0, 0, 0)));
            let buffer = runs.open(disk.open().unwrap(), options());
            assert_eq!(read(&buffer), ids([1..=5]), "{runs:?}, {extra} bytes");
            write(&buffer, 6..=8);
            assert_eq!(read(&buffer), ids([6..=8]), "{runs:?}, {extra} bytes");
            assert_eq!(disk.data_file(file(0)).unwrap(), data_file(1..=8), "{runs:?}, {extra} bytes");
        }
    }
}

/// A length that leads beyond the end of the file may be a record that is still being written, or a bit that has flipped.
/// Vector's reader waits for the rest, which never comes.
#[test]
fn defect_d6_no_length_is_waited_for() {
    for runs in Runs::ALL {
        for bit in 0..64 {
            let disk = Disk::new();
            let mut bytes = data_file(1..=5);
            let last = data_file(1..=4).len();
            bytes[last + bit / 8] ^= 1 << (bit % 8);
            disk.put_data_file(file(0), bytes);
            disk.put_ledger(Some(ledger(6, 0, 0, 0)));
            let buffer = runs.open(disk.open().unwrap(), options());
            let found = read(&buffer);
            assert!(found.starts_with(&ids([1..=4])), "{runs:?}, bit {bit}: {found:?}");
            assert_eq!(found.len() as u64 + buffer.status().unwrap().lost_events, 5, "{runs:?}, bit {bit}");
            write(&buffer, 6..=8);
            assert_eq!(read(&buffer), ids([6..=8]), "{runs:?}, bit {bit}");
        }
    }
}

/// Zeros at the end of a file make one error for each eight bytes in Vector. They are one loss.
#[test]
fn defect_d7_zeros_are_one_loss() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        disk.put_data_file(file(0), [data_file(1..=5), vec![0; 4096]].concat());
        disk.put_data_file(file(1), data_file(16..=20));
        disk.put_ledger(Some(ledger(21, 1, 0, 0)));
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=5, 16..=20]), "{runs:?}");
        let losses = buffer.take_losses();
        assert_eq!((losses.len(), losses[0].events(), losses[0].bytes), (1, 10, 4096), "{runs:?}");
    }
}

/// Files with other names count as data in Vector's sum of bytes, if they end in `.dat`.
#[test]
fn defect_d8_foreign_files_do_not_count() {
    let directory = fixtures::copy("w100_r40");
    for name in ["notes.dat", "buffer-data-07.dat", "buffer-data-65535.dat", "buffer-data-x.dat"] {
        fs::write(directory.path().join(name), vec![7; 10_000]).unwrap();
    }
    let data = fs::metadata(directory.path().join("buffer-data-0.dat")).unwrap().len();
    let buffer = Buffer::builder(directory.path()).open().unwrap();
    let status = buffer.status().unwrap();
    assert_eq!((status.bytes, status.files), (data, 1));
    assert_eq!(read(&buffer), ids([41..=100]));
    buffer.close().unwrap();
    assert!(directory.path().join("notes.dat").is_file());
}

/// Vector's writer drops what is in its memory when it is closed. Here closing brings everything to the disk.
#[test]
fn defect_d9_closing_makes_everything_durable() {
    for runs in Runs::ALL {
        let disk = Disk::new();
        let buffer = runs.open_in(&Simulation::new(), disk.open().unwrap(), options()).unwrap();
        write(&buffer, 1..=100);
        buffer.close().unwrap();
        disk.power_loss();
        let buffer = runs.open(disk.open().unwrap(), options());
        assert_eq!(read(&buffer), ids([1..=100]), "{runs:?}");
    }
}
