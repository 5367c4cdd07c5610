//! The checks, each with its name.

mod bad_input;
mod damage;
mod descriptors;
mod each_other;
mod kills;
mod ownership;
mod room;
mod shape;
mod syncs;

use anyhow::Result;

use crate::{outcome::Outcome, tools::Tools};

/// A check.
pub(crate) type Check = fn(&Tools) -> Result<Outcome>;

/// All of them.
pub(crate) const ALL: [(&str, Check); 15] = [
    ("the components import WASI alone, and hold the shipped logic", shape::components_are_closed),
    ("the components are as small as they should be", shape::components_are_small),
    ("each host reads to the end what the other has written", each_other::each_reads_the_other),
    ("hosts take turns on one directory", each_other::hosts_take_turns),
    ("kills of a producer in bulk lose nothing that was confirmed", kills::of_a_producer_in_bulk),
    ("kills of a producer that syncs lose nothing that was confirmed", kills::of_a_producer_that_syncs),
    ("a killed consumer gets again what it had not acknowledged", kills::of_a_consumer),
    ("bad input is named, and changes nothing on the disk", bad_input::is_named_and_changes_nothing),
    ("a torn end is truncated and kept aside", damage::a_torn_end),
    ("damage costs the same records on each host", damage::in_the_middle),
    ("a ledger that cannot be read is kept aside, and made again", damage::of_the_ledger),
    ("a failed fsync is made good by rewriting", syncs::that_fail),
    ("too many open files lose nothing", descriptors::that_are_few),
    ("the launcher's lock keeps others out", ownership::by_the_launcher),
    ("a full queue rejects or drops, and goes on", room::full),
];

/// The outcome where there is no wasmtime.
#[expect(clippy::unnecessary_wraps, reason = "it is the answer of a check")]
fn without_wasmtime() -> Result<Outcome> {
    Ok(Outcome::Cannot("there is no wasmtime: `just conformance` installs it".to_owned()))
}
