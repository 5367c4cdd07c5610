//! Another program takes data files away, or the whole directory, while the buffer is open. What is on the disk under no name
//! is found by no later opening: nothing of it may be confirmed as synced.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use forebay::{
    Buffer, CloseError, Durability, Pending, RecordId, Simulation, WriteErrorKind,
    storage::native::{Create, Native},
};

use crate::support::{
    Runs,
    storage::{ids, options, read, records, write},
};

const INTERVAL: Duration = Duration::from_millis(500);

/// A buffer in a real directory, in which records 1 to 10 are written and synced, and the file is in use.
struct Bed {
    runs: Runs,
    above: tempfile::TempDir,
    simulation: Simulation,
    buffer: Buffer,
}

impl Bed {
    fn new(runs: Runs) -> Self {
        let (above, simulation) = (tempfile::TempDir::new().unwrap(), Simulation::new());
        let buffer = Self::open(runs, &simulation, &above.path().join("buffer"));
        buffer.writer().with_durability(Durability::Synced).write_batch(records(1..=10)).unwrap();
        Self { runs, above, simulation, buffer }
    }

    fn open(runs: Runs, simulation: &Simulation, path: &Path) -> Buffer {
        let mut options = options();
        options.sync_interval = INTERVAL;
        runs.open_in(simulation, Native::open(path, Create::Yes).unwrap(), options).unwrap()
    }

    fn directory(&self) -> PathBuf {
        self.above.path().join("buffer")
    }

    fn data_file(&self, number: u16) -> PathBuf {
        self.directory().join(format!("buffer-data-{number}.dat"))
    }

    fn submit(&self, durability: Durability, ids: std::ops::RangeInclusive<u64>) -> Pending {
        self.buffer.writer().with_durability(durability).submit(records(ids)).unwrap()
    }

    /// Time passes, and syncs end.
    fn wait(&self) {
        for _ in 0..4 {
            while self.simulation.run_sync(0) {}
            self.simulation.advance(INTERVAL);
        }
    }

    /// What is there at the next opening.
    fn found_later(self, path: &Path) -> Vec<u64> {
        self.wait();
        self.buffer.close().unwrap();
        read(&Self::open(self.runs, &Simulation::new(), path))
    }
}

