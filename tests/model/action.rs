//! What may happen to a buffer: how it is opened, and everything that is done to it or befalls it.

use std::time::Duration;

use forebay::{Durability, Options, WhenFull, storage::memory::Luck};
use proptest::prelude::*;

/// How a buffer is opened.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub file_bytes: u64,
    /// Beyond what it must have at least.
    pub more_bytes: u64,
    pub max_events: u64,
    pub when_full: WhenFull,
    pub durability: Durability,
    pub interval_ms: u64,
    pub max_unacknowledged: usize,
}

impl Sizes {
    pub fn options(self) -> Options {
        let mut options = Options::default();
        options.file_bytes = self.file_bytes;
        options.max_bytes = 2 * self.file_bytes + Options::LEDGER_SHARE_BYTES + self.more_bytes;
        options.max_events = self.max_events;
        options.when_full = self.when_full;
        options.durability = self.durability;
        options.sync_interval = Duration::from_millis(self.interval_ms);
        options.max_unacknowledged_records = self.max_unacknowledged;
        options
    }
}

/// What ends one life of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Closed,
    Killed,
    /// Of what was not synced the disk happens to keep some.
    PowerLost(Luck),
}

/// One step of a history. Places are taken modulo what there is.
#[derive(Clone, Debug)]
pub enum Action {
    /// Hands over records of so many events and bytes each.
    Write(Vec<(u32, usize)>, Option<Durability>),
    Read(usize),
    /// Acknowledges a record that was delivered at any time.
    Ack(usize),
    /// Acknowledges the record with this place, and all before it.
    AckThrough(usize),
    /// Gives a record back, to be delivered again after so many milliseconds.
    Nack(usize, u64),
    Advance(u64),
    /// Carries out one of the syncs that wait.
    Sync(usize),
    /// One of the syncs that wait fails: the disk has lost what it was to write, and says no more of it.
    FailSync(usize),
    /// The disk has room for so many more bytes, or for any number.
    Room(Option<u64>),
    EndWriting,
    Reopen(End, Sizes),
}

pub fn sizes() -> impl Strategy<Value = Sizes> {
    let when_full = prop_oneof![Just(WhenFull::Block), Just(WhenFull::Reject), Just(WhenFull::DropOldest)];
    let max_events = prop_oneof![2 => Just(0), 1 => 12_u64..80];
    let max_unacknowledged = prop_oneof![2 => Just(10_000), 1 => 3_usize..30];
    (
        prop_oneof![Just(4096_u64), 4096_u64..9000],
        0_u64..30_000,
        max_events,
        when_full,
        durability(),
        prop_oneof![Just(0_u64), Just(100), Just(500)],
        max_unacknowledged,
    )
        .prop_map(|(file_bytes, more_bytes, max_events, when_full, durability, interval_ms, limit)| {
            Sizes {
                file_bytes,
                more_bytes,
                max_events,
                when_full,
                durability,
                interval_ms,
                max_unacknowledged: limit,
            }
        })
}

fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![Just(Durability::Accepted), Just(Durability::Written), Just(Durability::Synced)]
}

fn record() -> impl Strategy<Value = (u32, usize)> {
    let bytes = prop_oneof![6 => 0_usize..200, 3 => 0_usize..1500, 1 => 0_usize..4000];
    (prop_oneof![3 => Just(1_u32), 1 => 1_u32..9], bytes)
}

fn batch() -> impl Strategy<Value = Vec<(u32, usize)>> {
    prop_oneof![2 => prop::collection::vec(record(), 1), 1 => prop::collection::vec(record(), 1..10)]
}

/// Of each kind what was synced is kept and no more, or some of the rest too.
fn luck() -> impl Strategy<Value = Luck> {
    let seed = || prop_oneof![1 => Just(0), 2 => any::<u64>()];
    (seed(), seed(), seed(), seed()).prop_map(|(lengths, sectors, names, ledger)| Luck {
        lengths,
        sectors,
        names,
        ledger,
    })
}

pub fn action() -> impl Strategy<Value = Action> {
    let end =
        prop_oneof![1 => Just(End::Closed), 1 => Just(End::Killed), 2 => luck().prop_map(End::PowerLost)];
    let room = prop_oneof![2 => Just(None), 1 => (0_u64..6000).prop_map(Some)];
    prop_oneof![
        20 => (batch(), prop::option::of(durability())).prop_map(|(records, level)| Action::Write(records, level)),
        14 => (1_usize..20).prop_map(Action::Read),
        10 => any::<usize>().prop_map(Action::Ack),
        5 => any::<usize>().prop_map(Action::AckThrough),
        4 => (any::<usize>(), prop_oneof![Just(0_u64), 1_u64..2000]).prop_map(|(place, ms)| Action::Nack(place, ms)),
        6 => (0_u64..1500).prop_map(Action::Advance),
        24 => any::<usize>().prop_map(Action::Sync),
        1 => any::<usize>().prop_map(Action::FailSync),
        2 => room.prop_map(Action::Room),
        1 => Just(Action::EndWriting),
        3 => (end, sizes()).prop_map(|(end, sizes)| Action::Reopen(end, sizes)),
    ]
}
