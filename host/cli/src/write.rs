//! `forebay write`: records from stdin into a buffer.
//!
//! One thread reads and writes; this one waits for the answers, so that several batches share a sync, and so that a signal
//! is heard while stdin is silent.

use std::{
    fs::File,
    io::Write as _,
    ops::ControlFlow,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, TryLockError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use forebay::{Buffer, RecordId, WriteErrorKind, explain_missing_threads};
use serde::Serialize;
use tracing::warn;

use crate::{
    access::{Access, Sent, Sink},
    answers::{Answers, Tally},
    args::{Format, WriteArgs},
    exit::Exit,
    feed::Feed,
    given,
    open::Opening,
    options, print,
    signals::Signals,
};

/// How many batches may wait for their answers: those that share a sync.
const BATCHES_MAX: usize = 8;

/// How often the buffer is looked at while stdin is silent: it may stop with every record answered.
const LOOK: Duration = Duration::from_secs(1);

/// How often it is looked whether a request is still in flight when a signal has come.
const BUSY_LOOK: Duration = Duration::from_millis(5);

/// What this thread hears of.
enum Event {
    /// A batch was handed over.
    Sent(Sent),
    /// Nothing more will be.
    End(anyhow::Result<()>),
    /// A signal came.
    Stop,
}

#[derive(Serialize)]
struct Answer {
    records: u64,
    bytes: u64,
    first_id: Option<u64>,
    last_id: Option<u64>,
    rejected: u64,
}

pub(crate) fn run(args: &WriteArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    given::stdin();
    if args.confirm || args.format == Format::Json {
        given::stdout_for_answers();
    }
    let max_record = options::of(&args.buffer)?.record_bytes_max();
    let (events, inbox) = sync_channel(BATCHES_MAX);
    let wake = events.clone();
    // Where there is no room for it, this thread is awake.
    let wake = move || drop(wake.try_send(Event::Stop));
    let opening = Opening::create(&args.buffer)?;
    let access = Access::new(args.dir.clone(), &args.buffer, opening, signals, wake);
    access.enter()?;
    let sink = Sink::new(&access, &args.buffer);
    let busy = sink.busy();
    let feed = Feed::new(args.framing, max_record, sink);
    thread::Builder::new()
        .name("forebay-input".to_owned())
        .spawn(move || feed_all(feed, &events))
        .map_err(explain_missing_threads)
        .context("cannot start a thread to read standard input")?;

    let mut writing = Writing {
        signals,
        answers: Answers::new(&args.buffer, false, signals),
        confirm: if args.confirm { Some(print::stdout()?) } else { None },
        busy,
    };
    let result = writing.collect(&inbox);
    let closed = signals.close();
    if args.format == Format::Json {
        print::json(&Answer::new(writing.answers.tally()))?;
    }
    let taken_away = result.and(closed)?;
    Ok(writing.answers.exit(taken_away))
}

fn feed_all(feed: Feed, events: &SyncSender<Event>) {
    let gone = |_| ControlFlow::Break(());
    let send = |sent| events.send(Event::Sent(sent)).map_or_else(gone, ControlFlow::Continue);
    // The receiver must hear of the end, also if this thread panics.
    let result = panic::catch_unwind(AssertUnwindSafe(|| feed.run(send)))
        .unwrap_or_else(|_| Err(anyhow!("the thread that reads standard input has died")));
    // A receiver that has gone needs no end.
    let _ = events.send(Event::End(result));
}

struct Writing<'a> {
    signals: &'a Signals,
    answers: Answers,
    /// Where the last id is printed.
    confirm: Option<File>,
    /// Held while a request is in flight, until its answer was passed on.
    busy: Arc<Mutex<()>>,
}

impl Writing<'_> {
    /// Waits for all answers, until there are no more or a signal comes.
    fn collect(&mut self, inbox: &Receiver<Event>) -> anyhow::Result<()> {
        while self.signals.caught().is_none() {
            match inbox.recv_timeout(LOOK) {
                Ok(Event::Sent(sent)) => self.settle(sent)?,
                Ok(Event::End(result)) => return result,
                Ok(Event::Stop) => break,
                Err(RecvTimeoutError::Timeout) => self.must_go_on()?,
                Err(RecvTimeoutError::Disconnected) => {
                    anyhow::bail!("the thread that reads standard input has died")
                }
            }
        }
        // A request that is in flight has its answer first. The thread that waits for it may wait for room for what it has to tell.
        while matches!(self.busy.try_lock(), Err(TryLockError::WouldBlock)) {
            if let Ok(Event::Sent(sent)) = inbox.recv_timeout(BUSY_LOOK) {
                self.settle(sent)?;
            }
        }
        // Writing has ended: what was handed over has its answer or gets it now.
        while let Ok(Event::Sent(sent)) = inbox.try_recv() {
            self.settle(sent)?;
        }
        Ok(())
    }

    /// Fails if the buffer has stopped: no answer would say so before the next record comes.
    fn must_go_on(&self) -> anyhow::Result<()> {
        let status = self.signals.with_buffer(Buffer::status).flatten();
        match status.and_then(|status| status.stopped) {
            Some(reason) => Err(WriteErrorKind::Stopped { reason }.into()),
            None => Ok(()),
        }
    }

    /// Waits for what became of a batch.
    fn settle(&mut self, sent: Sent) -> anyhow::Result<()> {
        match self.answers.wait(sent) {
            // It was still waiting for room when the signal came.
            Err(error) if error.kind == WriteErrorKind::Closed && self.signals.caught().is_some() => {}
            receipt => {
                if let Some(id) = receipt?.last_id {
                    self.confirm(id);
                }
            }
        }
        Ok(())
    }

    fn confirm(&mut self, RecordId(id): RecordId) {
        let Some(stdout) = &mut self.confirm else { return };
        if let Err(error) = stdout.write_all(format!("{id}\n").as_bytes()) {
            warn!(%error, "cannot confirm on standard output any more: writing goes on");
            self.confirm = None;
        }
    }
}

impl Answer {
    fn new(tally: &Tally) -> Self {
        Self {
            records: tally.records,
            bytes: tally.bytes,
            first_id: tally.first_id.map(|RecordId(id)| id),
            last_id: tally.last_id.map(|RecordId(id)| id),
            rejected: tally.rejected,
        }
    }
}
