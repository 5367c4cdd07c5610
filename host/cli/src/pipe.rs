//! `forebay pipe`: records from stdin to stdout through a buffer.
//!
//! One thread reads stdin and writes to the buffer; this one reads from it and prints. The end of stdin ends writing, which
//! ends reading when everything is delivered. A consumer that goes ends reading, and writing goes on.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use anyhow::Context as _;
use forebay::{Buffer, explain_missing_threads};
use tracing::warn;

use crate::{
    access::{Access, Sent, Sink, Source, Supply as _, Turn},
    answers::Answers,
    args::PipeArgs,
    delivery::{BATCH_RECORDS, Delivery, Ending},
    exit::Exit,
    feed::Feed,
    framing::Limit,
    given,
    open::Opening,
    print::{self, Listener},
    signals::Signals,
};

/// How many batches may wait for their answers: those that share a sync.
const BATCHES_MAX: usize = 8;

/// How long one call waits for records. The end of writing cuts it short.
const WAIT: Duration = Duration::from_secs(30);

/// How often it is looked whether the time is over when a signal has come.
const BUSY_LOOK: Duration = Duration::from_millis(5);

/// What the thread that prints hears of, when it does not print.
enum Event {
    /// Writing has ended.
    Written(anyhow::Result<Answers>),
    /// A signal has come.
    Stop,
}

pub(crate) fn run(args: &PipeArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    given::stdout_for_records()?;
    given::stdin();
    let opening = Opening::create(&args.buffer)?;
    let (events, inbox) = channel();
    let wake = events.clone();
    // A receiver that is gone needs no waking.
    let wake = move || drop(wake.send(Event::Stop));
    let access = Access::new(args.dir.clone(), &args.buffer, opening, signals, wake);
    access.enter()?;
    let limit = Limit::new(access.record_bytes_max(args.framing)?, args.on_too_long);
    let sink = Sink::new(&access, &args.buffer);
    let feed = Feed::new(args.framing, limit, args.buffer.metadata, sink, signals)?;
    let read = feed.counts();
    let mut delivery = Delivery::new(args.framing.into(), args.buffer.grace, signals)?;
    let end = EndOfWriting::new(&access, signals);
    let has_ended = Arc::clone(&end.has_come);
    let writing =
        Writing { end, waiting: VecDeque::new(), answers: Answers::new(&args.buffer, true, signals) };
    let write = move || {
        let written = panic::catch_unwind(AssertUnwindSafe(|| writing.run(feed)));
        let died = |_| Err(anyhow::anyhow!("the thread that reads standard input has died"));
        // A receiver that is gone needs no end.
        let _ = events.send(Event::Written(written.unwrap_or_else(died)));
    };
    thread::Builder::new()
        .name("forebay-input".to_owned())
        .spawn(write)
        .map_err(explain_missing_threads)
        .context("cannot start a thread to read standard input")?;

    let mut source = Source::new(&access);
    let delivered = deliver_all(&mut source, &has_ended, &mut delivery, signals);
    // What it has and has not delivered is for others.
    drop(source);
    let listener = match delivered {
        Ok(listener) => listener,
        Err(error) => {
            // Nothing waits for what is still to come from stdin.
            delivery.finish(&args.dir, Ending::of(&access), signals)?;
            return Err(error);
        }
    };
    if listener == Listener::Gone && signals.caught().is_none() && !has_ended.load(Ordering::SeqCst) {
        warn!("the reader of standard output has gone: records stay in the buffer until standard input ends");
    }
    let written = wait_for_end(&inbox, signals);
    let delivered = delivery.finish(&args.dir, Ending::of(&access), signals);
    // What was lost with a data file is among the losses that delivery has met.
    let written = if let Some(answers) = written.inspect_err(|_| read.say_overlong())? {
        answers.exit(0, &read)
    } else {
        let mut said = vec![format!("{} read from standard input", print::count(read.records(), "record"))];
        said.extend(read.said_of_overlong());
        said.push("the last of them may not be placed: the signal's time is over".to_owned());
        print::say(&said.join(", "));
        Exit::No
    };
    Ok(delivered?.and(written))
}

