//! `forebay read`: records from a buffer to stdout.

use std::time::Duration;

use crate::{
    access::{Access, Source, Supply, Turn},
    args::{PeekArgs, ReadArgs},
    deliver,
    delivery::{BATCH_RECORDS, Delivery, Ending},
    exit::Exit,
    given,
    open::Opening,
    peek,
    print::Listener,
    signals::Signals,
};

/// How long one call waits for records. A signal cuts it short.
const WAIT: Duration = Duration::from_secs(30);

pub(crate) fn run(args: &ReadArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    if args.peek {
        return peek::run(&PeekArgs::of_read(args), signals);
    }
    if args.delivery.has_destination() {
        return deliver::run(args, signals);
    }
    given::stdout_for_records()?;
    let opening = Opening::existing(&args.buffer)?;
    let access = Access::new(args.dir.clone(), &args.buffer, opening, signals, || {});
    access.enter()?;
    let mut delivery = Delivery::new(args.framing, args.buffer.grace, signals)?;
    let result = deliver_all(args, signals, Source::new(&access), &mut delivery);
    let exit = delivery.finish(&args.dir, Ending::of(&access), signals);
    result.and(exit)
}

/// Delivers records, and waits until the reader of the output has taken them.
fn deliver_all(
    args: &ReadArgs,
    signals: &Signals,
    mut supply: impl Supply,
    delivery: &mut Delivery,
) -> anyhow::Result<()> {
    match print_all(args, signals, &mut supply, delivery) {
        Ok(()) => delivery.drain(&mut supply),
        Err(error) => {
            // What was taken before counts all the same. The first error is the one to tell.
            let _ = delivery.look(&mut supply);
            Err(error)
        }
    }
}

fn print_all(
    args: &ReadArgs,
    signals: &Signals,
    supply: &mut impl Supply,
    delivery: &mut Delivery,
) -> anyhow::Result<()> {
    let mut left = args.count.unwrap_or(u64::MAX);
    let most = if args.follow { WAIT } else { Duration::ZERO };
    while left > 0 && signals.caught().is_none() {
        // Only what is wanted is taken: what is taken and not printed would wait for the next opening.
        let wanted = usize::try_from(left).map_or(BATCH_RECORDS, |left| left.min(BATCH_RECORDS));
        match supply.next(wanted, delivery.wait(most))? {
            Turn::Records(taken) => {
                if signals.caught().is_some() {
                    break;
                }
                let (listener, count) = delivery.deliver(taken, supply)?;
                if listener == Listener::Gone {
                    break;
                }
                left = left.saturating_sub(count);
            }
            Turn::Empty if !args.follow => break,
            Turn::Empty | Turn::Interrupted => {
                if delivery.look(supply)? == Listener::Gone {
                    break;
                }
            }
            Turn::End => break,
        }
    }
    Ok(())
}
