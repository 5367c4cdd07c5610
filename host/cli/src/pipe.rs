//! `forebay pipe`: records from stdin to stdout through a buffer.
//!
//! One thread reads stdin and writes to the buffer; this one reads from it and prints. The end of stdin ends writing, which
//! ends reading when everything is delivered.

use std::{collections::VecDeque, ops::ControlFlow, thread};

use anyhow::Context as _;
use forebay::{Buffer, explain_missing_threads};

use crate::{
    answers::Answers,
    args::PipeArgs,
    delivery::{BATCH_RECORDS, Delivery},
    exit::Exit,
    feed::{Feed, Sent},
    given, open,
    print::Listener,
    signals::Signals,
};

/// How many batches may wait for their answers: those that share a sync.
const BATCHES_MAX: usize = 8;

pub(crate) fn run(args: &PipeArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    given::stdout_for_records()?;
    given::stdin();
    let max_record = open::options(&args.buffer)?.record_bytes_max();
    let buffer = open::create(&args.dir, &args.buffer)?;
    let feed = Feed::new(args.framing, max_record, buffer.writer(), args.buffer.metadata);
    let reader = buffer.reader();
    let mut delivery = Delivery::new(args.framing.into(), Some(reader.clone()), buffer.open_report())?;
    signals.hold(buffer, None);
    let mut writing = Writing {
        signals: signals.clone(),
        waiting: VecDeque::new(),
        answers: Answers::new(&args.buffer, true, signals),
    };
    let writing = thread::Builder::new()
        .name("forebay-input".to_owned())
        .spawn(move || writing.run(feed).map(|()| writing))
        .map_err(explain_missing_threads)
        .context("cannot start a thread to read standard input")?;

    while let Some(records) = reader.next_batch(BATCH_RECORDS)? {
        if signals.caught().is_some() || delivery.deliver(&records)? == Listener::Gone {
            // Nothing waits for what is still to come from stdin.
            return delivery.finish(&args.dir, signals);
        }
    }
    let delivered = delivery.finish(&args.dir, signals);
    if signals.caught().is_some() {
        return delivered;
    }
    let Ok(written) = writing.join() else {
        anyhow::bail!("the thread that reads standard input has died");
    };
    // What was lost with a data file is among the losses that delivery has met.
    let written = written?.answers.exit(0);
    Ok(delivered?.and(written))
}

struct Writing {
    signals: Signals,
    waiting: VecDeque<Sent>,
    answers: Answers,
}

impl Writing {
    /// Writes all of stdin. Writing has ended when this returns.
    fn run(&mut self, feed: Feed) -> anyhow::Result<()> {
        let _end = EndOfWriting(self.signals.clone());
        let mut settled = Ok(());
        let result = feed.run(|sent| {
            self.waiting.push_back(sent);
            if self.waiting.len() > BATCHES_MAX {
                settled = self.settle_first();
            }
            if settled.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        while settled.is_ok() && !self.waiting.is_empty() {
            settled = self.settle_first();
        }
        result.and(settled)
    }

    fn settle_first(&mut self) -> anyhow::Result<()> {
        if let Some(sent) = self.waiting.pop_front() {
            self.answers.wait(sent)?;
        }
        Ok(())
    }
}

/// Ends writing when it is dropped, also where a panic drops it: the reader waits for more until then.
struct EndOfWriting(Signals);

impl Drop for EndOfWriting {
    fn drop(&mut self) {
        // Where it is closed, writing has ended.
        let _ = self.0.with_buffer(Buffer::end_writing);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::panic;

    use forebay::WriteErrorKind;

    use super::*;

    /// The thread that prints would wait for records for ever, with the buffer in hand, where the other one has died.
    #[test]
    fn writing_ends_when_its_thread_panics() {
        let directory = tempfile::tempdir().unwrap();
        let (signals, buffer) = (Signals::new(), Buffer::builder(directory.path()).open().unwrap());
        let (writer, reader) = (buffer.writer(), buffer.reader());
        writer.write("written before").unwrap();
        signals.hold(buffer, None);
        let end = EndOfWriting(signals.clone());
        let panicking = thread::spawn(move || {
            let _end = end;
            // Nothing is said on stderr.
            panic::resume_unwind(Box::new("this panic is part of a test"))
        });
        panicking.join().map(|()| "no panic").unwrap_err();
        assert_eq!(writer.write("more").unwrap_err().kind, WriteErrorKind::Closed);
        assert_eq!(reader.next_batch(10).unwrap().map(|records| records.len()), Some(1));
        assert!(reader.next_batch(10).unwrap().is_none(), "this is the end");
    }
}