/// Waits for the end of writing. `None`: the time is over that a signal left.
fn wait_for_end(inbox: &Receiver<Event>, signals: &Signals) -> anyhow::Result<Option<Answers>> {
    loop {
        let time = if signals.caught().is_some() { BUSY_LOOK } else { WAIT };
        match inbox.recv_timeout(time) {
            Ok(Event::Written(answers)) => return answers.map(Some),
            Err(RecvTimeoutError::Timeout) if signals.is_overdue() => return Ok(None),
            Ok(Event::Stop) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                anyhow::bail!("the thread that reads standard input has died")
            }
        }
    }
}

/// Delivers all records until writing has ended, or the listener is gone.
fn deliver_all(
    source: &mut Source,
    has_ended: &AtomicBool,
    delivery: &mut Delivery,
    signals: &Signals,
) -> anyhow::Result<Listener> {
    while signals.caught().is_none() {
        // What was placed before the end is there now.
        let is_last = has_ended.load(Ordering::SeqCst);
        match source.next(BATCH_RECORDS, if is_last { Duration::ZERO } else { delivery.wait(WAIT) })? {
            Turn::Records(taken) => {
                if signals.caught().is_some() || delivery.deliver(taken, source)?.0 == Listener::Gone {
                    break;
                }
            }
            Turn::Empty if is_last => break,
            Turn::Empty | Turn::Interrupted => {
                if delivery.look(source)? == Listener::Gone {
                    break;
                }
            }
            Turn::End => break,
        }
    }
    delivery.drain(source)?;
    delivery.look(source)
}

struct Writing {
    end: EndOfWriting,
    waiting: VecDeque<Sent>,
    answers: Answers,
}

impl Writing {
    /// Writes all of stdin. Writing has ended when this is dropped.
    fn run(mut self, feed: Feed) -> anyhow::Result<Answers> {
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
        drop(self.end);
        result.and(settled).map(|()| self.answers)
    }

    fn settle_first(&mut self) -> anyhow::Result<()> {
        if let Some(sent) = self.waiting.pop_front() {
            self.answers.wait_or_stop(sent)?;
        }
        Ok(())
    }
}

/// Ends writing when it is dropped, also where a panic drops it: the reader waits for more until then.
struct EndOfWriting {
    access: Arc<Access>,
    signals: Signals,
    has_come: Arc<AtomicBool>,
}

impl EndOfWriting {
    fn new(access: &Arc<Access>, signals: &Signals) -> Self {
        Self { access: Arc::clone(access), signals: signals.clone(), has_come: Arc::default() }
    }
}

impl Drop for EndOfWriting {
    fn drop(&mut self) {
        self.has_come.store(true, Ordering::SeqCst);
        // Where it is closed, writing has ended.
        let _ = self.signals.with_buffer(Buffer::end_writing);
        self.access.interrupt();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser as _;
    use forebay::WriteErrorKind;

    use super::*;
    use crate::args::{Args, Command};

    /// The thread that prints would wait for records for ever, with the buffer in hand, where the other one has died.
    #[test]
    fn writing_ends_when_its_thread_panics() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = ["forebay", "pipe", directory.path().to_str().unwrap()];
        let Command::Pipe(args) = Args::try_parse_from(arguments).unwrap().command else { panic!() };
        let signals = Signals::new();
        let opening = Opening::create(&args.buffer).unwrap();
        let access = Access::new(args.dir.clone(), &args.buffer, opening, &signals, || {});
        access.enter().unwrap();
        let writer = signals.with_buffer(Buffer::writer).unwrap();
        writer.write("written before").unwrap();
        let end = EndOfWriting::new(&access, &signals);
        let has_ended = Arc::clone(&end.has_come);
        let panicking = thread::spawn(move || {
            let _end = end;
            // Nothing is said on stderr.
            panic::resume_unwind(Box::new("this panic is part of a test"))
        });
        panicking.join().map(|()| "no panic").unwrap_err();
        assert_eq!(writer.write("more").unwrap_err().kind, WriteErrorKind::Closed);
        let mut source = Source::new(&access);
        assert!(matches!(source.next(10, WAIT).unwrap(), Turn::Records(taken) if taken.len() == 1));
        assert!(matches!(source.next(10, WAIT).unwrap(), Turn::End) && has_ended.load(Ordering::SeqCst));
    }
}
