//! The reading order, from what the files hold: of the orders that the ring allows, the one that delivers the most.
//!
//! Files are read along the ring from some front. A reader that goes from file to file passes over ids that it has met
//! before, so a file adds only what lies above all that was read until then. [`arrange`] chooses the files that add the
//! most unread ids together. It starts at the ledger's reader file, unless another start delivers more.

use std::{cmp::Reverse, ops::Range};

use forebay_types::{FileId, RecordId};

/// The ids that a file holds: runs of adjacent records, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) file: FileId,
    pub(crate) runs: Vec<Range<RecordId>>,
}

/// The files to read, in this order: from `reader` on, or from the file with the lowest unread id on, or from the one behind
/// the most numbers that no file has. Files that add nothing unread are left out.
pub(crate) fn arrange(extents: &[Extent], reader: FileId, first_unread: RecordId) -> Vec<FileId> {
    let lowest = extents
        .iter()
        .filter_map(|extent| {
            Some((lowest_unread(extent, first_unread)?, reader.steps_to(extent.file), extent.file))
        })
        .min();
    let Some((_, _, lowest)) = lowest else { return Vec::new() };
    let fronts = [Some(lowest), behind_the_gap(extents, reader)].into_iter().flatten();
    // Where others deliver the same, the ledger is right.
    let mut best = Chain::from(extents, reader, first_unread);
    for front in fronts {
        let chain = Chain::from(extents, front, first_unread);
        if chain.events > best.events {
            best = chain;
        }
    }
    best.files
}

/// The file in front of which the most numbers of the ring are free.
fn behind_the_gap(extents: &[Extent], reader: FileId) -> Option<FileId> {
    let mut files: Vec<FileId> = extents.iter().map(|extent| extent.file).collect();
    files.sort_by_key(|file| reader.steps_to(*file));
    let before = files.last().copied().into_iter().chain(files.iter().copied());
    before.zip(&files).max_by_key(|(before, file)| before.steps_to(**file)).map(|(_, file)| *file)
}

fn lowest_unread(extent: &Extent, first_unread: RecordId) -> Option<RecordId> {
    extent.runs.iter().filter(|run| run.end > first_unread).map(|run| run.start).min()
}

/// The best reading order from one front.
struct Chain {
    files: Vec<FileId>,
    events: u64,
}

/// A run that may be read, with the best that can be read up to its end.
struct Step {
    file: FileId,
    before: Option<usize>,
    events: u64,
}

impl Chain {
    fn from(extents: &[Extent], front: FileId, first_unread: RecordId) -> Self {
        let mut in_ring_order: Vec<&Extent> = extents.iter().collect();
        in_ring_order.sort_by_key(|extent| front.steps_to(extent.file));
        let runs: Vec<(FileId, Range<RecordId>)> = in_ring_order
            .into_iter()
            .flat_map(|extent| extent.runs.iter().map(move |run| (extent.file, run.clone())))
            .map(|(file, run)| (file, run.start.max(first_unread)..run.end))
            .filter(|(_, run)| run.start < run.end)
            .collect();
        let mut ends: Vec<RecordId> = runs.iter().map(|(_, run)| run.end).collect();
        ends.sort_unstable();
        ends.dedup();
        let rank = |id: RecordId| ends.partition_point(|end| *end <= id);

        let mut steps: Vec<Step> = Vec::with_capacity(runs.len());
        // For each end: the most that a chain with this end delivers; and the same less the end itself.
        let mut whole = MaxTree::new(ends.len());
        let mut partly = MaxTree::new(ends.len());
        for (at, (file, run)) in runs.into_iter().enumerate() {
            let below_first = rank(run.start);
            let end_rank = rank(run.end).saturating_sub(1);
            let behind = whole
                .max(0..below_first)
                .map(|(events, step)| (events.0 + i128::from(run.end.since(run.start)), step));
            let overlapping =
                partly.max(below_first..end_rank).map(|(less, step)| (less.0 + i128::from(run.end.0), step));
            let alone = (i128::from(run.end.since(run.start)), Reverse(usize::MAX));
            let (events, Reverse(before)) = behind.into_iter().chain(overlapping).fold(alone, Ord::max);
            whole.raise(end_rank, (Events(events), Reverse(at)));
            partly.raise(end_rank, (Events(events - i128::from(run.end.0)), Reverse(at)));
            let before = (before != usize::MAX).then_some(before);
            steps.push(Step { file, before, events: u64::try_from(events).unwrap_or(0) });
        }
        let best = steps.iter().enumerate().max_by_key(|(at, step)| (step.events, Reverse(*at)));
        let Some((mut at, events)) = best.map(|(at, step)| (at, step.events)) else {
            return Self { files: Vec::new(), events: 0 };
        };
        let mut files = Vec::new();
        while let Some(step) = steps.get(at) {
            if files.last() != Some(&step.file) {
                files.push(step.file);
            }
            match step.before {
                Some(before) => at = before,
                None => break,
            }
        }
        files.reverse();
        Self { files, events }
    }
}

