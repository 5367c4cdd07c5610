//! What the component `hostile` of `tests/guests` can do to its host, and a buffer for it to try it on.

use std::{fs, path::Path, thread, time::Duration};

use forebay::{
    Buffer, Component, Limits, OpenError, Options, ReadError, RecordId, WhenFull, WriteError, WriteErrorKind,
    storage::memory::Disk,
};
use tempfile::TempDir;

use crate::support::{
    Runs,
    fixtures::project_file,
    storage::{ids, options, read, records, write, written_and_refused},
};

/// What the attack answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Open,
    Write,
    Read,
    Status,
    Acknowledge,
    Tick,
    Flush,
    Synced,
    CloseWriter,
}

/// Something that a guest does to its host.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    pub what: &'static str,
    /// The guest's number of it.
    pub number: u64,
    pub call: Call,
    /// Words of the reason for which the buffer stops; `None`: the guest only gets less than it wants.
    pub reason: Option<&'static str>,
}

const fn attack(number: u64, call: Call, what: &'static str, reason: &'static str) -> Attack {
    Attack { what, number, call, reason: Some(reason) }
}

/// What is done in a call whose number is above those of single attacks.
macro_rules! attacks_in {
    ($call:ident, $number:literal, $name:literal) => {
        [
            attack($number * 16 + 1, Call::$call, concat!("spins in ", $name), "it ran for longer"),
            attack($number * 16 + 2, Call::$call, concat!("traps in ", $name), "unreachable"),
            attack(
                $number * 16 + 3,
                Call::$call,
                concat!("recursion without end in ", $name),
                "call stack exhausted",
            ),
            attack(
                $number * 16 + 4,
                Call::$call,
                concat!("storage calls without end in ", $name),
                "more than 10000 storage calls",
            ),
            attack(
                $number * 16 + 5,
                Call::$call,
                concat!("breaks a rule without end in ", $name),
                "broke a rule more than 1000 times",
            ),
            attack(
                $number * 16 + 6,
                Call::$call,
                concat!("answers ", $name, " with an address outside its memory"),
                "out of bounds",
            ),
            attack(
                $number * 16 + 7,
                Call::$call,
                concat!("answers ", $name, " with neither success nor error"),
                "invalid expected discriminant",
            ),
        ]
    };
}

const FURTHER: [[Attack; 7]; 5] = [
    attacks_in!(Acknowledge, 2, "acknowledge"),
    attacks_in!(Tick, 3, "tick"),
    attacks_in!(Flush, 4, "flush"),
    attacks_in!(Synced, 5, "synced"),
    attacks_in!(CloseWriter, 6, "close-writer"),
];

/// All of them.
pub fn attacks() -> impl Iterator<Item = &'static Attack> {
    ATTACKS.iter().chain(FURTHER.as_flattened())
}

const ATTACKS: [Attack; 20] = [
    attack(1, Call::Open, "spins in open", "it ran for longer"),
    attack(2, Call::Write, "spins in write", "it ran for longer"),
    attack(3, Call::Write, "recursion without end", "call stack exhausted"),
    Attack { what: "takes and touches all memory it gets", number: 4, call: Call::Write, reason: None },
    Attack { what: "fills a table", number: 5, call: Call::Write, reason: None },
    attack(6, Call::Write, "storage calls without end", "more than 10000 storage calls"),
    attack(7, Call::Write, "breaks a rule without end", "broke a rule more than 1000 times"),
    attack(8, Call::Write, "spins where it makes room for the host's list", "it ran for longer"),
    attack(9, Call::Write, "gives the host's list a place outside its memory", "beyond end of memory"),
    attack(10, Call::Write, "answers with an address outside its memory", "out of bounds"),
    attack(11, Call::Write, "answers with neither success nor error", "invalid expected discriminant"),
    attack(12, Call::Write, "traps", "unreachable"),
    attack(13, Call::Read, "spins in read", "it ran for longer"),
    attack(14, Call::Read, "answers a read with an address outside its memory", "out of bounds"),
    attack(15, Call::Read, "lets more be delivered than it was asked for", "more records be delivered than"),
    attack(16, Call::Status, "answers with more elements than a list may have", "more figures"),
    attack(17, Call::Status, "answers with a list of 48 MB", "fuel"),
    attack(18, Call::Status, "answers with a list outside its memory", "out of bounds"),
    attack(19, Call::Status, "traps in status", "unreachable"),
    attack(20, Call::Read, "answers a read with neither success nor error", "invalid expected discriminant"),
];

/// A component of `tests/guests`.
pub fn guest(name: &str) -> Component {
    Component::from_file(&project_file("tests/guests").join(name)).unwrap()
}

/// A directory with ten confirmed records in it, which logic in order has left.
pub struct Victim {
    directory: TempDir,
}

