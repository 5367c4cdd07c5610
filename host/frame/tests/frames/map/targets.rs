//! How much a map may lose of files with generated damage, and that it invents nothing.

use forebay_frame::Fences;

use crate::{
    data_file::{DataFile, Record},
    map::{
        damage::{self, Kind, Rng, SECTORS, damage},
        reader, streaming,
    },
};

/// What came of some files.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    files: u64,
    /// Records whose frames are unchanged, where they were written.
    deliverable: u64,
    lost: u64,
    /// Records that were delivered and never written, in this file or in an older one.
    invented: u64,
    /// Records of an older file.
    stale: u64,
}

const PLAIN: [Kind; 6] = [
    Kind::Bit,
    Kind::Length,
    Kind::Zeroed(SECTORS[0]),
    Kind::Zeroed(SECTORS[1]),
    Kind::Noise(SECTORS[0]),
    Kind::Noise(SECTORS[1]),
];
const SECTOR_KINDS: [Kind; 6] = [
    Kind::Stale(SECTORS[0]),
    Kind::Stale(SECTORS[1]),
    Kind::Swapped(SECTORS[0]),
    Kind::Swapped(SECTORS[1]),
    Kind::Misplaced(SECTORS[0]),
    Kind::Misplaced(SECTORS[1]),
];
const OTHER: [Kind; 3] = [Kind::SwappedFrames, Kind::Truncated, Kind::Grown];

/// Whether two damages are in one frame.
fn in_one_frame(file: &DataFile, damages: &[Vec<(usize, usize)>]) -> bool {
    file.records.iter().any(|record| {
        let hit = |damage: &&Vec<(usize, usize)>| {
            damage.iter().any(|(start, end)| *start < record.end && record.start < *end)
        };
        damages.iter().filter(hit).count() > 1
    })
}

/// Damages files of 16 KiB with `least..=most` damages of some kinds each.
fn figures(
    name: &str,
    files: u64,
    kinds: &[Kind],
    least: usize,
    most: usize,
    apart: bool,
    min_is_known: bool,
) -> Figures {
    let mut figures = Figures::default();
    let only: Option<u64> = std::env::var("FOREBAY_FRAME_SEED").ok().and_then(|seed| seed.parse().ok());
    let files =
        std::env::var("FOREBAY_FRAME_FILES").ok().and_then(|files| files.parse().ok()).unwrap_or(files);
    for seed in only.map_or(0..files, |seed| seed..seed + 1) {
        let mut rng = Rng(seed * 1000);
        let older = damage::file(&mut rng, 16 * 1024);
        let mut file = damage::file(&mut rng, 16 * 1024);
        if older.records.is_empty() || file.records.is_empty() {
            continue;
        }
        // Later ids than those of the older file.
        let shift = older.next_id() + rng.next() % 100;
        file = file.records.iter().fold(DataFile::default(), |mut shifted, record| {
            shifted.push(record.id + shift, record.metadata, record.events, &record.payload);
            shifted
        });
        let (bytes, damages) = loop {
            let mut bytes = file.bytes.clone();
            let count = least + rng.below(most - least + 1);
            let damages: Vec<_> = (0..count)
                .map(|_| {
                    let kind = kinds[rng.below(kinds.len())];
                    (kind, damage(&mut rng, kind, &mut bytes, &file, &older))
                })
                .collect();
            let places: Vec<_> = damages.iter().map(|(_, places)| places.clone()).collect();
            if !apart || !in_one_frame(&file, &places) {
                break (bytes, damages);
            }
        };
        let known = reader::fences(&file);
        let end = known.end.filter(|_| rng.one_in(2));
        let fences = Fences { min: known.min.filter(|_| min_is_known), end };
        let delivered = reader::read(&bytes, fences);
        streaming::same_as_map(&bytes, fences, &delivered);
        // A copy of a record at another place is as good.
        let got = |wanted: &Record| {
            delivered.iter().any(|record| record.id == wanted.id && record.payload == wanted.payload)
        };
        let unchanged = |start: usize, end: usize| bytes.get(start..end) == file.bytes.get(start..end);
        let deliverable: Vec<_> =
            file.records.iter().filter(|record| unchanged(record.start, record.end)).collect();
        // After swaps and copies the longest rising run counts.
        let moved = damages
            .iter()
            .any(|(kind, _)| matches!(kind, Kind::Swapped(_) | Kind::Misplaced(_) | Kind::SwappedFrames));
        let enough = moved && delivered.len() >= deliverable.len();
        let mut lost: Vec<_> =
            deliverable.iter().filter(|record| !got(record)).map(|record| record.id).collect();
        if enough {
            lost.clear();
        }
        let wrote = |file: &DataFile, found: &reader::Delivered| {
            file.records.iter().any(|record| record.id == found.id && record.payload == found.payload)
        };
        let stale = delivered.iter().filter(|found| !wrote(&file, found) && wrote(&older, found)).count();
        let invented: Vec<_> = delivered
            .iter()
            .filter(|found| !wrote(&file, found) && !wrote(&older, found))
            .map(|found| found.id)
            .collect();
        if !lost.is_empty() || !invented.is_empty() {
            println!(
                "{name} {seed}: lost {} {lost:?} invented {invented:?}, {damages:?}, {fences:?}, {} records",
                lost.len(),
                file.records.len()
            );
            if only.is_some() {
                println!("{:#?}", reader::map(&bytes, fences).stretches());
                for record in &file.records {
                    println!("{} {}..{} {}", record.id, record.start, record.end, record.payload.len());
                }
            }
        }
        figures.files += 1;
        figures.deliverable += deliverable.len() as u64;
        figures.lost += lost.len() as u64;
        figures.invented += invented.len() as u64;
        figures.stale += stale as u64;
    }
    println!("{name}: {figures:?}");
    figures
}

// One or two faults cost the records that they hit.
#[test]
fn one_or_two_damages_lose_no_record_that_they_did_not_hit() {
    let figures = figures("plain", 2000, &PLAIN, 1, 2, true, true);
    assert_eq!((figures.lost, figures.invented), (0, 0));
}

// A device that writes blocks to the wrong place leaves frames that look right.
#[test]
fn one_or_two_misplaced_sectors_lose_almost_nothing() {
    let kinds = [&PLAIN[..], &SECTOR_KINDS].concat();
    let figures = figures("sectors", 2000, &kinds, 1, 2, true, true);
    assert!(figures.lost * 50_000 <= figures.deliverable, "{figures:?}");
    assert_eq!(figures.invented, 0);
}

#[test]
fn many_damages_lose_few_records_that_they_did_not_hit() {
    let kinds = [&PLAIN[..], &SECTOR_KINDS, &OTHER].concat();
    let figures = figures("many", 2000, &kinds, 3, 20, false, true);
    assert!(figures.lost * 200 <= figures.deliverable, "{figures:?}");
    assert_eq!(figures.invented, 0);
}
