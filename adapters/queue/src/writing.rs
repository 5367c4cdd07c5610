//! Pushing, and what is durable of what was pushed.

use forebay_adapter_bindings::queue::{
    exports::forebay::queue::queue::{Error, Message, Pushed},
    forebay::{buffer::buffer, staging::staging},
};

use crate::{
    errors::{of_logic, of_staging},
    packing::pack,
    turns::OpenQueue,
};

/// What one call of the logic is offered at the most: its lists stay small.
const OFFER_RECORDS_MAX: usize = 4096;
const OFFER_BYTES_MAX: usize = 4 << 20;

/// How often messages that find no room are offered again after a sync has ended: with `drop-oldest` one data file leaves at
/// a time.
const ROUNDS_WITHOUT_ROOM_MAX: u32 = 256;

/// How often a flush tries again what has failed.
const FLUSH_ROUNDS_MAX: u32 = 8;

/// Linux's number for what a file system cannot do: it cannot make names durable.
const EOPNOTSUPP: u32 = 95;

/// What became of one offer.
struct Offered {
    placed: usize,
    first_id: u64,
    /// How many syncs have ended since.
    ended: usize,
}

impl OpenQueue {
    pub(crate) fn push(&mut self, messages: &[Message]) -> Result<Pushed, Error> {
        self.options.check(messages)?;
        self.tick_if_due()?;
        let mut pushed = Pushed { accepted: 0, first_id: 0, durable_below: 0 };
        let mut rest = messages;
        let mut rounds_left = ROUNDS_WITHOUT_ROOM_MAX;
        while !rest.is_empty() {
            let offered = match self.offer(rest.get(..next_offer(rest)).unwrap_or(rest)) {
                Ok(offered) => offered,
                // What was accepted is to be told.
                Err(Error::Degraded | Error::Storage(_)) if pushed.accepted > 0 => break,
                Err(error) => return Err(error),
            };
            if offered.placed > 0 {
                if pushed.accepted == 0 {
                    pushed.first_id = offered.first_id;
                }
                let placed = u32::try_from(offered.placed).unwrap_or(u32::MAX);
                pushed.accepted = pushed.accepted.saturating_add(placed);
                rest = rest.get(offered.placed..).unwrap_or_default();
                rounds_left = ROUNDS_WITHOUT_ROOM_MAX;
            } else if offered.ended == 0 || rounds_left == 0 {
                break;
            } else {
                rounds_left -= 1;
            }
        }
        pushed.durable_below = self.durable_below();
        Ok(pushed)
    }

    /// Offers messages to the logic. By the guard's account it tells how many were placed, whatever the logic answers.
    fn offer(&mut self, messages: &[Message]) -> Result<Offered, Error> {
        if self.is_degraded {
            staging::retry_syncs();
            self.run_syncs()?;
            if self.is_degraded {
                return Err(Error::Degraded);
            }
        }
        let offered = staging::offer(&pack(messages)).map_err(of_staging)?;
        let written = buffer::write(offered.batch, &offered.sizes).map_err(of_logic);
        let placement = staging::take_offer();
        self.want_tick();
        let ended = self.run_syncs()?;
        let placed = usize::try_from(placement.placed).unwrap_or(usize::MAX).min(messages.len());
        match written {
            Err(error) if placed == 0 || matches!(error, Error::Failed | Error::Fenced) => Err(error),
            _ => Ok(Offered { placed, first_id: placement.first_id, ended }),
        }
    }

    /// Every event below this id is durable or acknowledged. Does not pass what has vanished before the caller was told.
    fn durable_below(&self) -> u64 {
        let durable = staging::durable_below();
        let gone = staging::vanished(self.confirmed_below, durable);
        gone.map_or(durable, |(first, _)| first)
    }

    /// Waits until all that was pushed is durable.
    pub(crate) fn flush(&mut self) -> Result<u64, Error> {
        let wanted = staging::next_id();
        for _ in 0..FLUSH_ROUNDS_MAX {
            if self.is_degraded {
                staging::retry_syncs();
            }
            buffer::flush().map_err(of_logic)?;
            self.run_syncs()?;
            if !self.is_degraded && staging::durable_below() >= wanted {
                return self.confirm(wanted);
            }
        }
        Err(self.not_durable())
    }

    /// All below this id is durable, but for what has vanished: that is told once.
    fn confirm(&mut self, below: u64) -> Result<u64, Error> {
        if let Some((first, end)) = staging::vanished(self.confirmed_below, below) {
            self.confirmed_below = end;
            return Err(Error::Lost((first, end)));
        }
        self.confirmed_below = self.confirmed_below.max(below);
        Ok(below)
    }

    fn not_durable(&self) -> Error {
        if self.is_degraded { Error::Degraded } else { Error::Storage(EOPNOTSUPP) }
    }

    /// Makes everything durable, and lets the directory go.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        staging::begin_closing();
        let closed = self.make_all_durable();
        let is_in_order = staging::let_go(closed.is_ok());
        closed?;
        if is_in_order { Ok(()) } else { Err(self.not_durable()) }
    }

    fn make_all_durable(&mut self) -> Result<(), Error> {
        self.must_work()?;
        buffer::close_writer().map_err(of_logic)?;
        self.run_syncs()?;
        self.flush().map(drop)
    }
}

/// How many of these messages the next offer holds: one at least.
fn next_offer(messages: &[Message]) -> usize {
    let mut bytes = 0_usize;
    let fits = |message: &&Message| {
        let is_first = bytes == 0;
        bytes = bytes.saturating_add(message.payload.len()).saturating_add(1);
        is_first || bytes <= OFFER_BYTES_MAX
    };
    messages.iter().take(OFFER_RECORDS_MAX).take_while(fits).count()
}