impl Victim {
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let buffer = Buffer::builder_with(directory.path(), options()).open().unwrap();
        write(&buffer, 1..=10);
        buffer.close().unwrap();
        Self { directory }
    }

    pub fn open(&self, component: Component, options: Options, limits: Limits) -> Result<Buffer, OpenError> {
        let builder = Buffer::builder_with(self.directory.path(), options).limits(limits);
        builder.component(component).open()
    }

    /// Has logic in order open it.
    #[track_caller]
    pub fn open_in_order(&self) -> Buffer {
        Buffer::builder_with(self.directory.path(), options()).open().unwrap()
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// How many data files there are.
    pub fn data_files(&self) -> usize {
        let names = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("buffer-data-")).count()
    }

    /// Logic in order finds everything that was confirmed, and goes on.
    #[track_caller]
    pub fn assert_unharmed(&self, what: &str) {
        let buffer = self.open_in_order();
        assert_eq!(buffer.open_report().next_id, RecordId(11), "{what}");
        write(&buffer, 11..=20);
        assert_eq!(read(&buffer), ids([1..=20]), "{what}");
        buffer.close().unwrap();
    }
}

impl Attack {
    /// The options that have the hostile guest do it.
    pub fn options(&self) -> Options {
        let mut options = options();
        options.max_events = self.number;
        options.when_full = WhenFull::Reject;
        if self.call == Call::Tick {
            options.sync_interval = Duration::from_millis(1);
        }
        options
    }

    /// Has it happen in a buffer that is open. The error is what the caller, or the operator, gets to see.
    pub fn provoke(&self, buffer: &Buffer) -> Result<(), String> {
        match self.call {
            Call::Open => Ok(()),
            Call::Write => match buffer.writer().write_batch(records(11..=20)) {
                Err(WriteError { kind: WriteErrorKind::Stopped { reason }, .. }) => Err(reason),
                other => {
                    let refused = written_and_refused(other).1;
                    assert_eq!(refused.len(), 10, "{}: it has room for nothing", self.what);
                    Ok(())
                }
            },
            Call::Read => match buffer.reader().try_next_batch(100) {
                Err(ReadError::Stopped { reason }) => Err(reason),
                other => other.map(|_| ()).map_err(|error| panic!("{}: {error}", self.what)),
            },
            // Asking for figures never fails: each time there is a fresh instance, until there is none.
            Call::Status => stopped_in(buffer),
            // A fresh instance is told of it again.
            Call::Acknowledge => {
                let delivered = buffer.reader().try_next_batch(10).unwrap();
                assert_eq!(delivered.len(), 10, "{}", self.what);
                buffer.reader().ack_through(RecordId(10));
                stopped_in(buffer)
            }
            Call::CloseWriter => {
                buffer.end_writing();
                stopped_in(buffer)
            }
            // Something has changed, so time passes for the logic; this waits until it has stopped.
            Call::Tick => {
                let _ = buffer.writer().write_batch(records(11..=20));
                match buffer.reader().next() {
                    Err(ReadError::Stopped { reason }) => Err(reason),
                    other => panic!("{}: {other:?}", self.what),
                }
            }
            // Each write asks for a sync.
            Call::Synced => loop {
                if let Err(WriteError { kind: WriteErrorKind::Stopped { reason }, .. }) =
                    buffer.writer().write_batch(records(11..=11))
                {
                    return Err(reason);
                }
                thread::yield_now();
            },
            // It is asked for when the buffer is closed, and writing had ended before.
            Call::Flush => {
                buffer.end_writing();
                Ok(())
            }
        }
    }
}

fn stopped_in(buffer: &Buffer) -> Result<(), String> {
    let mut asked = (0..10).map(|_| buffer.status().unwrap().stopped);
    asked.find_map(|stopped| stopped).map_or(Ok(()), Err)
}

/// Has a hostile guest open a buffer and attack. The error is what the caller, or the operator, gets to see.
pub fn attack_once(victim: &Victim, attack: &Attack) -> Result<(), String> {
    let mut limits = Limits::default();
    limits.host_calls = 10_000;
    let opened = victim.open(guest("hostile.wasm"), attack.options(), limits);
    let buffer = opened.map_err(|error| error.to_string())?;
    let done = attack.provoke(&buffer);
    let status = buffer.status().unwrap();
    match &done {
        Ok(()) => assert_eq!((status.restarts, status.stopped), (0, None), "{}", attack.what),
        Err(reason) => {
            assert_eq!(status.restarts, 5, "{}: a fresh instance was tried so often", attack.what);
            assert!(status.stopped.is_some_and(|stopped| stopped.contains(reason)), "{}", attack.what);
        }
    }
    assert_eq!(buffer.close().is_err(), done.is_err(), "{}: a stop is said once more", attack.what);
    done
}

/// A buffer of the same process that has nothing to do with it.
pub fn bystander() -> Buffer {
    Runs::AsComponent.open(Disk::new().open().unwrap(), options())
}
