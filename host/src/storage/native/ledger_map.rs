//! The ledger in memory: the last 24 bytes of `buffer.db`, mapped, each field an atomic in its place. A store is there for
//! the next process at once, without a system call that could fail halfway.
//!
//! This is the one module that holds `unsafe` code. What it relies on: the mapping is as long as the ledger, its start is
//! aligned, and only atomics touch it.
//!
//! To touch a page that the file system cannot serve kills the process (SIGBUS): a file that was truncated, or a disk that
//! is full where each change of a page takes new room, as on btrfs. The length is therefore looked at before a store, unless
//! that was done a moment ago ([`LOOK_INTERVAL`](super::looks::LOOK_INTERVAL)), and where it may matter the kernel is asked
//! to make the page ready before every store. Both can be overtaken.

#![expect(unsafe_code, reason = "fields of mapped memory are reached through raw pointers")]

use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};

use forebay_frame::{LEDGER_BYTES, LedgerBytes, LedgerFields};
use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::directory::Directory;
use super::interrupted::again;
use super::ledger_image::{LEDGER_LENGTH, LEDGER_NAME, from_fields, ledger_offset};
use crate::storage::Ledger;

#[cfg(target_endian = "big")]
compile_error!(
    "the ledger is little-endian and mapped as it is: a big-endian host cannot share it with anybody"
);

// Where each field stands, in bytes.
const WRITER_NEXT: usize = offset_of!(LedgerBytes, writer_next_record);
const WRITER_FILE: usize = offset_of!(LedgerBytes, writer_data_file);
const READER_FILE: usize = offset_of!(LedgerBytes, reader_data_file);
const READER_LAST: usize = offset_of!(LedgerBytes, reader_last_record);

/// One of the ledger's numbers.
#[derive(Clone, Copy, Debug)]
enum Number {
    WriterNext,
    ReaderLast,
    WriterFile,
    ReaderFile,
}

/// In this order the numbers are stored: ids first, then the files, the writer's before the reader's. The process may die
/// between any two.
const ORDER: [Number; 4] = [Number::WriterNext, Number::ReaderLast, Number::WriterFile, Number::ReaderFile];

/// A mapped ledger.
#[derive(Debug)]
pub(super) struct LedgerMap {
    map: MmapRaw,
    /// The file is mapped and not kept open. It is looked at by its name.
    directory: Arc<Directory>,
    /// Device and inode, which no other file has while it is mapped.
    identity: (u64, u64),
    /// How long the file was when it was mapped.
    length: u64,
    /// The file system changes what it has in its place, which always succeeds.
    is_changed_in_place: bool,
    /// A sync failed: what is in memory may never reach the disk, whatever later syncs say.
    is_sync_failed: AtomicBool,
}

impl LedgerMap {
    /// Maps the ledger at the end of a file that is open for reading and writing, and that has or gets the ledger's name in
    /// this directory.
    pub(super) fn new(directory: Arc<Directory>, file: &File) -> io::Result<Self> {
        let metadata = again(|| file.metadata())?;
        let length = metadata.len();
        let offset = ledger_offset(length).ok_or_else(|| io::Error::other("its length is not a ledger's"))?;
        if metadata.blocks().saturating_mul(512) < length {
            reserve(file, offset)?;
        }
        let map = MmapOptions::new().offset(offset).len(LEDGER_BYTES).map_raw(file)?;
        // `ledger_offset` gives multiples of 8, and pages are longer than that.
        assert!(map.as_ptr().addr().is_multiple_of(8) && map.len() == LEDGER_BYTES, "mapped as asked for");
        let is_changed_in_place = is_changed_in_place(file);
        let identity = (metadata.dev(), metadata.ino());
        let is_sync_failed = AtomicBool::new(false);
        Ok(Self { map, directory, identity, length, is_changed_in_place, is_sync_failed })
    }

    /// What the ledger says; `None` if a field is out of range, or the file is not what it was when it was mapped.
    pub(super) fn load(&self) -> Option<Ledger> {
        self.check().ok()?;
        from_fields(LedgerFields {
            writer_next_record: self.wide::<WRITER_NEXT>().load(Ordering::Acquire),
            writer_data_file: self.narrow::<WRITER_FILE>().load(Ordering::Acquire),
            reader_data_file: self.narrow::<READER_FILE>().load(Ordering::Acquire),
            reader_last_record: self.wide::<READER_LAST>().load(Ordering::Acquire),
        })
    }

