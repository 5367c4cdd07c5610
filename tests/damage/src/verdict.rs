//! What is wrong with how the binary dealt with one damaged directory.

use std::fmt;

use anyhow::Result;

use crate::{
    generator::{Case, Class},
    ledger::State,
    looks::{self, Looks},
    reference::{Delivered, Judgement, Reference},
};

/// One thing that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// The directory does not open.
    DoesNotOpen,
    /// A `read`, with or without `--peek`, does not end with 0 though the directory opens.
    ReaderStops,
    /// A record that is written afterwards is not taken.
    RefusesWrites,
    /// `read --peek`, the same again and `read` do not print the same, or do not end alike.
    LooksDiffer,
    /// After a write to the directory as it was damaged, `read --peek` does not print what it printed before, and then the
    /// record that was written.
    WriteHides,
    /// `read --peek` or `verify` changes, makes or removes a file.
    LookChangesFiles,
    /// `verify` does not end, or finds another number of lost records than `read` loses. Where the ledger is intact the
    /// lost records are also counted as the ids between the last acknowledged and the next one that were not delivered. Not
    /// asked where the reader stops or no record is taken.
    VerifyDisagrees,
    /// A record was invented, or came out of order.
    Invents,
    /// A record was delivered again though the ledger is intact.
    Repeats,
    /// `read` says that it lost more records than were ever written.
    OverstatesLoss,
    /// A process hung, or died of a signal or a panic.
    Crashes,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::DoesNotOpen,
        Self::ReaderStops,
        Self::RefusesWrites,
        Self::LooksDiffer,
        Self::WriteHides,
        Self::LookChangesFiles,
        Self::VerifyDisagrees,
        Self::Invents,
        Self::Repeats,
        Self::OverstatesLoss,
        Self::Crashes,
    ];
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DoesNotOpen => "do not open",
            Self::ReaderStops => "open, and a reader stops",
            Self::RefusesWrites => "accept no writes afterwards",
            Self::LooksDiffer => "looks print different records",
            Self::WriteHides => "a write changes what is found",
            Self::LookChangesFiles => "a look changes a file",
            Self::VerifyDisagrees => "`verify` disagrees with `read`",
            Self::Invents => "records invented or out of order",
            Self::Repeats => "acknowledged records again, ledger intact",
            Self::OverstatesLoss => "`read` says that more is lost than was ever written",
            Self::Crashes => "a process hangs or dies",
        })
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which limit the directory has.
    pub class: Class,
    /// Each thing that must not be, once.
    pub failures: Vec<Failure>,
    /// The records of `read`.
    pub judgement: Judgement,
}

impl Verdict {
    /// Compares what the looks found with what is in the directory.
    pub fn of(case: &Case<'_>, looks: &Looks) -> Result<Self> {
        let reference = Reference::new(&case.bed, &case.image, case.states);
        let read = looks::delivered(&looks.read)?;
        let judgement = reference.judge(&read);
        let mut invents = judgement.invented + judgement.out_of_order > 0;
        let mut repeats = judgement.repeated > 0;
        let [first, second] = &looks.peeks;
        let ends = |ended: &crate::binary::Ended| (ended.code, ended.stdout.clone());
        let same = ends(first) == ends(second) && ends(second) == ends(&looks.read);
        if !same {
            for peek in &looks.peeks {
                let judgement = reference.judge(&looks::delivered(peek)?);
                invents |= judgement.invented + judgement.out_of_order > 0;
                repeats |= judgement.repeated > 0;
            }
        }
        let stops = [first, second, &looks.read].iter().any(|ended| !matches!(ended.code, Some(0 | 1)));
        let written = looks.written();
        let write_hides_nothing = looks.write_hides_nothing()?;
        let found = |failure| match failure {
            Failure::DoesNotOpen => !looks.opens,
            Failure::ReaderStops => looks.opens && stops,
            Failure::RefusesWrites => written.is_none(),
            Failure::LooksDiffer => !same,
            Failure::WriteHides => same && !stops && !write_hides_nothing,
            Failure::LookChangesFiles => !looks.changed.is_empty(),
            Failure::VerifyDisagrees => {
                let next = written.as_ref().and_then(|written| written.first_id);
                !stops && next.is_some_and(|next| !verify_agrees(case, looks, &read, next))
            }
            Failure::Invents => invents,
            Failure::Repeats => repeats,
            Failure::OverstatesLoss => looks::lost(&looks.read) > case.bed.base.fingerprints.len() as u64,
            Failure::Crashes => looks.all().iter().any(|(_, ended)| ended.is_crash()),
        };
        let failures = Failure::ALL.into_iter().filter(|&failure| found(failure)).collect();
        Ok(Self { class: case.class, failures, judgement })
    }
}

/// Whether `verify` finds what `read` loses, where the next record gets this id.
fn verify_agrees(case: &Case<'_>, looks: &Looks, read: &[Delivered], next: u64) -> bool {
    let Some(found) = looks.verified() else { return false };
    if found.lost_records != looks::lost(&looks.read) {
        return false;
    }
    if case.states.ledger != State::Intact {
        return true;
    }
    let unread = case.bed.base.acknowledged + 1..next;
    let delivered = read.iter().filter(|record| unread.contains(&record.id)).count() as u64;
    found.lost_records == unread.end.saturating_sub(unread.start).saturating_sub(delivered)
}
