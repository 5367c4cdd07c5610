//! How many data files are open, and which.

use std::num::NonZeroUsize;

use super::*;
use crate::storage::native::{data_handle::DataHandle, pool::Pool};

/// As few as a pool may have.
const LIMIT: usize = 8;

/// A pool, and the data files of a buffer in it.
struct Bed {
    _above: TempDir,
    path: PathBuf,
    pool: Arc<Pool>,
    files: DataFiles,
}

impl Bed {
    fn new() -> Self {
        Self::beside(&Arc::new(Pool::new(LIMIT)))
    }

    fn beside(pool: &Arc<Pool>) -> Self {
        let (above, path) = temporary();
        let directory = Arc::new(Directory::open(&path, Create::Yes).unwrap());
        let files = DataFiles::in_pool(directory, Arc::clone(pool));
        Self { _above: above, path, pool: Arc::clone(pool), files }
    }

    fn at(&self, number: u16) -> PathBuf {
        self.path.join(format!("buffer-data-{number}.dat"))
    }

    /// Files that another life has written.
    fn written_before(self, count: u16) -> Self {
        for number in 0..count {
            fs::write(self.at(number), number.to_le_bytes()).unwrap();
        }
        self.files.rest();
        self
    }

    fn read(&mut self, number: u16) -> Result<Vec<u8>, StorageError> {
        let mut into = [0; 8];
        let read = self.files.read_at(file(number), 0, &mut into)?;
        Ok(into[..read].to_vec())
    }

    fn write(&mut self, number: u16) {
        self.files.create(file(number)).unwrap();
        self.files.append(file(number), 0, &number.to_le_bytes()).unwrap();
    }

    /// The data files that this process has open, as the system says.
    fn open(&self) -> Vec<PathBuf> {
        let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
        let is_data = |target: &PathBuf| {
            target.starts_with(&self.path) && target.extension().is_some_and(|extension| extension == "dat")
        };
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).filter(is_data).collect()
    }

    fn open_files(&self) -> usize {
        self.open().len()
    }

    #[track_caller]
    fn assert_all_there(&mut self, numbers: impl IntoIterator<Item = u16>) {
        for number in numbers {
            assert_eq!(self.read(number).unwrap(), number.to_le_bytes());
        }
    }
}

/// A backlog of thousands of files in hundreds of buffers must not use up the descriptors of the process.
#[test]
fn all_buffers_together_keep_few_data_files_open() {
    let mut one = Bed::new().written_before(30);
    let mut other = Bed::beside(&one.pool).written_before(30);
    for number in (0..30).chain([3, 29, 3]) {
        one.assert_all_there([number]);
        other.assert_all_there([number]);
        one.files.prepare_sync(file(number))().unwrap();
        assert!(one.open_files() + other.open_files() <= LIMIT);
    }
    assert_eq!(one.open_files() + other.open_files(), LIMIT);
    drop(one);
    assert_eq!(other.pool.count(), other.open_files());
}

/// A reader and a writer far apart must not open their files again and again because others are looked at.
#[test]
fn the_least_recently_used_file_is_closed_first() {
    let mut bed = Bed::new().written_before(30);
    bed.assert_all_there((0..8).chain([0, 8]));
    let open = bed.open();
    assert!(open.contains(&bed.at(0)) && !open.contains(&bed.at(1)), "{open:?}");
}

/// An operator who sets the limit while buffers are open wants it now.
#[test]
fn a_lower_limit_counts_at_once() {
    let pool = Arc::new(Pool::new(20));
    let mut bed = Bed::beside(&pool).written_before(30);
    bed.assert_all_there(0..30);
    assert_eq!(bed.open_files(), 20);
    pool.set_limit(NonZeroUsize::MIN);
    assert!(bed.open_files() <= LIMIT);
    bed.assert_all_there(0..30);
}

