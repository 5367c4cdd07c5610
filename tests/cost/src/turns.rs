//! Several ways to do the same, measured in turn: what else the machine does meanwhile meets all of them.

use std::time::Duration;

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

/// How many times each is measured.
const ROUNDS: usize = 101;

/// One of them, and what it is called.
pub(crate) type Way<'a> = (&'a str, &'a mut dyn FnMut() -> Result<()>);

/// What was measured.
pub(crate) struct Turns<const WAYS: usize> {
    names: [String; WAYS],
    /// How long each took, round by round.
    rounds: Vec<[Duration; WAYS]>,
}

/// Measures by the time that passes: see [`in_turn_by`].
pub(crate) fn in_turn<const WAYS: usize>(ways: [Way<'_>; WAYS]) -> Result<Turns<WAYS>> {
    in_turn_by(ClockId::Monotonic, ways)
}

/// Measures by the processor time of all threads of the process, user and system: see [`in_turn_by`].
pub(crate) fn in_turn_by_processor<const WAYS: usize>(ways: [Way<'_>; WAYS]) -> Result<Turns<WAYS>> {
    in_turn_by(ClockId::ProcessCPUTime, ways)
}

/// Measures them in turn, by a clock. The first round only warms up.
fn in_turn_by<const WAYS: usize>(clock: ClockId, mut ways: [Way<'_>; WAYS]) -> Result<Turns<WAYS>> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..=ROUNDS {
        let mut taken = [Duration::ZERO; WAYS];
        // The second in a round finds the caches warmer, or the disk busier.
        for turn in 0..WAYS {
            let which = (round + turn) % WAYS;
            if let (Some((_, way)), Some(taken)) = (ways.get_mut(which), taken.get_mut(which)) {
                let started = now(clock);
                way()?;
                *taken = now(clock).saturating_sub(started);
            }
        }
        if round > 0 {
            rounds.push(taken);
        }
    }
    Ok(Turns { names: ways.map(|(name, _)| name.to_owned()), rounds })
}

fn now(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

impl<const WAYS: usize> Turns<WAYS> {
    /// Prints how many records of so many bytes each moves in a second.
    pub(crate) fn print_rates(&self, records: usize, record_bytes: usize) {
        let records = u32::try_from(records).map_or(f64::INFINITY, f64::from);
        let mib = u32::try_from(record_bytes).map_or(f64::INFINITY, f64::from) / f64::from(1 << 20);
        for (which, name) in self.names.iter().enumerate() {
            let seconds = |taken: &[Duration; WAYS]| taken.get(which).map_or(f64::NAN, Duration::as_secs_f64);
            let [low, half, high] = self.quartiles(|taken| records / seconds(taken));
            println!(
                "{name}: {half:.0} records/s, {:.0} MiB/s (half of the rounds: {low:.0} to {high:.0} records/s)",
                half * mib
            );
        }
    }

    /// Prints a figure of each round: its median, and what half of the rounds lie between.
    pub(crate) fn print(&self, what: &str, figure: impl Fn([f64; WAYS]) -> f64) {
        let [low, half, high] = self.quartiles(|taken| figure(taken.map(|taken| taken.as_secs_f64())));
        println!("{what}: {half:.3} (half of {} rounds: {low:.3} to {high:.3})", self.rounds.len());
    }

    /// What a quarter, a half and three quarters of the figures lie below.
    fn quartiles(&self, figure: impl Fn(&[Duration; WAYS]) -> f64) -> [f64; 3] {
        let mut figures: Vec<f64> = self.rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        [1, 2, 3].map(|quarter| figures.get(figures.len() * quarter / 4).copied().unwrap_or(f64::NAN))
    }
}
