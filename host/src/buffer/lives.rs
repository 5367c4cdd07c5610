//! The lives of a buffer's logic: an instance that has failed is dropped, and a fresh one opens the same directory over the
//! same guard, under the same lock.

use std::{collections::VecDeque, fmt, sync::Arc};

use forebay_types::RecordId;
use tracing::{info, warn};

use super::{options::Options, runtime::Runtime, source::Source};
use crate::{
    brake::Brake,
    engine::Limits,
    guard::{Guard, OpenReport, Rescue},
    logic::{CallError, Logic, LogicOptions, NotMade, call_logic},
    panics::caught,
    storage::StorageError,
};

/// For how long a restart counts, in nanoseconds.
const MINUTE_NS: u64 = 60_000_000_000;

/// How many calls of logic that was put in place of other logic must have been answered before the other is given up.
const TRIAL_CALLS: u32 = 64;

/// What a fresh instance has to be told besides its options.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// The id below which the consumer has acknowledged everything since the buffer was opened.
    pub(super) done: RecordId,
    /// Whether writing has ended.
    pub(super) writing_ended: bool,
}

/// The instance that runs, and what makes the next one.
pub(super) struct Lives {
    source: Source,
    limits: Limits,
    options: Options,
    runtime: Arc<dyn Runtime>,
    life: Life,
    /// Where the guard comes back to when logic that has it panics.
    rescue: Rescue,
    /// Once it is pulled, no fresh instance takes over.
    brake: Brake,
    restarts: Restarts,
    replacements: u64,
    /// What ran before, while the present logic is on trial.
    former: Option<Former>,
    /// Why the logic that was put in last was taken out again.
    fell_back: Option<String>,
}

/// What goes on if the present logic fails on trial.
struct Former {
    source: Source,
    /// What proved itself last, where this one was still on trial itself.
    proved: Option<Source>,
    calls_left: u32,
}

impl Former {
    fn new(source: Source, proved: Option<Source>) -> Self {
        Self { source, proved, calls_left: TRIAL_CALLS }
    }
}

enum Life {
    Running(Box<dyn Logic>),
    /// There is no instance, and there will be none.
    Over(Box<Guard>),
    /// One instance is being exchanged for the next: no caller sees this. Where a panic ends it, [`give_up`](Lives::give_up)
    /// does.
    Between,
}

/// How often a fresh instance has taken over.
#[derive(Debug, Default)]
struct Restarts {
    total: u64,
    /// The times of those in the last minute.
    recent: VecDeque<u64>,
}

impl Restarts {
    /// Whether one more is allowed now. It is counted then.
    fn allow(&mut self, now_ns: u64, most: u32) -> bool {
        while self.recent.pop_front_if(|time| now_ns.saturating_sub(*time) >= MINUTE_NS).is_some() {}
        let is_allowed = self.recent.len() < usize::try_from(most).unwrap_or(usize::MAX);
        if is_allowed {
            self.recent.push_back(now_ns);
            self.total += 1;
        }
        is_allowed
    }
}

impl Lives {
    /// The first instance, which has opened its buffer.
    pub(super) fn begin(
        guard: Guard,
        mut source: Source,
        limits: Limits,
        options: Options,
        runtime: Arc<dyn Runtime>,
        brake: Brake,
    ) -> Result<(Self, OpenReport), CallError> {
        let rescue = Rescue::default();
        let mut logic = source.make(guard, limits, &rescue, &brake).map_err(|not_made| not_made.error)?;
        let logic_options = logic_options(&options, options.peek, runtime.now_ns());
        let opened = caught(|| open(&mut *logic, &logic_options, options.peek));
        let report = opened.map_err(|text| CallError::panicked(&text)).flatten()?;
        let life = Life::Running(logic);
        let lives = Self {
            source,
            limits,
            options,
            runtime,
            life,
            rescue,
            brake,
            restarts: Restarts::default(),
            replacements: 0,
            former: None,
            fell_back: None,
        };
        Ok((lives, report))
    }

    pub(super) fn guard(&mut self) -> &mut Guard {
        match &mut self.life {
            Life::Running(logic) => logic.guard(),
            Life::Over(guard) => guard,
            Life::Between => unreachable!("an exchange of instances puts one in its place"),
        }
    }

