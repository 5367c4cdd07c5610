//! `forebay read`: records from a buffer to stdout.

use forebay::{Buffer, ReadError, Reader, Record};

use crate::{
    args::ReadArgs,
    delivery::{BATCH_RECORDS, Delivery},
    exit::Exit,
    given, open,
    print::Listener,
    signals::Signals,
};

pub(crate) fn run(args: &ReadArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    if !args.peek {
        given::stdout_for_records()?;
    }
    let buffer = open::existing(&args.dir, &args.buffer, args.peek)?;
    let reader = buffer.reader();
    let acknowledge = (!args.peek).then(|| reader.clone());
    let mut delivery = Delivery::new(args.framing, acknowledge, buffer.open_report())?;
    signals.hold(buffer, None);
    let result = deliver_all(args, signals, &reader, &mut delivery);
    let exit = delivery.finish(&args.dir, signals);
    result.and(exit)
}

fn deliver_all(
    args: &ReadArgs,
    signals: &Signals,
    reader: &Reader,
    delivery: &mut Delivery,
) -> anyhow::Result<()> {
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 && signals.caught().is_none() {
        // Only what is wanted is taken: what is taken and not printed would wait for the next opening.
        let wanted = usize::try_from(left).map_or(BATCH_RECORDS, |left| left.min(BATCH_RECORDS));
        let Some(records) = next(reader, wanted, args.follow, signals)? else {
            break;
        };
        if signals.caught().is_some() || delivery.deliver(&records)? == Listener::Gone {
            break;
        }
        left = left.saturating_sub(u64::try_from(records.len()).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// The next records, or `None` at the end of the buffer: where nothing more is there, or, for one who follows, where writing
/// has ended.
fn next(
    reader: &Reader,
    wanted: usize,
    follow: bool,
    signals: &Signals,
) -> anyhow::Result<Option<Vec<Record>>> {
    if follow {
        return Ok(reader.next_batch(wanted)?);
    }
    let records = reader.try_next_batch(wanted)?;
    if !records.is_empty() {
        return Ok(Some(records));
    }
    let status = signals.with_buffer(Buffer::status).flatten();
    match status.and_then(|status| status.withheld) {
        Some(next) => Err(ReadError::Withheld { next }.into()),
        None => Ok(None),
    }
}
