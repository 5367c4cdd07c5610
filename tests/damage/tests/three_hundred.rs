//! The first 300 directories of one seed. `just damage SEED` looks at 10,000.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use damage::{
    base::Base,
    binary::Binary,
    generator::{Case, Class, base_of},
    image::{LEDGER, SIDECAR},
    report,
    sidecar::newer_slot_first,
    suite,
    tally::Tally,
    verdict::Failure,
};

const SEED: u64 = 11;
const DIRECTORIES: u64 = 300;

/// How many of the 300 directories fail at present. Lower a number when it has come down; none may go up.
const FAILURES_AT_MOST: [(Failure, u64); 11] = [
    (Failure::DoesNotOpen, 0),
    (Failure::ReaderStops, 0),
    (Failure::RefusesWrites, 0),
    (Failure::LooksDiffer, 0),
    (Failure::WriteHides, 0),
    (Failure::LookChangesFiles, 0),
    (Failure::VerifyDisagrees, 0),
    (Failure::Invents, 0),
    (Failure::Repeats, 0),
    (Failure::OverstatesLoss, 9),
    (Failure::Crashes, 0),
];

/// How many deliverable records are not delivered at present, by the class of the directory.
const NOT_DELIVERED_AT_MOST: [(Class, u64); 5] = [
    (Class::FewValues, 0),
    (Class::FewPlaces, 0),
    (Class::FewOthers, 0),
    (Class::Many, 29),
    (Class::Shifted, 459),
];

fn root() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn binary(root: &tempfile::TempDir) -> Binary {
    Binary::find(root.path().join("cache")).unwrap()
}

/// What damage costs must not grow, whatever else is changed.
#[test]
fn damage_costs_no_more_than_it_did() {
    let root = root();
    let tally: Tally = suite::run(&binary(&root), root.path(), SEED, 0..DIRECTORIES, |_| ()).unwrap();
    println!("{}\n{}", report::table(&tally), report::examples(&tally, SEED, 3));
    assert_eq!(tally.directories, DIRECTORIES);
    // What is damaged beyond use would ask for nothing.
    for class in Class::ALL {
        let losses = tally.losses(class);
        assert!(losses.directories >= 10 && losses.deliverable > 1000, "{class}: {losses:?}");
    }
    let failures = FAILURES_AT_MOST.iter().filter(|&&(failure, most)| tally.failed(failure) > most);
    let failures: Vec<String> = failures
        .map(|(failure, most)| format!("{failure}: {}, not {most}", tally.failed(*failure)))
        .collect();
    let losses =
        NOT_DELIVERED_AT_MOST.iter().filter(|&&(class, most)| tally.losses(class).not_delivered > most);
    let losses: Vec<String> = losses
        .map(|(class, most)| {
            format!("{class}: {} not delivered, not {most}", tally.losses(*class).not_delivered)
        })
        .collect();
    assert!(failures.is_empty() && losses.is_empty(), "more than before: {failures:#?} {losses:#?}");
}

/// A figure is of use only to those who can repeat it, and a directory only if it comes again alone.
#[test]
fn a_directory_comes_again_with_its_seed_and_number() {
    let (root, other_root) = (root(), root());
    let binary = binary(&root);
    let make = |root: &tempfile::TempDir, seed, number| {
        Base::make(&binary, root.path(), seed, base_of(number)).unwrap()
    };
    let (base, again, other) =
        (make(&root, SEED, 0), make(&other_root, SEED, 0), make(&other_root, SEED + 1, 25));
    assert_eq!(base.placed, again.placed);
    assert_ne!(base.fingerprints, other.fingerprints);
    // Its times and sequence numbers are others each time.
    for sidecar in [&base, &again].map(|base| base.image().bytes(SIDECAR).unwrap()) {
        assert_eq!(newer_slot_first(sidecar), sidecar);
    }
    let mut differ = 0;
    for number in 0..50 {
        let (case, same) = (Case::generate(&base, SEED, number), Case::generate(&again, SEED, number));
        assert_eq!(case.bed.files(), same.bed.files(), "{number}");
        assert_eq!(case.image.bytes(LEDGER), same.image.bytes(LEDGER), "{number}");
        assert_eq!((case.states, &case.damages), (same.states, &same.damages), "{number}");
        differ += usize::from(case.damages != Case::generate(&base, SEED + 1, number).damages);
    }
    assert!(differ > 45, "{differ} of 50 directories of another seed are others");
}