/// How many events, or the same less an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Events(i128);

/// The best of a range: the most events, then the earliest step.
type Best = (Events, Reverse<usize>);

/// The maximum of any range of places, each of which may be raised.
struct MaxTree {
    places: usize,
    nodes: Vec<Option<Best>>,
}

impl MaxTree {
    fn new(places: usize) -> Self {
        Self { places, nodes: vec![None; 2 * places.max(1)] }
    }

    fn raise(&mut self, place: usize, value: Best) {
        let mut node = place + self.places;
        while node > 0 {
            if let Some(best) = self.nodes.get_mut(node) {
                *best = (*best).max(Some(value));
            }
            node /= 2;
        }
    }

    fn max(&self, range: Range<usize>) -> Option<Best> {
        let (mut low, mut high) = (range.start + self.places, range.end + self.places);
        let mut best = None;
        while low < high {
            if low % 2 == 1 {
                best = best.max(self.nodes.get(low).copied().flatten());
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                best = best.max(self.nodes.get(high).copied().flatten());
            }
            (low, high) = (low / 2, high / 2);
        }
        best
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::single_range_in_vec_init)]

    use super::*;

    fn file(number: u16) -> FileId {
        FileId::new(number).unwrap()
    }

    fn extents(files: &[(u16, &[Range<u64>])]) -> Vec<Extent> {
        files
            .iter()
            .map(|(number, runs)| Extent {
                file: file(*number),
                runs: runs.iter().map(|run| RecordId(run.start)..RecordId(run.end)).collect(),
            })
            .collect()
    }

    fn order(files: &[(u16, &[Range<u64>])], reader: u16, first_unread: u64) -> Vec<u16> {
        let order = arrange(&extents(files), file(reader), RecordId(first_unread));
        order.into_iter().map(FileId::get).collect()
    }

    /// A directory that nothing happened to is read as the ledger says, round the end of the ring as well.
    #[test]
    fn files_in_order_are_read_in_order() {
        let whole: [(u16, &[Range<u64>]); 3] = [(65_534, &[1..10]), (0, &[10..20]), (1, &[20..30])];
        assert_eq!(order(&whole, 65_534, 1), [65_534, 0, 1]);
        assert_eq!(order(&whole, 65_534, 10), [0, 1], "what is acknowledged adds nothing");
        assert_eq!(order(&whole, 65_534, 30), [0; 0]);
    }

    /// A reader file that one flipped bit has moved must not hide the records in front of it.
    #[test]
    fn another_front_is_taken_where_more_is_delivered() {
        let whole: [(u16, &[Range<u64>]); 3] = [(3, &[1..10]), (4, &[10..20]), (5, &[20..30])];
        assert_eq!(order(&whole, 5, 1), [3, 4, 5]);
        assert_eq!(order(&whole, 900, 1), [3, 4, 5]);
    }

    /// An older copy that the operator put back repeats ids: the reader skips those, and reads what the copy adds.
    #[test]
    fn a_file_counts_with_what_it_adds() {
        assert_eq!(order(&[(3, &[1..100]), (4, &[50..150]), (5, &[150..160])], 3, 1), [3, 4, 5]);
        assert_eq!(order(&[(3, &[1..100]), (4, &[20..80]), (5, &[100..160])], 3, 1), [3, 5]);
        // A later copy in front would hide the older file behind it. It is read last, round the ring.
        assert_eq!(order(&[(3, &[500..510]), (4, &[1..400])], 3, 1), [4, 3]);
    }

    /// One misplaced frame with a high id must not make the files behind it look passed.
    #[test]
    fn a_misplaced_frame_costs_no_file() {
        assert_eq!(order(&[(3, &[1..100, 900_000..900_001]), (4, &[100..200])], 3, 1), [3, 4]);
    }

    /// The tree agrees with a search through all chains.
    #[test]
    fn no_chain_delivers_more() {
        let mut seed = 7_u64;
        let mut below = |bound: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % bound
        };
        for _ in 0..500 {
            let files: Vec<Extent> = (0..6)
                .map(|number| {
                    let start = below(30) + 1;
                    Extent {
                        file: file(number),
                        runs: vec![RecordId(start)..RecordId(start + below(12) + 1)],
                    }
                })
                .collect();
            let delivered = |chosen: &[FileId]| {
                let mut next = RecordId(1);
                let mut events = 0;
                for file in chosen {
                    let run = &files.iter().find(|extent| extent.file == *file).unwrap().runs[0];
                    events += run.end.since(run.start.max(next));
                    next = next.max(run.end);
                }
                events
            };
            let best = (0_u32..64)
                .map(|set| {
                    let chosen: Vec<FileId> =
                        (0..6).filter(|number| set & (1 << number) != 0).filter_map(FileId::new).collect();
                    delivered(&chosen)
                })
                .max()
                .unwrap();
            let chosen = Chain::from(&files, file(0), RecordId(1));
            assert_eq!((chosen.events, delivered(&chosen.files)), (best, best), "{files:?}");
        }
    }
}