    /// Calls the instance. After a failure [`restart`](Self::restart) comes before the next call.
    pub(super) fn call<T>(
        &mut self,
        call: impl FnOnce(&mut (dyn Logic + 'static)) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let answer = match &mut self.life {
            Life::Running(logic) => call_logic(&mut **logic, call),
            Life::Over(_) | Life::Between => Err(CallError::Failed { reason: "it failed before".to_owned() }),
        };
        if answer.is_ok() {
            self.former.take_if(|former| {
                former.calls_left = former.calls_left.saturating_sub(1);
                former.calls_left == 0
            });
        }
        answer
    }

    /// The time now, as the logic sees it.
    pub(super) fn now_ns(&self) -> u64 {
        self.runtime.now_ns()
    }

    /// Whether the process was told to end, and the logic may do nothing more.
    pub(super) fn is_braked(&self) -> bool {
        self.brake.is_pulled()
    }

    /// How often a fresh instance has taken over.
    pub(super) fn restarts(&self) -> u64 {
        self.restarts.total
    }

    /// How often other logic has taken over, whether or not it stayed.
    pub(super) fn replacements(&self) -> u64 {
        self.replacements
    }

    /// Why the logic that was put in last was taken out again; `None` if it was not.
    pub(super) fn fell_back(&self) -> Option<&str> {
        self.fell_back.as_deref()
    }

    /// Has other logic take over. Where it does not open the buffer, a fresh instance of the former goes on, and the outer
    /// result is well; the error says that that one failed as well.
    pub(super) fn replace(
        &mut self,
        source: Source,
        standing: Standing,
    ) -> Result<Result<(), CallError>, CallError> {
        if !standing.writing_ended
            && let Err(error) = self.call(Logic::close_writer)
        {
            // Whatever it was about, the guard's account says what it has done.
            warn!(%error, "logic that is to be replaced did not close the buffer well");
        }
        let source = std::mem::replace(&mut self.source, source);
        // Of those that were on trial, only the last has a way back: it runs well until now.
        let proved = self.former.take().map(|former| former.proved.unwrap_or(former.source));
        let former = Former::new(source, proved);
        self.replacements += 1;
        self.fell_back = None;
        let opened = self.begin_again(Guard::replace, standing);
        self.former = Some(former);
        let Err(failure) = opened else {
            info!(logic = ?self.source, "other logic has taken over");
            return Ok(Ok(()));
        };
        self.fall_back(&failure, standing)?;
        Ok(Err(failure))
    }

    /// Logic that is on trial has failed: a fresh instance of the former takes over. If that was on trial too, it still is.
    fn fall_back(&mut self, failure: &CallError, standing: Standing) -> Result<(), CallError> {
        if let Some(former) = self.former.take() {
            warn!(reason = %failure, logic = ?self.source, "logic that has taken over fails: back to the former");
            self.source = former.source;
            self.former = former.proved.map(|proved| Former::new(proved, None));
            self.fell_back = Some(failure.to_string());
        }
        match self.begin_again(Guard::reopen, standing) {
            Ok(()) => Ok(()),
            Err(again) => self.restart(again, standing),
        }
    }

    /// Has a fresh instance take over from one that has failed. The error says why none does: it failed too often, and the
    /// next would only fail again.
    pub(super) fn restart(&mut self, mut failure: CallError, standing: Standing) -> Result<(), CallError> {
        if self.former.is_some() && !self.is_braked() {
            return self.fall_back(&failure, standing);
        }
        loop {
            let now_ns = self.runtime.now_ns();
            if self.is_braked() || !self.restarts.allow(now_ns, self.options.restarts_per_minute) {
                self.life = Life::Over(Box::new(self.take_guard()));
                return Err(failure);
            }
            warn!(reason = %failure, restarts = self.restarts.total, "a fresh instance of the logic takes over");
            match self.begin_again(Guard::reopen, standing) {
                Ok(()) => return Ok(()),
                Err(again) => failure = again,
            }
        }
    }

    fn begin_again(&mut self, prepare: impl FnOnce(&mut Guard), standing: Standing) -> Result<(), CallError> {
        let mut guard = self.take_guard();
        prepare(&mut guard);
        let mut logic = match self.source.make(guard, self.limits, &self.rescue, &self.brake) {
            Ok(logic) => logic,
            Err(not_made) => {
                let NotMade { guard, error } = *not_made;
                self.life = Life::Over(Box::new(guard));
                return Err(error);
            }
        };
        let options = logic_options(&self.options, true, self.runtime.now_ns());
        let opened = open(&mut *logic, &options, self.options.peek).and_then(|report| {
            info!(
                first_unread = report.first_unread.0,
                next_id = report.next_id.0,
                "the logic has opened the buffer again"
            );
            catch_up(&mut *logic, standing)
        });
        self.life = Life::Running(logic);
        opened
    }

    fn take_guard(&mut self) -> Guard {
        match std::mem::replace(&mut self.life, Life::Between) {
            Life::Running(logic) => logic.into_guard(),
            Life::Over(guard) => *guard,
            Life::Between => unreachable!("an exchange of instances puts one in its place"),
        }
    }

    /// No more instances: what is left goes to the next owner.
    pub(super) fn end(mut self) -> Result<(Guard, Source), CallError> {
        let guard = caught(|| self.take_guard()).map_err(|text| CallError::panicked(&text))?;
        Ok((guard, self.source))
    }

    /// Code of the logic's has panicked, or the host's own. There will be no more instances, and the guard comes from where it
    /// is now.
    pub(super) fn give_up(&mut self) {
        let guard = match std::mem::replace(&mut self.life, Life::Between) {
            Life::Running(logic) => caught(|| logic.into_guard()).ok(),
            Life::Over(guard) => Some(*guard),
            Life::Between => None,
        };
        self.life = Life::Over(Box::new(guard.unwrap_or_else(|| self.rescue.take())));
    }
}

impl fmt::Debug for Lives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lives")
            .field("source", &self.source)
            .field("restarts", &self.restarts)
            .finish_non_exhaustive()
    }
}

