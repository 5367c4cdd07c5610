//! Power losses with luck: all that may survive does in some of them, and what was synced in all.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use super::super::tests::{file, ledger, prepared, sync};
use super::*;
use crate::storage::{Backend, SyncTarget};

/// Seeds enough that all happens that may.
fn seeds() -> impl Iterator<Item = u64> {
    1..200
}

/// What a disk keeps beyond what it must is not for a program to rely on, nor to rule out.
#[test]
fn any_of_what_was_not_synced_may_survive_a_power_loss() {
    let mut left = BTreeSet::new();
    for seed in seeds() {
        let (disk, mut buffer) = prepared();
        buffer.append(file(0), 6, b", written").unwrap();
        for next in [8, 9] {
            buffer.store_ledger(ledger(next)).unwrap();
            buffer.create_file(file(u16::try_from(next).unwrap())).unwrap();
        }
        disk.power_loss_with(Luck::of(seed));
        let bytes = disk.data_file(file(0)).unwrap();
        assert!(bytes.starts_with(b"synced"), "seed {seed}: {bytes:?}");
        left.insert(format!("{} bytes", bytes.len()));
        left.insert(format!("zeros: {}", bytes.contains(&0)));
        left.insert(format!("next {}", disk.ledger().unwrap().writer_next_record.0));
        let names: Vec<_> = disk.data_files().into_iter().map(|(file, _)| file.get()).collect();
        left.insert(format!("files {names:?}"));
    }
    let wanted = (6..=15).map(|bytes| format!("{bytes} bytes"));
    let wanted =
        wanted.chain(["zeros: false", "zeros: true", "next 7", "next 8", "next 9"].map(str::to_owned));
    let names = ["files [0]", "files [0, 8]", "files [0, 8, 9]", "files [0, 9]"].map(str::to_owned);
    assert_eq!(left, wanted.chain(names).collect());
}

/// A removal may survive without what was made after it, and a cut without what was written behind it.
#[test]
fn a_file_that_was_removed_or_cut_may_be_there_or_not() {
    let mut left = BTreeSet::new();
    for seed in seeds() {
        let (disk, mut buffer) = prepared();
        buffer.append(file(0), 6, b"+torn").unwrap();
        sync(&mut buffer, SyncTarget::Data(file(0))).unwrap();
        buffer.truncate_file(file(0), 6).unwrap();
        disk.power_loss_with(Luck::of(seed));
        left.insert(disk.data_file(file(0)).unwrap().len());

        let (disk, mut buffer) = prepared();
        buffer.remove_file(file(0)).unwrap();
        buffer.create_file(file(0)).unwrap();
        buffer.append(file(0), 0, b"new").unwrap();
        sync(&mut buffer, SyncTarget::Data(file(0))).unwrap();
        disk.power_loss_with(Luck { names: seed, ..Luck::NONE });
        let bytes = disk.data_file(file(0));
        assert!([None, Some(&b"new"[..]), Some(b"synced")].contains(&bytes.as_deref()), "{bytes:?}");
        left.insert(bytes.map_or(0, |bytes| if bytes == b"new" { 3 } else { 1 }));
    }
    assert_eq!(left, [0, 1, 3, 6, 11].into());
}

/// What a failed sync was to write may be on the disk after all, each sector of it by itself.
#[test]
fn of_what_a_failed_sync_was_to_write_any_sector_may_survive() {
    let mut left = BTreeSet::new();
    for seed in seeds() {
        let (disk, mut buffer) = prepared();
        buffer.append(file(0), 6, &[b'x'; 1024]).unwrap();
        disk.fail_sync(SyncTarget::Data(file(0)), 1);
        sync(&mut buffer, SyncTarget::Data(file(0))).unwrap_err();
        sync(&mut buffer, SyncTarget::Data(file(0))).unwrap();
        disk.power_loss_with(Luck { sectors: seed, ..Luck::NONE });
        let bytes = disk.data_file(file(0)).unwrap();
        assert_eq!((bytes.len(), &bytes[..6]), (1030, &b"synced"[..]));
        left.insert([6, 512, 1024].map(|at| bytes[at] == b'x'));
    }
    assert_eq!(left.len(), 8, "{left:?}");
}

/// A history that has failed must fail again.
#[test]
fn the_same_seed_leaves_the_same() {
    for seed in seeds() {
        let left = [0, 1].map(|_| {
            let (disk, mut buffer) = prepared();
            for number in 1..6 {
                buffer.create_file(file(number)).unwrap();
                buffer.append(file(number), 0, b"written").unwrap();
                buffer.store_ledger(ledger(u64::from(number) + 7)).unwrap();
            }
            buffer.dead_letters().replace_end(0, b"written").unwrap();
            disk.power_loss_with(Luck::of(seed));
            let files = disk.data_files().into_iter().map(|(id, _)| (id, disk.data_file(id)));
            (files.collect::<Vec<_>>(), disk.ledger(), disk.dead_letters())
        });
        assert_eq!(left[0], left[1], "seed {seed}");
    }
}