    /// Stores all numbers. A reader that finds a file named finds the ids that go with it. A look at the file first costs a system
    /// call.
    pub(super) fn store(&self, ledger: Ledger, look_first: bool) -> io::Result<()> {
        self.must_be_synced()?;
        if look_first {
            self.check()?;
        }
        if !self.is_changed_in_place {
            self.make_ready()?;
        }
        for number in ORDER {
            self.store_number(number, ledger);
        }
        Ok(())
    }

    fn store_number(&self, number: Number, ledger: Ledger) {
        match number {
            Number::WriterNext => {
                self.wide::<WRITER_NEXT>().store(ledger.writer_next_record.0, Ordering::Release);
            }
            Number::ReaderLast => {
                self.wide::<READER_LAST>().store(ledger.reader_last_record.0, Ordering::Release);
            }
            Number::WriterFile => {
                self.narrow::<WRITER_FILE>().store(ledger.writer_data_file.get(), Ordering::Release);
            }
            Number::ReaderFile => {
                self.narrow::<READER_FILE>().store(ledger.reader_data_file.get(), Ordering::Release);
            }
        }
    }

    /// Makes what was stored durable. After a failure every later call fails too: the kernel says so once, then forgets.
    pub(super) fn sync(&self) -> io::Result<()> {
        let synced = self.check().and_then(|()| self.map.flush()).and_then(|()| self.check());
        if synced.is_err() {
            self.is_sync_failed.store(true, Ordering::Release);
        }
        synced
    }

    /// Whether the file still is the buffer's ledger, as far as it can be known.
    fn check(&self) -> io::Result<()> {
        self.must_be_synced()?;
        let found = self.directory.stat(LEDGER_NAME);
        let found = match found {
            Err(Errno::NOENT) => None,
            found => Some(found?),
        };
        match found.filter(|found| (found.st_dev, found.st_ino) == self.identity) {
            None => Err(io::Error::other("it was removed or replaced by another program")),
            Some(found) if u64::try_from(found.st_size) != Ok(self.length) => {
                Err(io::Error::other("its length was changed by another program"))
            }
            Some(_) => Ok(()),
        }
    }

