//! `forebay write`: records from stdin into a buffer.
//!
//! One thread reads and writes; this one waits for the answers, so that several batches share a sync, and so that a signal
//! is heard while stdin is silent.

use std::{
    fs::File,
    io::Write as _,
    ops::ControlFlow,
    panic::{self, AssertUnwindSafe},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
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
    framing::{Counts, Limit},
    given,
    open::Opening,
    print,
    signals::Signals,
};

/// How many batches may wait for their answers: those that share a sync.
const BATCHES_MAX: usize = 8;

/// How often the buffer is looked at while stdin is silent: it may stop with every record answered.
const LOOK: Duration = Duration::from_secs(1);

/// How often it is looked whether the time is over when a signal has come.
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
    /// Left out for being too long.
    skipped: u64,
    /// Cut to the longest that a record may be.
    truncated: u64,
    /// Read from stdin, and not placed before the time was over that a signal had left.
    unplaced: u64,
}

pub(crate) fn run(args: &WriteArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    given::stdin();
    if args.confirm || args.format == Format::Json {
        given::stdout_for_answers();
    }
    let (events, inbox) = sync_channel(BATCHES_MAX);
    let wake = events.clone();
    // Where there is no room for it, this thread is awake.
    let wake = move || drop(wake.try_send(Event::Stop));
    let opening = Opening::create(&args.buffer)?;
    let access = Access::new(args.dir.clone(), &args.buffer, opening, signals, wake);
    access.enter()?;
    let sink = Sink::new(&access, &args.buffer);
    let limit = Limit::new(access.record_bytes_max(args.framing)?, args.on_too_long);
    let feed = Feed::new(args.framing, limit, args.buffer.metadata, sink, signals)?;
    let read = feed.counts();
    thread::Builder::new()
        .name("forebay-input".to_owned())
        .spawn(move || feed_all(feed, &events))
        .map_err(explain_missing_threads)
        .context("cannot start a thread to read standard input")?;

    let mut writing = Writing {
        signals,
        answers: Answers::new(&args.buffer, false, signals),
        confirm: if args.confirm { Some(print::stdout()?) } else { None },
    };
    let result = writing.collect(&inbox);
    let closed = signals.close();
    let answers = &writing.answers;
    if args.format == Format::Json {
        print::json(&Answer::new(answers.tally(), answers.unplaced(&read), &read))?;
    }
    let taken_away = match result.and(closed) {
        // What could not be placed is told last.
        Err(error) if answers.unplaced(&read) > 0 => {
            print::say(&format!("{error:#}"));
            0
        }
        closed => closed.inspect_err(|_| read.say_overlong())?,
    };
    Ok(answers.exit(taken_away, &read))
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
}

impl Writing<'_> {
    /// Waits for all answers. After a signal, until the time is over that it leaves.
    fn collect(&mut self, inbox: &Receiver<Event>) -> anyhow::Result<()> {
        loop {
            let is_signalled = self.signals.caught().is_some();
            match inbox.recv_timeout(if is_signalled { BUSY_LOOK } else { LOOK }) {
                Ok(Event::Sent(sent)) => self.settle(sent)?,
                Ok(Event::End(result)) => return result,
                Ok(Event::Stop) => {}
                Err(RecvTimeoutError::Timeout) if is_signalled => {
                    if self.signals.is_overdue() {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.must_go_on()?,
                Err(RecvTimeoutError::Disconnected) => {
                    anyhow::bail!("the thread that reads standard input has died")
                }
            }
        }
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
        if let Some(id) = self.answers.wait_or_stop(sent)?.last_id {
            self.confirm(id);
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
    fn new(tally: &Tally, unplaced: u64, read: &Counts) -> Self {
        Self {
            records: tally.records,
            bytes: tally.bytes,
            first_id: tally.first_id.map(|RecordId(id)| id),
            last_id: tally.last_id.map(|RecordId(id)| id),
            rejected: tally.rejected,
            skipped: read.skipped(),
            truncated: read.truncated(),
            unplaced,
        }
    }
}
