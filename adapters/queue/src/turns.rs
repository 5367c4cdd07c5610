//! The calls of an open queue. Each is a turn of the loop: it does what the time wants, then what the caller wants, and then
//! runs the syncs that the logic has requested and tells it of them.

use forebay_adapter_bindings::queue::{
    exports::forebay::queue::queue::{Delivery, Error, Options},
    forebay::{buffer::buffer, staging::staging},
};
use wasip2::clocks::monotonic_clock;

use crate::{
    errors::{Argument, invalid, of_logic, of_staging},
    options::Checked,
    packing::unpack,
};

/// The most that one `pop` gives, however much is asked for: lists stay small.
const POP_RECORDS_MAX: u32 = 4096;
const POP_BYTES_MAX: u64 = 8 << 20;

/// How often the logic may request more syncs when it is told of one. Well-behaved logic ends after a few.
const SYNC_ROUNDS_MAX: u32 = 1000;

/// The least time between two ticks.
const TICK_MIN_NS: u64 = 1_000_000;

/// A queue whose logic has opened its buffer.
#[derive(Debug)]
pub(crate) struct OpenQueue {
    pub(crate) options: Checked,
    /// When the logic wants its next tick.
    next_tick_ns: u64,
    /// Everything below this id was popped since the opening or the last rewind, or acknowledged.
    popped_below: u64,
    /// The logic was told that all events through this id are acknowledged or lost.
    told_through: u64,
    /// The record that the logic withholds; 0 if it withholds none.
    withheld: u64,
    /// The last sync has failed, and was not made good.
    pub(crate) is_degraded: bool,
    /// What vanished below this id, the caller was told.
    pub(crate) confirmed_below: u64,
    has_failed: bool,
}

impl OpenQueue {
    /// Takes the directory, and has the logic open the buffer in it.
    pub(crate) fn open(directory: &str, options: &Options) -> Result<Self, Error> {
        let options = Checked::new(options)?;
        staging::hold(directory, options.settings()).map_err(|error| match error {
            staging::Error::State => Error::Locked,
            error => of_staging(error),
        })?;
        Self::open_held(options).inspect_err(|_| {
            staging::let_go(false);
        })
    }

    fn open_held(options: Checked) -> Result<Self, Error> {
        let now_ns = monotonic_clock::now();
        buffer::open(&options.for_logic(now_ns)).map_err(of_logic)?;
        let through = staging::opened().map_err(of_staging)?;
        let mut queue = Self {
            options,
            next_tick_ns: now_ns,
            popped_below: through.saturating_add(1),
            told_through: 0,
            withheld: 0,
            is_degraded: false,
            confirmed_below: staging::next_id(),
            has_failed: false,
        };
        queue.tell_acknowledged(through)?;
        Ok(queue)
    }

    /// Fails if an earlier call has made the handle useless.
    pub(crate) fn must_work(&self) -> Result<(), Error> {
        if self.has_failed { Err(Error::Failed) } else { Ok(()) }
    }

    /// Notes an error that makes the handle useless.
    pub(crate) fn note<T>(&mut self, answer: Result<T, Error>) -> Result<T, Error> {
        self.has_failed |= matches!(answer, Err(Error::Failed | Error::Fenced));
        answer
    }

    pub(crate) fn pop(&mut self, max_records: u32, max_bytes: u64) -> Result<Vec<Delivery>, Error> {
        self.tick_if_due()?;
        let (max_records, max_bytes) = (max_records.min(POP_RECORDS_MAX), max_bytes.min(POP_BYTES_MAX));
        if max_records == 0 {
            return Ok(Vec::new());
        }
        let allowed = buffer::read(max_records, max_bytes).map_err(of_logic)?;
        if allowed > max_records {
            return Err(Error::Failed);
        }
        let deliveries = if allowed == 0 {
            Vec::new()
        } else {
            let unpacked = staging::deliver(allowed, max_bytes).map_err(of_staging)?;
            unpack(&unpacked).ok_or(Error::Failed)?
        };
        match deliveries.last() {
            Some(last) => {
                self.withheld = 0;
                self.popped_below = last.id.saturating_add(last.events.into());
            }
            None => self.reached_end()?,
        }
        Ok(deliveries)
    }