/// The kernel tells of a failed write-back once, and to the descriptors that were open then.
#[test]
fn a_file_with_unsynced_bytes_keeps_its_descriptor() {
    let mut bed = Bed::new().written_before(30);
    bed.write(40);
    // Without its name only the descriptor leads to it.
    fs::rename(bed.at(40), bed.path.join("moved")).unwrap();
    bed.assert_all_there(0..30);
    bed.files.rest();
    bed.files.append(file(40), 2, b"more").unwrap();
    assert_eq!(fs::read(bed.path.join("moved")).unwrap(), b"\x28\0more");

    fs::rename(bed.path.join("moved"), bed.at(40)).unwrap();
    bed.files.prepare_sync(file(40))().unwrap();
    bed.files.rest();
    assert_eq!(bed.open_files(), 0);
}

/// Bytes that were written while a sync was under way are not covered by it.
#[test]
fn a_file_that_was_written_to_after_its_sync_was_made_ready_keeps_its_descriptor() {
    let mut bed = Bed::new();
    bed.write(0);
    let sync = bed.files.prepare_sync(file(0));
    sync().unwrap();
    bed.files.append(file(0), 2, b"more").unwrap();
    bed.files.rest();
    assert_eq!(bed.pool.count(), 1);
}

/// A program that writes small files faster than the disk syncs them must not run out of descriptors.
#[test]
fn where_all_open_files_have_unsynced_bytes_one_is_synced_to_be_closed() {
    let mut bed = Bed::new();
    let syncs: Vec<_> = (0..30)
        .map(|number| {
            bed.write(number);
            assert!(bed.open_files() <= LIMIT, "{number}");
            bed.files.prepare_sync(file(number))
        })
        .collect();
    for sync in syncs {
        sync().unwrap();
    }
    bed.assert_all_there(0..30);
}

/// A sync for each of thousands of files may wait for a thread.
#[test]
fn a_sync_that_waits_to_be_run_keeps_no_file_open() {
    let mut bed = Bed::new().written_before(30);
    let syncs: Vec<_> = (0..30).map(|number| bed.files.prepare_sync(file(number))).collect();
    assert_eq!(bed.open_files(), 0);
    for sync in syncs {
        sync().unwrap();
        assert!(bed.open_files() <= LIMIT);
    }
}

/// Records of another file with the same name are not those that were to be read.
#[test]
fn a_file_that_stands_in_the_place_of_another_counts_as_gone() {
    let mut bed = Bed::new().written_before(1);
    bed.assert_all_there([0]);
    bed.files.rest();
    fs::write(bed.path.join("another"), [0, 0]).unwrap();
    fs::rename(bed.path.join("another"), bed.at(0)).unwrap();
    assert!(bed.read(0).unwrap_err().is_missing());
    assert!(bed.files.append(file(0), 2, b"more").unwrap_err().is_missing());
    // Nor is it removed: it belongs to another program.
    assert!(bed.files.remove(file(0)).unwrap_err().is_missing());
    assert_eq!(fs::read(bed.at(0)).unwrap(), [0, 0]);
}

/// To close a file whose sync is under way would hide from it what has failed.
#[test]
fn a_file_that_is_being_synced_stays_open() {
    let directory = TempDir::new().unwrap();
    let directory = Arc::new(Directory::open(directory.path(), Create::No).unwrap());
    let pool = Arc::new(Pool::new(LIMIT));
    let handle = DataHandle::new(directory, file(0), Arc::clone(&pool));
    handle.create().unwrap();
    handle.sync(1).unwrap();
    let lent = handle.lend().unwrap();
    assert!(!handle.close_if_clean() && !handle.sync_and_close());
    drop(lent);
    assert!(handle.close_if_clean());
    assert_eq!(pool.count(), 0);
}

/// A consumer that keeps up has files removed while their syncs wait for a thread. The descriptors are wanted for other buffers.
#[test]
fn a_file_that_is_removed_is_neither_synced_nor_kept_open() {
    let mut bed = Bed::new();
    bed.write(0);
    let sync = bed.files.prepare_sync(file(0));
    assert_eq!(bed.open_files(), 1);
    bed.files.remove(file(0)).unwrap();
    assert_eq!((bed.open_files(), bed.pool.count()), (0, 0));
    // Another file of that name is not taken for it.
    bed.write(0);
    sync().unwrap();
    assert_eq!(fs::read(bed.at(0)).unwrap(), 0_u16.to_le_bytes());
}
