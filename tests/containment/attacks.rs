//! Attacks that wear the host out, each a component of its own. All are `tests/guests/wears.wasm`, in which two digits say
//! which one it is.

use std::fs;

use crate::support::fixtures::project_file;

/// A component by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Makes a file and removes it, without end, in one kind of call.
    MakesAndRemoves(InCall),
    /// Asks for the list of all segments, without end.
    Lists,
    /// Asks for 20,000 syncs with each write, and takes a while whenever one has ended.
    Syncs,
    /// Takes a while to let one record be delivered.
    ReadsSlowly,
    /// Takes a while in a tick, and wants the next at once.
    Ticks,
    /// Puts each record into a file of its own.
    Files,
    /// Stores ledgers by which all is acknowledged, on writing, in each tick and at the end of writing.
    Acknowledges,
    /// Calls its host back where the host asks it for memory.
    CallsBack,
    /// Stores the same ledger without end.
    StoresLedgers,
    /// Makes and removes files for a part of what it may, and traps, in each call of each life.
    Traps,
    /// Appends records of a batch that is over, in each call.
    Replays,
    /// Truncates, releases and discards whatever it can name, in each call.
    RemovesAll,
    /// Says that more was dropped than ever came, and that everything is as high as can be.
    LiesInFigures,
    /// Has everything synced before it places records, and nothing after.
    SyncsTooEarly,
    /// Says every second time that nothing may be delivered.
    WithholdsNowAndThen,
    /// Takes all memory that there is, and traps, in each life.
    Hoards,
    /// Leaves empty files and a spare behind wherever it can, and a ledger that names none of them.
    LeavesAMess,
    /// Wants the next tick at once, without an end, and does nothing in it.
    TicksAtOnce,
}

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InCall {
    Open = 11,
    Write,
    Read,
    Acknowledge,
    Tick,
    Flush,
    Synced,
    CloseWriter,
    Status,
}

impl InCall {
    pub const ALL: [Self; 9] = [
        Self::Open,
        Self::Write,
        Self::Read,
        Self::Acknowledge,
        Self::Tick,
        Self::Flush,
        Self::Synced,
        Self::CloseWriter,
        Self::Status,
    ];
}

impl Attack {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        InCall::ALL.map(Self::MakesAndRemoves).into_iter().chain([
            Self::Lists,
            Self::Syncs,
            Self::ReadsSlowly,
            Self::Ticks,
            Self::Files,
            Self::Acknowledges,
            Self::CallsBack,
            Self::StoresLedgers,
            Self::Traps,
            Self::Replays,
            Self::RemovesAll,
            Self::LiesInFigures,
            Self::SyncsTooEarly,
            Self::WithholdsNowAndThen,
            Self::Hoards,
            Self::LeavesAMess,
            Self::TicksAtOnce,
        ])
    }

    /// The component's number of it.
    fn number(self) -> u8 {
        match self {
            Self::MakesAndRemoves(call) => call as u8,
            Self::Lists => 21,
            Self::Syncs => 22,
            Self::ReadsSlowly => 23,
            Self::Ticks => 25,
            Self::Files => 26,
            Self::Acknowledges => 27,
            Self::CallsBack => 28,
            Self::StoresLedgers => 29,
            Self::Traps => 30,
            Self::Replays => 31,
            Self::RemovesAll => 32,
            Self::LiesInFigures => 33,
            Self::SyncsTooEarly => 34,
            Self::WithholdsNowAndThen => 35,
            Self::Hoards => 36,
            Self::LeavesAMess => 37,
            Self::TicksAtOnce => 38,
        }
    }

    /// The component that does it.
    pub fn component(self) -> Vec<u8> {
        const MARK: &[u8] = b"WEARS:00";
        let mut bytes = fs::read(project_file("tests/guests/wears.wasm")).unwrap();
        let marks = bytes.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
        let [(at, _)] = marks.collect::<Vec<_>>()[..] else { panic!("there is one mark") };
        let name = format!("WEARS:{}", self.number());
        bytes[at..at + MARK.len()].copy_from_slice(name.as_bytes());
        bytes
    }
}