fn logic_options(options: &Options, takes_over: bool, now_ns: u64) -> LogicOptions {
    LogicOptions {
        max_bytes: options.max_bytes,
        file_bytes: options.file_bytes,
        max_events: options.max_events,
        when_full: options.when_full,
        takes_over,
        sync_interval_ms: u32::try_from(options.sync_interval.as_millis()).unwrap_or(u32::MAX),
        now_ns,
        more: options.retain_newest.map(|events| (LogicOptions::RETAIN_NEWEST, events)).into_iter().collect(),
    }
}

/// Opens the buffer with an instance. Without a ledger the next opener would not know where delivery begins.
fn open(
    logic: &mut (dyn Logic + 'static),
    options: &LogicOptions,
    peeks: bool,
) -> Result<OpenReport, CallError> {
    call_logic(logic, |logic| logic.open(options))?;
    if logic.guard().ledger().is_none() {
        return Err(CallError::Failed { reason: "it opened the buffer and stored no ledger".to_owned() });
    }
    let failed = |error: StorageError| CallError::Storage(Arc::new(error));
    let report = logic.guard().opened().map_err(failed)?;
    // Ids that no file holds, and that nothing follows, are passed: there is nothing to wait for.
    let through = logic.guard().acknowledge(RecordId(0)).map_err(failed)?;
    if through < report.first_unread {
        return Ok(report);
    }
    if !peeks {
        match call_logic(logic, |logic| logic.acknowledge(through)) {
            Err(error) if error.ends_instance() => return Err(error),
            // The next acknowledgement makes up for an error.
            Ok(()) | Err(_) => {}
        }
    }
    let first_unread = through.after(1);
    let events = report.next_id.since(first_unread);
    Ok(OpenReport { first_unread, events, ..report })
}

/// Tells a fresh instance what its predecessor knew.
fn catch_up(logic: &mut dyn Logic, standing: Standing) -> Result<(), CallError> {
    let acknowledged = logic.guard().passed();
    let mut told = Ok(());
    if standing.done > acknowledged.after(1) {
        told = logic.acknowledge(RecordId(standing.done.0.saturating_sub(1)));
    }
    if standing.writing_ended && told.is_ok() {
        told = logic.close_writer();
    }
    match told {
        // The storage did not do it this time: the next acknowledgement, or tick, makes up for it.
        Err(error) if !error.ends_instance() => Ok(()),
        told => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logic that fails now and then goes on; logic that fails all the time is stopped. The budget comes back.
    #[test]
    fn restarts_are_counted_over_a_minute() {
        let mut restarts = Restarts::default();
        assert!(restarts.allow(0, 2));
        assert!(restarts.allow(MINUTE_NS / 2, 2));
        assert!(!restarts.allow(MINUTE_NS - 1, 2));
        assert!(restarts.allow(MINUTE_NS, 2), "the first is a minute ago");
        assert!(!restarts.allow(MINUTE_NS, 2));
        assert_eq!(restarts.total, 3);
        assert!(!restarts.allow(10 * MINUTE_NS, 0));
    }
}
