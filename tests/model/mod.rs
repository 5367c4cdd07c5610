//! The whole buffer beside a plain reference: random histories, in which everything happens that can, on one thread and with
//! a clock of their own.
//!
//! After each action both must agree: who goes on and who waits, what each is answered, and what is in the buffer. What the
//! reference does not know is whether a record finds room; the buffer says so, within bounds. A history that fails is
//! shortened, printed, and kept in `proptest-regressions`.

mod action;
mod bench;
mod log;
mod reference;

use std::fmt;

use proptest::{prelude::*, test_runner::RngSeed};

use self::{
    action::{Action, Sizes, action, sizes},
    bench::Bench,
    log::Log,
};
use crate::support::Runs;

/// How many new histories run natively, in all the tests below together, if `HISTORIES` asks for any.
fn new_histories() -> Option<u32> {
    std::env::var("HISTORIES").ok().map(|histories| histories.parse().unwrap())
}

/// As many histories as said, the same ones each time: a change that breaks one is the reason why it fails. Where `HISTORIES`
/// says a number, each run makes new ones.
fn histories(cases: u32, seed: u64) -> ProptestConfig {
    let rng_seed = if new_histories().is_some() { RngSeed::Random } else { RngSeed::Fixed(seed) };
    // A history is shortened for a minute at the most.
    let (max_shrink_iters, max_shrink_time) = (20_000, 60_000);
    ProptestConfig { cases, max_shrink_iters, max_shrink_time, rng_seed, ..ProptestConfig::default() }
}

/// Half of the native histories.
fn native_histories(seed: u64) -> ProptestConfig {
    histories(new_histories().unwrap_or(10_000) / 2, seed)
}

/// What happens to one buffer, life after life.
struct History {
    sizes: Sizes,
    actions: Vec<Action>,
}

/// One line for each action.
impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.sizes)?;
        self.actions.iter().try_for_each(|action| writeln!(f, "    {action:?}"))
    }
}

fn history() -> impl Strategy<Value = History> {
    let actions = prop::collection::vec(action(), 1..240);
    (sizes(), actions).prop_map(|(sizes, actions)| History { sizes, actions })
}

fn live(runs: Runs, history: &History, log: Log) -> (Log, Vec<Vec<u8>>) {
    let mut bench = Bench::new(runs, history.sizes, log);
    history.actions.iter().for_each(|action| bench.take(action));
    bench.end()
}

proptest! {
    #![proptest_config(native_histories(1))]

    /// Thousands of histories find what no author thinks of. Two tests, so that two processors work.
    #[test]
    fn a_buffer_does_what_the_reference_does(history in history()) {
        live(Runs::Natively, &history, Log::not_kept());
    }

}

proptest! {
    #![proptest_config(native_histories(2))]

    /// The other half of them.
    #[test]
    fn a_buffer_does_what_the_reference_does_again(history in history()) {
        live(Runs::Natively, &history, Log::not_kept());
    }
}

proptest! {
    #![proptest_config(histories(300, 3))]

    /// What ships is the component. It does what the reference does, and gives the same answers and leaves the same bytes
    /// as the logic that runs natively.
    #[test]
    fn the_component_lives_the_same_histories(history in history()) {
        let natively = live(Runs::Natively, &history, Log::kept());
        let as_component = live(Runs::AsComponent, &history, Log::kept());
        prop_assert_eq!(natively.0, as_component.0);
        prop_assert!(natively.1 == as_component.1, "the bytes on the disk differ");
    }
}
