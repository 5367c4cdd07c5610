//! `forebay verify`: reads every frame of a buffer from outside, and says what is whole and what is not. What it calls lost is
//! what a reader would lose: it is found by the same code.

mod inspection;
mod ranges;
mod report;
#[cfg(test)]
mod tests;

use forebay::storage::native::{Holder, ReadOnly, Snapshot, SnapshotError};
use forebay_core::look::{Finding, LedgerState, Look};

pub(crate) use self::report::Report;
use self::{inspection::Inspection, report::Kind};
use crate::{
    args::{Format, LookArgs},
    exit::Exit,
    logging, print,
};

pub(crate) fn run(args: &LookArgs) -> anyhow::Result<Exit> {
    let (report, ()) = inspect(|| Snapshot::take(&args.dir), |(), _| ())?;
    match args.format {
        Format::Json => print::json(&report)?,
        Format::Text => print::lines(&report.text(&args.dir)?)?,
    }
    Ok(if report.ok { Exit::Done } else { Exit::No })
}

/// Looks at a buffer, also while another process has it. `see` makes of what is found what else the caller wants.
pub(crate) fn inspect<T: Default>(
    take: impl FnMut() -> Result<Snapshot, SnapshotError>,
    see: impl Fn(&mut T, &Finding),
) -> Result<(Report, T), SnapshotError> {
    Snapshot::look(take, |snapshot| {
        snapshot.must_be_buffer()?;
        let is_held = matches!(snapshot.holder(), Holder::Held(_));
        let mut seen = T::default();
        let report = look(snapshot, is_held, |finding| see(&mut seen, finding))?;
        Ok((report, seen))
    })
}

/// Looks at a snapshot. `is_held`: another process has the buffer and may be writing to it.
pub(crate) fn look(
    snapshot: &Snapshot,
    is_held: bool,
    see: impl FnMut(&Finding),
) -> Result<Report, SnapshotError> {
    // The report tells what a reader would log.
    logging::in_silence(|| report_on(snapshot, is_held, see))
}

fn report_on(
    snapshot: &Snapshot,
    is_held: bool,
    mut see: impl FnMut(&Finding),
) -> Result<Report, SnapshotError> {
    let mut look = Look::new(Box::new(ReadOnly::of(snapshot)?))?;
    let mut lost = look.losses()?;
    let live_next = snapshot.readable_ledger().filter(|_| is_held).map(|ledger| ledger.writer_next_record);
    let mut inspection = Inspection::new(look.first_unread(), live_next);
    look.findings(|finding| {
        see(&finding);
        inspection.add(finding);
    })?;
    if is_held && let Some(now) = Snapshot::take(snapshot.path())?.readable_ledger() {
        // What was acknowledged meanwhile may be gone by right.
        for ids in &mut lost {
            ids.start = ids.start.max(now.first_unread()).min(ids.end);
        }
        lost.retain(|ids| !ids.is_empty());
    }
    let mut report = inspection.finish(look.next_id(), &lost);
    match look.ledger_state() {
        LedgerState::Doubtful(ids) if !is_held => report.add_bad_ledger(Kind::Doubtful, Some(ids.clone())),
        LedgerState::Overrun => report.add_bad_ledger(Kind::Overrun, None),
        LedgerState::Missing | LedgerState::Replaced => report.add_bad_ledger(Kind::Ledger, None),
        _ if snapshot.lacks_ledger() => report.add_bad_ledger(Kind::Ledger, None),
        _ => {}
    }
    Ok(report)
}
