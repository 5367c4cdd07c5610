//! Which versions of dependencies are locked. CI cannot reach the advisory database; what is known of it is kept here.

mod licenses;

use std::fs;

use crate::support::fixtures::project_file;

/// Versions below these have holes that concern us.
const FLOORS: [(&str, [u64; 3]); 4] = [
    // The long-term-support line, with the fixes of RUSTSEC-2026-0222 and RUSTSEC-2026-0223: traps leave the engine's state
    // broken, and guests are stopped by traps.
    ("wasmtime", [48, 0, 8]),
    // What opens files below a directory, and no others. RUSTSEC-2024-0445 is about versions below 3.4.1; of this major none
    // is known, and nothing needs one that is older than the one that was tested.
    ("cap-std", [4, 0, 3]),
    ("cap-primitives", [4, 0, 3]),
    // RUSTSEC-2026-0186; the ledger is mapped with it.
    ("memmap2", [0, 9, 11]),
];

/// Not to be used at all: five advisories in a year, and a dozen lines of zerocopy do its job here; and the logic of a
/// buffer gets no WASI, so that none of it need be trusted.
const ABSENT: [&str; 2] = ["rkyv", "wasmtime-wasi"];

/// The names and versions of all packages in the lock file.
fn locked() -> Vec<(String, [u64; 3])> {
    let text = fs::read_to_string(project_file("Cargo.lock")).unwrap();
    let value = |line: &str, key: &str| {
        Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned())
    };
    let mut packages = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = value(line, "name") {
            packages.push((name, version(&value(lines.next().unwrap(), "version").unwrap())));
        }
    }
    packages
}

fn version(text: &str) -> [u64; 3] {
    let numbers = text.split(['-', '+']).next().unwrap().split('.');
    let numbers: Vec<u64> = numbers.map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

/// An old version comes back with one careless `cargo update --precise`.
#[test]
fn no_dependency_is_locked_below_its_floor() {
    for (name, floor) in FLOORS {
        let versions: Vec<_> = locked().into_iter().filter(|(locked, _)| locked == name).collect();
        assert!(!versions.is_empty(), "{name} is not in Cargo.lock: its floor can go");
        assert!(versions.iter().all(|(_, version)| *version >= floor), "{versions:?} is below {floor:?}");
    }
}

/// What we chose to do without may still come in through our dependencies' own.
#[test]
fn no_dependency_is_locked_that_must_not_be_there() {
    let unwanted: Vec<_> = locked().into_iter().filter(|(name, _)| ABSENT.contains(&name.as_str())).collect();
    assert!(unwanted.is_empty(), "{unwanted:?}");
}
