//! Components that were damaged, by accident or with care: each is refused, or it is logic like any other.

use std::fs;

use forebay::{Buffer, Component, Limits, storage::memory::Disk};
use forebay_test_components::CUSTOM_POLICY;
use proptest::{prelude::*, sample::Index};

use crate::support::{
    Runs,
    fixtures::project_file,
    storage::{ids, options, read, records, write},
};

/// What is done to the bytes of a component.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Cut(Index),
    /// So many bytes are missing.
    Remove(Index, usize),
    /// So many bytes lie over others.
    Copy(Index, Index, usize),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        // What is shorter is no component, whatever is in it.
        let Some(length) = bytes.len().checked_sub(8).filter(|length| *length > 0) else { return };
        let at = |index: &Index| 8 + index.index(length);
        match self {
            Self::Flip(index, mask) => bytes[at(index)] ^= mask,
            Self::Cut(index) => bytes.truncate(at(index)),
            Self::Remove(index, count) => {
                let from = at(index);
                bytes.drain(from..(from + count).min(length + 8));
            }
            Self::Copy(from, to, count) => {
                let (from, to) = (at(from), at(to));
                let count = (*count).min(length + 8 - from.max(to));
                bytes.copy_within(from..from + count, to);
            }
        }
    }
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let index = any::<Index>;
    // Most that is changed in its length is refused at once: what is flipped gets furthest.
    let damage = prop_oneof![
        12 => (index(), 1..=u8::MAX).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        1 => index().prop_map(Damage::Cut),
        1 => (index(), 1..20_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        2 => (index(), index(), 1..20_usize).prop_map(|(from, to, count)| Damage::Copy(from, to, count)),
    ];
    prop::collection::vec(damage, 1..4)
}

/// Cases in a plain run of all tests. `FOREBAY_HOSTILE_COMPONENTS` asks for so many times more.
fn cases(cases: u32) -> ProptestConfig {
    let times = std::env::var("FOREBAY_HOSTILE_COMPONENTS").map_or(1, |times| times.parse().unwrap());
    ProptestConfig { cases: cases * times, max_shrink_iters: 100, ..ProptestConfig::default() }
}

/// Loads what is left of a component. If it can be, it is given a buffer in which records wait, and all of those are there
/// afterwards: no consumer has acknowledged any.
fn load_and_run(mut bytes: Vec<u8>, damages: &[Damage]) {
    for damage in damages {
        damage.apply(&mut bytes);
    }
    let Ok(component) = Component::new(&bytes, "a damaged component") else { return };
    let disk = Disk::new();
    write(&Runs::Natively.open(disk.open().unwrap(), options()), 1..=10);
    let mut options = options();
    options.restarts_per_minute = 0;
    let make = move |guard| component.instantiate(guard, Limits::default());
    if let Ok(buffer) = Buffer::open_with(Box::new(disk.open().unwrap()), options, make) {
        drop(buffer.writer().submit(records(11..=20)));
        let _ = buffer.reader().try_next_batch(5);
        let _ = buffer.status();
        // However this ends, the directory is free.
        let _ = buffer.close();
    }
    let found = read(&Runs::Natively.open(disk.open().unwrap(), options));
    assert!(found.starts_with(&ids([1..=10])), "{found:?}");
}

proptest! {
    #![proptest_config(cases(256))]

    /// A caller that opens a buffer with a component that was damaged on its way must get an answer, and its process must go on.
    #[test]
    fn a_small_component_that_was_damaged_is_refused_or_runs(damages in damages()) {
        let bytes = fs::read(project_file("tests/guests/hostile.wasm")).unwrap();
        load_and_run(bytes, &damages);
    }
}

proptest! {
    #![proptest_config(cases(40))]

    /// The same, with one that does work: most of it is code, and what is flipped there often still runs.
    #[test]
    fn a_real_component_that_was_damaged_is_refused_or_runs(damages in damages()) {
        load_and_run(fs::read(CUSTOM_POLICY).unwrap(), &damages);
    }
}