/// What another program does to a data file, and what that is called.
type Way = (&'static str, fn(&Path));

/// `rm`, a rotation of logs, the restore of a backup.
fn ways() -> [Way; 4] {
    fn remove(file: &Path) {
        fs::remove_file(file).unwrap();
    }
    fn move_away(file: &Path) {
        fs::rename(file, file.with_extension("dat.1")).unwrap();
    }
    fn replace(file: &Path) {
        fs::copy(file, file.with_extension("copy")).unwrap();
        fs::rename(file.with_extension("copy"), file).unwrap();
    }
    fn link(file: &Path) {
        move_away(file);
        std::os::unix::fs::symlink(file.with_extension("dat.1"), file).unwrap();
    }
    [("removed", remove), ("moved away", move_away), ("replaced", replace), ("linked", link)]
}

/// A writer who was told that its records are safe throws them away.
#[test]
fn nothing_in_a_file_that_was_taken_away_is_confirmed_as_synced() {
    for (runs, (way, take)) in Runs::ALL.into_iter().flat_map(|runs| ways().map(|way| (runs, way))) {
        let bed = Bed::new(runs);
        let mut waiting = bed.submit(Durability::Synced, 11..=15);
        take(&bed.data_file(0));
        bed.wait();
        let error = waiting.try_take().expect("it is decided").unwrap_err();
        let (first, next) = (RecordId(11), RecordId(16));
        let WriteErrorKind::TakenAway { first: found_first, next: found_next, reason } = &error.kind else {
            panic!("{runs:?}, {way}: {error}")
        };
        assert_eq!((*found_first, *found_next), (first, next), "{runs:?}, {way}");
        assert!(reason.contains("buffer-data-0.dat") && !error.to_string().contains("disk"), "{error}");
        assert_eq!(error.records, records(11..=15), "{runs:?}, {way}");
        assert_eq!(bed.buffer.status().unwrap().files_taken_away, 1, "{runs:?}, {way}");

        let mut later = bed.submit(Durability::Synced, 16..=20);
        bed.wait();
        assert_eq!(later.try_take().expect("it goes on").unwrap().records, 5, "{runs:?}, {way}");
        assert_eq!(read(&bed.buffer), ids([16..=20]), "{runs:?}, {way}: nothing that came back is delivered");
        let status = bed.buffer.status().unwrap();
        assert_eq!((status.lost_events, status.refused_calls), (15, 0), "{runs:?}, {way}");
        assert!(bed.data_file(1).exists() && !status.sync_failed, "{runs:?}, {way}");
    }
}

/// Who asks for less durability than that hears of it all the same, and loses no more than what was in the file.
#[test]
fn what_is_written_after_a_file_was_taken_away_is_there_at_the_next_opening() {
    for (runs, (way, take)) in Runs::ALL.into_iter().flat_map(|runs| ways().map(|way| (runs, way))) {
        let bed = Bed::new(runs);
        write(&bed.buffer, 11..=15);
        take(&bed.data_file(0));
        bed.wait();
        assert_eq!(bed.buffer.status().unwrap().files_taken_away, 1, "{runs:?}, {way}");
        write(&bed.buffer, 16..=400);
        let path = bed.directory();
        if way == "linked" {
            // A buffer with a link in the place of a data file does not open.
            fs::remove_file(bed.data_file(0)).unwrap();
        }
        // A copy in its place is what a restored backup is: its records are there.
        let found = bed.found_later(&path);
        let restored = if way == "replaced" { ids([1..=15]) } else { ids([]) };
        assert_eq!(found, [restored, ids([16..=400])].concat(), "{runs:?}, {way}");
    }
}

/// An idle buffer closes its files, and opens them by their names.
#[test]
fn a_file_that_is_taken_away_while_the_buffer_rests_takes_no_later_record_with_it() {
    for (runs, (way, take)) in Runs::ALL.into_iter().flat_map(|runs| ways().map(|way| (runs, way))) {
        let bed = Bed::new(runs);
        for _ in 0..8 {
            bed.wait();
        }
        take(&bed.data_file(0));
        let mut waiting = bed.submit(Durability::Synced, 11..=15);
        bed.wait();
        assert_eq!(waiting.try_take().expect("it is decided").unwrap().records, 5, "{runs:?}, {way}");
        assert_eq!(bed.buffer.status().unwrap().files_taken_away, 1, "{runs:?}, {way}");
        assert_eq!(read(&bed.buffer), ids([11..=15]), "{runs:?}, {way}");
    }
}

/// An append looks at the name as well, after a while: no record goes to a file that has none, and no id is passed over.
#[test]
fn a_record_that_comes_a_while_after_a_file_was_taken_away_is_placed_elsewhere_at_once() {
    for (runs, (way, take)) in Runs::ALL.into_iter().flat_map(|runs| ways().map(|way| (runs, way))) {
        let bed = Bed::new(runs);
        take(&bed.data_file(0));
        // Longer than there is between two looks.
        std::thread::sleep(Duration::from_millis(20));
        let receipt = bed.buffer.writer().write_batch(records(11..=15)).unwrap();
        assert_eq!(receipt.first_id, Some(RecordId(11)), "{runs:?}, {way}");
        assert_eq!(read(&bed.buffer), ids([11..=15]), "{runs:?}, {way}");
    }
}

/// `rm buffer-data-*` takes the file ahead of need with it.
#[test]
fn all_files_may_be_taken_away_at_once() {
    for runs in Runs::ALL {
        let bed = Bed::new(runs);
        // More than half a file: the next one is made ahead of need.
        let mut waiting = bed.submit(Durability::Synced, 11..=120);
        let files: Vec<_> = (0..9).map(|number| bed.data_file(number)).filter(|file| file.exists()).collect();
        assert!(files.len() > 2, "{files:?}");
        for file in files {
            fs::remove_file(file).unwrap();
        }
        bed.wait();
        assert!(waiting.try_take().expect("it is decided").is_err(), "{runs:?}");
        let mut later = bed.submit(Durability::Synced, 121..=125);
        bed.wait();
        assert_eq!(later.try_take().expect("it goes on").unwrap().records, 5, "{runs:?}");
        let path = bed.directory();
        assert_eq!(bed.found_later(&path), ids([121..=125]), "{runs:?}");
    }
}

/// A file that held nothing takes nothing with it: it is made again, and no write is refused.
#[test]
fn an_empty_file_that_was_taken_away_is_made_again() {
    for runs in Runs::ALL {
        let bed = Bed::new(runs);
        let path = bed.directory();
        bed.wait();
        assert_eq!(read(&bed.buffer), ids([1..=10]));
        bed.buffer.reader().ack_through(RecordId(10));
        bed.buffer.close().unwrap();
        fs::write(path.join("buffer-data-0.dat"), b"").unwrap();
        let simulation = Simulation::new();
        let buffer = Bed::open(runs, &simulation, &path);
        fs::remove_file(path.join("buffer-data-0.dat")).unwrap();
        let synced = buffer.writer().with_durability(Durability::Synced);
        let receipt = synced.write_batch(records(11..=15)).unwrap();
        assert_eq!(receipt.records, 5, "{runs:?}");
        buffer.close().unwrap();
        assert_eq!(read(&Bed::open(runs, &Simulation::new(), &path)), ids([11..=15]), "{runs:?}");
    }
}

/// Without its directory nothing can be kept: to go on would lose all that comes.
#[test]
fn a_buffer_whose_directory_is_removed_stops_and_says_so() {
    for runs in Runs::ALL {
        let bed = Bed::new(runs);
        let mut waiting = bed.submit(Durability::Synced, 11..=15);
        fs::remove_dir_all(bed.directory()).unwrap();
        bed.wait();
        let error = waiting.try_take().expect("it is decided").unwrap_err();
        assert_eq!(error.records, records(11..=15), "{runs:?}");
        let WriteErrorKind::Stopped { reason } = error.kind else { panic!("{runs:?}: {error}") };
        assert!(reason.contains("directory was removed"), "{runs:?}: {reason}");
        let error = bed.buffer.writer().write_batch(records(16..=20)).unwrap_err();
        assert!(matches!(error.kind, WriteErrorKind::Stopped { .. }), "{runs:?}: {error}");
        assert!(matches!(bed.buffer.close(), Err(CloseError::Stopped { .. })), "{runs:?}");
        assert!(!bed.above.path().join("buffer").exists(), "{runs:?}");
    }
}

/// The buffer holds its directory and not its path: a directory that is renamed takes the buffer with it.
#[test]
fn a_buffer_goes_on_in_a_directory_that_is_renamed() {
    for runs in Runs::ALL {
        let bed = Bed::new(runs);
        let mut waiting = bed.submit(Durability::Synced, 11..=15);
        let elsewhere = bed.above.path().join("elsewhere");
        fs::rename(bed.directory(), &elsewhere).unwrap();
        bed.wait();
        assert_eq!(waiting.try_take().expect("it is decided").unwrap().records, 5, "{runs:?}");
        write(&bed.buffer, 16..=400);
        assert_eq!(bed.found_later(&elsewhere), ids([1..=400]), "{runs:?}");
    }
}