    /// The logic gave no record. Whether there is none is for the guard to say. What is lost at the end is passed.
    fn reached_end(&mut self) -> Result<(), Error> {
        let withheld = staging::reached_end().map_err(of_staging)?;
        self.withheld = withheld.unwrap_or(0);
        if withheld.is_none() {
            let through = staging::acknowledge(0).map_err(of_staging)?;
            self.tell_acknowledged(through)?;
        }
        Ok(())
    }

    pub(crate) fn acknowledge(&mut self, through: u64) -> Result<(), Error> {
        if through >= self.popped_below && through > self.told_through {
            return Err(invalid(Argument::NotPopped));
        }
        let through = staging::acknowledge(through).map_err(of_staging)?;
        self.tell_acknowledged(through)?;
        self.tick_if_due()
    }

    fn tell_acknowledged(&mut self, through: u64) -> Result<(), Error> {
        if through <= self.told_through {
            return Ok(());
        }
        buffer::acknowledge(through).map_err(of_logic)?;
        self.told_through = through;
        self.want_tick();
        self.run_syncs().map(drop)
    }

    pub(crate) fn rewind(&mut self) -> Result<(), Error> {
        self.popped_below = staging::rewind();
        self.tick_if_due()
    }

    /// Lets time pass. Gives the milliseconds until the next tick.
    pub(crate) fn poll(&mut self) -> Result<u32, Error> {
        let now_ns = monotonic_clock::now();
        self.tick(now_ns)?;
        if self.next_tick_ns == u64::MAX {
            return Ok(u32::MAX);
        }
        let wait_ns = self.next_tick_ns.saturating_sub(now_ns);
        Ok(u32::try_from(wait_ns.div_ceil(1_000_000)).unwrap_or(u32::MAX))
    }

    pub(crate) fn figures(&self) -> Vec<(u16, u64)> {
        let mut figures = staging::figures();
        figures.push((12, self.withheld));
        figures
    }

    pub(crate) fn tick_if_due(&mut self) -> Result<(), Error> {
        if self.next_tick_ns == u64::MAX {
            return Ok(());
        }
        let now_ns = monotonic_clock::now();
        if now_ns >= self.next_tick_ns { self.tick(now_ns) } else { Ok(()) }
    }

    fn tick(&mut self, now_ns: u64) -> Result<(), Error> {
        if self.is_degraded {
            staging::retry_syncs();
        }
        let told = buffer::tick(now_ns).map_err(of_logic);
        let interval_ns = self.options.interval_ns().max(TICK_MIN_NS);
        let overdue_ns = staging::tick(now_ns, interval_ns).unwrap_or(u64::MAX);
        self.run_syncs()?;
        let again_ns = now_ns.saturating_add(interval_ns);
        let next_ns = match told {
            Ok(next_ns) if !self.is_degraded => next_ns,
            Ok(next_ns) => next_ns.min(again_ns),
            Err(error @ (Error::Failed | Error::Fenced)) => return Err(error),
            // What it could not do now it tries again.
            Err(_) => again_ns,
        };
        self.next_tick_ns = next_ns.min(overdue_ns).max(now_ns.saturating_add(TICK_MIN_NS));
        if self.next_tick_ns == u64::MAX {
            staging::rest();
        }
        Ok(())
    }

    /// After something has changed, the logic's clock must move on until it says that it need not.
    pub(crate) fn want_tick(&mut self) {
        if self.next_tick_ns == u64::MAX {
            let interval_ns = self.options.interval_ns().max(TICK_MIN_NS);
            self.next_tick_ns = monotonic_clock::now().saturating_add(interval_ns);
        }
    }

    /// Runs the syncs that were requested, and tells the logic what is durable, until it requests no more. Gives how many
    /// tickets have ended.
    pub(crate) fn run_syncs(&mut self) -> Result<usize, Error> {
        let mut ended = 0_usize;
        for _ in 0..SYNC_ROUNDS_MAX {
            let synced = staging::run_syncs();
            self.is_degraded = synced.degraded;
            if synced.hopeless {
                return Err(Error::Failed);
            }
            if synced.tickets.is_empty() {
                break;
            }
            ended = ended.saturating_add(synced.tickets.len());
            for ticket in synced.tickets {
                let told = buffer::synced(ticket).map_err(of_logic);
                // What it could not do for other reasons it tries again at the next tick.
                if let Err(error @ (Error::Failed | Error::Fenced)) = told {
                    return Err(error);
                }
            }
        }
        Ok(ended)
    }
}
