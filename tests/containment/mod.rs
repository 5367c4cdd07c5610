//! Logic that wears its host out with work or with time. Each attack ends in bounded time, what was confirmed stays, and others
//! get their turn. What the command line makes of the same components is in `tests/cli/worn.rs`.

#[allow(dead_code, reason = "the command line's tests use the rest")]
mod attacks;
mod deceiving;
mod holding;
mod turns;
mod worn;

use std::time::Duration;

use forebay::{Buffer, Component, Options};

use self::attacks::Attack;
use crate::{hostile::attack::Victim, support::storage::options};

/// Far more than an attack takes of the host on a machine that does nothing else, and far less than it takes without limits.
const SOON: Duration = Duration::from_secs(15);

fn component(attack: Attack) -> Component {
    Component::new(&attack.component(), &format!("{attack:?}")).unwrap()
}

/// Ten records wait in the directory of a victim, and this logic opens it.
fn open(victim: &Victim, attack: Attack, options: Options) -> Result<Buffer, forebay::OpenError> {
    victim.open(component(attack), options, forebay::Limits::default())
}

/// The ids of all records that logic in order finds.
fn ids_left(victim: &Victim) -> Vec<u64> {
    let mut options = options();
    options.max_unacknowledged_records = usize::MAX;
    let buffer = Buffer::builder_with(victim.path(), options).open().unwrap();
    let reader = buffer.reader();
    let batches =
        std::iter::from_fn(|| Some(reader.try_next_batch(1000).unwrap()).filter(|batch| !batch.is_empty()));
    let ids = batches.flatten().map(|record| record.id().0).collect();
    buffer.close().unwrap();
    ids
}

/// Options under which time passes for the logic.
fn ticking() -> Options {
    let mut options = options();
    options.sync_interval = Duration::from_millis(1);
    options
}
