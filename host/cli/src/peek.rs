//! `forebay peek`, and `forebay read --peek`: records that wait, to stdout, without taking them out.

use std::{thread, time::Duration};

use forebay::RecordId;

use crate::{
    args::{PeekArgs, ReadArgs},
    delivery::{BATCH_RECORDS, lost_in_words},
    exit::Exit,
    framing,
    print::{self, Listener},
    records::{Records, shown},
    signals::Signals,
};

/// How often a look that follows looks again.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &PeekArgs, signals: &Signals) -> anyhow::Result<Exit> {
    // There is nothing to close. A signal lets the step end that the command is in, so that no record is printed in part.
    signals.hold_connection(Box::new(|| {}));
    let mut records = Records::of(&args.dir)?;
    let printed = print_all(args, &mut records, signals);
    let lost = records.lost();
    if lost.events == 0 {
        return printed.map(|()| Exit::Done);
    }
    print::say(&lost_in_words(lost.events, &lost.places, 0));
    printed.map(|()| Exit::No)
}

fn print_all(args: &PeekArgs, records: &mut Records, signals: &Signals) -> anyhow::Result<()> {
    if let Some(id) = args.from {
        records.skip_to(RecordId(id))?;
    }
    if let Some(count) = args.last {
        records.skip_to_last(count)?;
    }
    let (mut stdout, mut text) = (print::stdout()?, Vec::new());
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 && signals.caught().is_none() {
        let wanted = usize::try_from(left).map_or(BATCH_RECORDS, |left| left.min(BATCH_RECORDS));
        let batch = records.next(wanted)?;
        left = left.saturating_sub(u64::try_from(batch.len()).unwrap_or(u64::MAX));
        if batch.is_empty() {
            if !args.follow {
                break;
            }
            thread::sleep(PAUSE);
            records.look_again()?;
            continue;
        }
        text.clear();
        for record in batch.iter().map(shown) {
            framing::append(args.framing, &mut text, &record)?;
        }
        if print::write(&mut stdout, &text)? == Listener::Gone {
            break;
        }
    }
    Ok(())
}

impl PeekArgs {
    /// What `forebay read --peek` asks for.
    pub(crate) fn of_read(args: &ReadArgs) -> Self {
        Self {
            dir: args.dir.clone(),
            from: None,
            last: None,
            count: args.count,
            follow: args.follow,
            framing: args.framing,
        }
    }
}