    fn must_be_synced(&self) -> io::Result<()> {
        if self.is_sync_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier sync of it failed"));
        }
        Ok(())
    }

    /// Has the kernel do now, where it can answer with an error, what a store would have it do. It takes some
    /// microseconds.
    #[cfg(target_os = "linux")]
    fn make_ready(&self) -> io::Result<()> {
        match self.map.advise(memmap2::Advice::PopulateWrite).map_err(|error| Errno::from_io_error(&error)) {
            Err(Some(Errno::FAULT)) => {
                Err(io::Error::other("the file system has no room to change it in place"))
            }
            Err(Some(Errno::HWPOISON)) => Err(io::Error::other("its memory is broken")),
            // Kernels before 5.14 do not know the request, and sandboxes may forbid it.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "only Linux can be asked")]
    fn make_ready(&self) -> io::Result<()> {
        Ok(())
    }

    fn wide<const OFFSET: usize>(&self) -> &AtomicU64 {
        const { assert!(OFFSET.is_multiple_of(8) && OFFSET + 8 <= LEDGER_BYTES, "inside the ledger") }
        #[expect(clippy::cast_ptr_alignment, reason = "the start is aligned to 8, and so is the offset")]
        // SAFETY: OFFSET is in bounds of the mapping's LEDGER_BYTES.
        let field = unsafe { self.map.as_mut_ptr().add(OFFSET) }.cast::<u64>();
        // SAFETY: `field` is aligned to 8 (`new` has checked the start, the line above the offset) and readable and
        // writable for 8 bytes as long as `self.map` lives, which the returned borrow does not outlive. This process
        // reaches the bytes through atomics of this width only. Another process may store to them at any time: so
        // may any thread to an atomic.
        unsafe { AtomicU64::from_ptr(field) }
    }

    fn narrow<const OFFSET: usize>(&self) -> &AtomicU16 {
        const { assert!(OFFSET.is_multiple_of(2) && OFFSET + 2 <= LEDGER_BYTES, "inside the ledger") }
        #[expect(clippy::cast_ptr_alignment, reason = "the start is aligned to 8, and the offset to 2")]
        // SAFETY: OFFSET is in bounds of the mapping's LEDGER_BYTES.
        let field = unsafe { self.map.as_mut_ptr().add(OFFSET) }.cast::<u16>();
        // SAFETY: as in `wide`, with 2 for 8; the fields do not overlap.
        unsafe { AtomicU16::from_ptr(field) }
    }
}

/// Whether a file's blocks stay where they are, whatever is written to them. XFS is not among those that promise it: it
/// moves what a copy shares.
#[cfg(target_os = "linux")]
fn is_changed_in_place(file: &File) -> bool {
    const EXT4: u32 = 0xef53;
    const TMPFS: u32 = 0x0102_1994;
    again(|| rustix::fs::fstatfs(file))
        .is_ok_and(|stat| u32::try_from(stat.f_type).is_ok_and(|kind| matches!(kind, EXT4 | TMPFS)))
}

#[cfg(not(target_os = "linux"))]
fn is_changed_in_place(_file: &File) -> bool {
    false
}

/// Gives the ledger its place on the disk: to touch a mapped page that has none is deadly when the disk is full.
fn reserve(file: &File, offset: u64) -> io::Result<()> {
    match again(|| rustix::fs::fallocate(file, FallocateFlags::empty(), offset, LEDGER_LENGTH)) {
        // File systems that cannot reserve.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        reserved => Ok(reserved?),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::storage::native::{
        Create,
        ledger_image::{LedgerOnDisk, encode, read},
    };

    fn map(file: &File) -> LedgerMap {
        let directory = tempfile::TempDir::new().unwrap();
        let directory = Arc::new(Directory::open(directory.path(), Create::No).unwrap());
        LedgerMap::new(directory, file).unwrap()
    }

    /// A page that cannot be served must become an error, and not a signal: here the file is cut, where it is real it is a
    /// full btrfs.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_page_that_cannot_be_changed_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &encode(Ledger::EMPTY), 0).unwrap();
        let map = map(&file);
        map.make_ready().unwrap();
        file.set_len(0).unwrap();
        assert!(map.make_ready().unwrap_err().to_string().contains("no room"));
    }

    /// A file that is named before the ids that go with it are there is one in which the next process looks for records that
    /// are in another: it would take them for lost, or deliver them again.
    #[test]
    fn a_process_that_dies_between_two_numbers_has_named_no_file_before_its_ids() {
        let file = |number| crate::storage::FileId::new(number).unwrap();
        let id = forebay_frame::RecordId;
        let ledger = |number: u16| Ledger {
            writer_next_record: id(u64::from(number) * 100),
            writer_data_file: file(number + 1),
            reader_data_file: file(number),
            reader_last_record: id(u64::from(number) * 10),
        };
        let (before, after) = (ledger(1), ledger(2));
        for stored in 0..=ORDER.len() {
            let shared = tempfile::tempfile().unwrap();
            std::os::unix::fs::FileExt::write_all_at(&shared, &encode(before), 0).unwrap();
            let map = map(&shared);
            for number in ORDER.into_iter().take(stored) {
                map.store_number(number, after);
            }
            drop(map);
            let LedgerOnDisk::Readable(found) = read(&shared).unwrap() else { panic!("{stored}") };
            if found.reader_last_record == after.reader_last_record {
                assert_eq!(
                    found.writer_next_record, after.writer_next_record,
                    "{stored}: what is read is written"
                );
            }
            if found.writer_data_file == after.writer_data_file {
                assert_eq!(
                    found.writer_next_record, after.writer_next_record,
                    "{stored}: its records are counted"
                );
            }
            if found.reader_data_file == after.reader_data_file {
                assert_eq!(
                    found.reader_last_record, after.reader_last_record,
                    "{stored}: the one before is done with"
                );
                assert_eq!(
                    found.writer_data_file, after.writer_data_file,
                    "{stored}: it is no file ahead of the writer's"
                );
            }
            assert_eq!(found == after, stored == ORDER.len(), "{stored}");
        }
    }
}
