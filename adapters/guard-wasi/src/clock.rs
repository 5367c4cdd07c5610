//! The time, as the host tells it.

use forebay_core::Clock;
use wasip2::clocks::{monotonic_clock, wall_clock};

/// The clocks of `wasi:clocks`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WasiClock;

impl Clock for WasiClock {
    fn now_ns(&self) -> u64 {
        monotonic_clock::now()
    }

    fn unix_seconds(&self) -> u64 {
        wall_clock::now().seconds
    }
}
