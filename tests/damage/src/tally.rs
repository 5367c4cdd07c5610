//! What came of many directories, added up.

use std::collections::BTreeMap;

use crate::{
    generator::{Case, Class},
    ledger::State,
    reference::Judgement,
    verdict::{Failure, Verdict},
};

/// A directory that shows something, by its number, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Example {
    /// Records that were not delivered.
    pub not_delivered: u64,
    /// The directory's number.
    pub number: u64,
}

/// Directories and records of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Directories.
    pub directories: u64,
    /// Directories in which deliverable records were not delivered.
    pub with_losses: u64,
    /// Deliverable records.
    pub deliverable: u64,
    /// Deliverable records that were not delivered.
    pub not_delivered: u64,
    /// Those of them in directories that do not open or whose reader stops.
    pub not_delivered_by_stopping: u64,
}

impl Losses {
    fn add(&mut self, judgement: &Judgement, stops: bool) {
        self.directories += 1;
        self.with_losses += u64::from(judgement.not_delivered > 0);
        self.deliverable += judgement.deliverable;
        self.not_delivered += judgement.not_delivered;
        self.not_delivered_by_stopping += if stops { judgement.not_delivered } else { 0 };
    }

    fn merge(&mut self, other: &Self) {
        self.directories += other.directories;
        self.with_losses += other.with_losses;
        self.deliverable += other.deliverable;
        self.not_delivered += other.not_delivered;
        self.not_delivered_by_stopping += other.not_delivered_by_stopping;
    }
}

/// The figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Directories that were looked at.
    pub directories: u64,
    /// Directories by what is wrong with them.
    pub failures: BTreeMap<Failure, Vec<Example>>,
    /// Losses by class, and by what became of the ledger.
    pub losses: BTreeMap<(Class, State), Losses>,
    /// The directories of a class in which records were not delivered.
    pub losers: BTreeMap<Class, Vec<Example>>,
    /// Records by what was wrong with them.
    pub records: Judgement,
}

impl Tally {
    /// Adds a directory.
    pub fn add(&mut self, case: &Case<'_>, verdict: &Verdict) {
        let example = Example { not_delivered: verdict.judgement.not_delivered, number: case.number };
        self.directories += 1;
        for &failure in &verdict.failures {
            self.failures.entry(failure).or_default().push(example);
        }
        let stops = |failure: &Failure| matches!(failure, Failure::DoesNotOpen | Failure::ReaderStops);
        let stops = verdict.failures.iter().any(stops);
        let losses = self.losses.entry((verdict.class, case.states.ledger)).or_default();
        losses.add(&verdict.judgement, stops);
        if example.not_delivered > 0 {
            self.losers.entry(verdict.class).or_default().push(example);
        }
        self.records.add(&verdict.judgement);
    }

    /// Adds what another one has. Examples are put in the order of their numbers.
    pub fn merge(&mut self, other: Self) {
        self.directories += other.directories;
        for (failure, examples) in other.failures {
            append(self.failures.entry(failure).or_default(), examples);
        }
        for (class, examples) in other.losers {
            append(self.losers.entry(class).or_default(), examples);
        }
        for (key, losses) in other.losses {
            self.losses.entry(key).or_default().merge(&losses);
        }
        self.records.add(&other.records);
    }

    /// How many directories fail in this way.
    pub fn failed(&self, failure: Failure) -> u64 {
        self.failures.get(&failure).map_or(0, |examples| examples.len() as u64)
    }

    /// The losses of a class, whatever became of the ledger.
    pub fn losses(&self, class: Class) -> Losses {
        let mut sum = Losses::default();
        for ledger in State::ALL {
            sum.merge(&self.losses_with(class, ledger));
        }
        sum
    }

    /// The losses of a class where the ledger is in this state.
    pub fn losses_with(&self, class: Class, ledger: State) -> Losses {
        self.losses.get(&(class, ledger)).copied().unwrap_or_default()
    }
}

fn append(into: &mut Vec<Example>, examples: Vec<Example>) {
    into.extend(examples);
    into.sort_by_key(|example| example.number);
}

impl Judgement {
    fn add(&mut self, other: &Self) {
        self.deliverable += other.deliverable;
        self.not_delivered += other.not_delivered;
        self.invented += other.invented;
        self.undecidable += other.undecidable;
        self.out_of_order += other.out_of_order;
        self.repeated += other.repeated;
    }
}
