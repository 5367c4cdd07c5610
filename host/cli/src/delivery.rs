//! From the buffer to stdout. A record is acknowledged when the reader of a pipe has taken it, or another output has it, and not before.

use std::{
    collections::{HashSet, VecDeque},
    path::Path,
    time::{Duration, Instant},
};

use forebay::{
    Buffer, Place,
    storage::{data_file_name, native::Snapshot},
};

use crate::{
    access::{Access, Supply, Taken},
    args::OutputFraming,
    exit::Exit,
    framing, logging,
    outlet::{Outlet, Wrote},
    print::{self, Listener},
    signals::Signals,
};

/// How many records are taken at a time.
pub(crate) const BATCH_RECORDS: usize = 4096;

/// How long it is waited at a time for a reader to take what is in the pipe: twice as long each time.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(50);

/// Records in the output.
struct Written {
    /// How many bytes were written before them.
    begin: u64,
    /// Where each of them ends.
    ends: Vec<u64>,
    last_id: u64,
    /// How many of them are acknowledged.
    acknowledged: usize,
    taken: Taken,
}

/// Prints records.
pub(crate) struct Delivery {
    outlet: Outlet,
    framing: OutputFraming,
    signals: Signals,
    grace: Duration,
    text: Vec<u8>,
    /// Not all of them are acknowledged.
    outstanding: VecDeque<Written>,
    /// Where the records end that were acknowledged last.
    last_ends: VecDeque<Vec<u64>>,
    /// The last record that was acknowledged.
    last_id: u64,
    acknowledged: u64,
    is_broken: bool,
    look: Duration,
    signalled: Option<Instant>,
}

impl Delivery {
    /// Delivery to stdout. A signal leaves so long for what is under way.
    pub(crate) fn new(framing: OutputFraming, grace: Duration, signals: &Signals) -> anyhow::Result<Self> {
        Ok(Self {
            outlet: Outlet::new()?,
            framing,
            signals: signals.clone(),
            grace,
            text: Vec::new(),
            outstanding: VecDeque::new(),
            last_ends: VecDeque::new(),
            last_id: 0,
            acknowledged: 0,
            is_broken: false,
            look: FIRST_LOOK,
            signalled: None,
        })
    }

    /// How long to wait for more records: not for long while the reader has some to take.
    pub(crate) fn wait(&mut self, most: Duration) -> Duration {
        if self.outstanding.is_empty() {
            return most;
        }
        self.look = (self.look * 2).min(LAST_LOOK);
        self.look.min(most)
    }

    /// Prints records. Those that the reader has taken are acknowledged, now or later. Also says how many were printed.
    pub(crate) fn deliver(
        &mut self,
        mut taken: Taken,
        supply: &mut impl Supply,
    ) -> anyhow::Result<(Listener, u64)> {
        self.leave_out_known(&mut taken);
        let count = u64::try_from(taken.len()).unwrap_or(u64::MAX);
        if count == 0 {
            return Ok((self.look(supply)?, 0));
        }
        self.text.clear();
        let begin = self.outlet.written();
        let (mut ends, mut last_id) = (Vec::with_capacity(taken.len()), 0);
        for record in taken.records() {
            framing::append(self.framing, &mut self.text, &record)?;
            ends.push(begin.saturating_add(u64::try_from(self.text.len()).unwrap_or(u64::MAX)));
            last_id = record.id;
        }
        self.outstanding.push_back(Written { begin, ends, last_id, acknowledged: 0, taken });
        self.look = FIRST_LOOK;
        let listener = self.write(supply)?;
        self.settle(supply, listener == Listener::Gone)?;
        Ok((listener, count))
    }

    /// A new owner delivers what was not acknowledged to the one before it: what is in the output already must not come twice. It is
    /// acknowledged by its ids when the reader has taken it.
    fn leave_out_known(&self, taken: &mut Taken) {
        let first = taken.records().next().map(|record| record.id);
        let newest = self.outstanding.back().map(|written| written.last_id);
        if first > newest {
            return;
        }
        let incarnation = taken.incarnation();
        let same = self.outstanding.iter().filter(|written| written.taken.incarnation() == incarnation);
        let known: HashSet<u64> =
            same.flat_map(|written| written.taken.records().map(|record| record.id)).collect();
        taken.leave_out(|id| known.contains(&id));
    }

    /// Acknowledges what the reader has taken since.
    pub(crate) fn look(&mut self, supply: &mut impl Supply) -> anyhow::Result<Listener> {
        self.is_broken = self.is_broken || self.outlet.is_broken_within(Duration::ZERO);
        self.settle(supply, true)?;
        Ok(if self.is_broken { Listener::Gone } else { Listener::There })
    }

    /// Waits until the reader has taken all that was written, has gone, or a signal cuts it short. What it has taken is acknowledged.
    pub(crate) fn drain(&mut self, supply: &mut impl Supply) -> anyhow::Result<()> {
        self.look = FIRST_LOOK;
        while self.look(supply)? == Listener::There && !self.outstanding.is_empty() && !self.must_end() {
            let time = self.wait(LAST_LOOK);
            self.outlet.is_broken_within(time);
        }
        Ok(())
    }

    /// Writes the text. After a signal only the record that is half written is completed.
    fn write(&mut self, supply: &mut impl Supply) -> anyhow::Result<Listener> {
        let text = std::mem::take(&mut self.text);
        let (mut at, mut look) = (0, FIRST_LOOK);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if self.signals.caught().is_some() && (self.is_between_records() || self.must_end()) {
                break;
            }
            match self.outlet.write(rest)? {
                Wrote::Bytes(bytes) => at += bytes,
                Wrote::Broken => {
                    self.is_broken = true;
                    break;
                }
                Wrote::Nothing => {
                    self.outlet.wait_for_room(look);
                    look = (look * 2).min(LAST_LOOK);
                    if look == LAST_LOOK {
                        self.settle(supply, true)?;
                    }
                }
            }
        }
        let is_whole = at == text.len();
        self.text = text;
        Ok(if is_whole { Listener::There } else { Listener::Gone })
    }

    fn is_between_records(&self) -> bool {
        let written = self.outlet.written();
        self.outstanding
            .back()
            .is_none_or(|last| last.begin == written || last.ends.binary_search(&written).is_ok())
    }

    /// Whether a signal has come, and half of the time is over that it leaves.
    fn must_end(&mut self) -> bool {
        self.signals.caught().is_some()
            && self.signalled.get_or_insert_with(Instant::now).elapsed() >= self.grace / 2
    }

    /// Acknowledges what the reader has taken: whole batches, or single records of a batch, too.
    fn settle(&mut self, supply: &mut impl Supply, by_record: bool) -> anyhow::Result<()> {
        let taken = self.outlet.taken();
        while let Some(first) = self.outstanding.front_mut() {
            let count = first.ends.partition_point(|end| *end <= taken);
            let is_whole = count == first.ends.len();
            if !is_whole && !by_record {
                break;
            }
            if let Some(new) = count.checked_sub(first.acknowledged).filter(|new| *new > 0) {
                self.last_id = first.taken.records().nth(count - 1).map_or(self.last_id, |record| record.id);
                self.acknowledged = self.acknowledged.saturating_add(u64::try_from(new).unwrap_or(u64::MAX));
                first.acknowledged = count;
                if is_whole {
                    supply.acknowledge(&first.taken)?;
                } else {
                    supply.acknowledge_first(&first.taken, count)?;
                }
            }
            if !is_whole {
                break;
            }
            self.last_ends.extend(self.outstanding.pop_front().map(|written| written.ends));
        }
        let in_doubt = taken.saturating_sub(self.outlet.capacity());
        while self.last_ends.front().is_some_and(|ends| ends.last().is_none_or(|last| *last <= in_doubt)) {
            self.last_ends.pop_front();
        }
        Ok(())
    }

    /// How many records are acknowledged that the reader took last, and may not have used before it went.
    fn in_doubt(&self) -> usize {
        let from = self.outlet.taken().saturating_sub(self.outlet.capacity());
        let of = |ends: &[u64]| ends.len() - ends.partition_point(|end| *end <= from);
        let part = self.outstanding.front().and_then(|first| first.ends.get(..first.acknowledged));
        self.last_ends.iter().map(|ends| of(ends)).sum::<usize>() + part.map_or(0, of)
    }

    /// As [`finish`], after this delivery.
    pub(crate) fn finish(&self, directory: &Path, ending: Ending, signals: &Signals) -> anyhow::Result<Exit> {
        let exit = finish(self.last_id, directory, ending, signals)?;
        if !self.is_broken {
            return Ok(exit);
        }
        let in_doubt = u64::try_from(self.in_doubt()).unwrap_or(u64::MAX);
        print::say(&format!(
            "the reader of standard output has gone: {} acknowledged, all of which it took; it may not have used the last {in_doubt}; \
             all others wait in {}",
            print::count(self.acknowledged, "record"),
            directory.display()
        ));
        Ok(Exit::No)
    }
}

/// Closes the buffer, and says on stderr what did not go as it should: records that are lost, and acknowledgements up to this record that
/// the logic has kept to itself. Each loss was logged when it was found.
pub(crate) fn finish(
    acknowledged: u64,
    directory: &Path,
    ending: Ending,
    signals: &Signals,
) -> anyhow::Result<Exit> {
    let (cut_bytes, is_alone) = match ending {
        Ending::Own { cut_bytes, is_alone } => (cut_bytes, is_alone),
        Ending::Elsewhere { lost: 0 } => return Ok(Exit::Done),
        Ending::Elsewhere { lost } => {
            let lost = print::count(lost, "record");
            print::say(&format!(
                "lost {lost} while this command read: no data file holds them whole; the process that has the buffer logs where"
            ));
            return Ok(Exit::No);
        }
    };
    let lost = signals.with_buffer(|buffer| lost(buffer, cut_bytes)).flatten();
    if let Some(lost) = &lost {
        print::say(lost);
    }
    signals.close()?;
    let swallowed = if is_alone { swallowed(acknowledged, directory) } else { 0 };
    if swallowed > 0 {
        let records = print::count(swallowed, "record");
        print::say(&format!(
            "the buffer's logic has not stored the acknowledgement of {records} in {}: the next read delivers them again; \
                 read without --component, or with other logic",
            directory.display()
        ));
    }
    Ok(if lost.is_none() && swallowed == 0 { Exit::Done } else { Exit::No })
}

/// How many events were acknowledged here, and wait all the same in the closed buffer. Another process that has it by now
/// can only have acknowledged more.
fn swallowed(acknowledged: u64, directory: &Path) -> u64 {
    if acknowledged == 0 {
        return 0;
    }
    // A directory that was removed meanwhile holds nothing that could be delivered again.
    let ledger = || Snapshot::take(directory).ok().and_then(|snapshot| snapshot.readable_ledger());
    // What is odd about the directory was logged when it was opened.
    let ledger = logging::in_silence(ledger);
    ledger.map_or(0, |ledger| acknowledged.saturating_sub(ledger.reader_last_record.0))
}

/// How the buffer ends for a command that took records out of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// This process has the buffer, and closes it.
    Own {
        /// What was cut from the end of the last file on opening.
        cut_bytes: u64,
        /// No other process has taken records out: those before ours are ours.
        is_alone: bool,
    },
    /// Another process has it.
    Elsewhere {
        /// How many events were lost meanwhile.
        lost: u64,
    },
}

impl Ending {
    pub(crate) fn of(access: &Access) -> Self {
        match access.owned() {
            Some(owned) => Self::Own { cut_bytes: owned.cut_bytes(), is_alone: !owned.is_shared() },
            None => Self::Elsewhere { lost: access.lost_elsewhere() },
        }
    }
}

/// What was lost, in words; `cut_bytes` were cut off on opening.
fn lost(buffer: &Buffer, cut_bytes: u64) -> Option<String> {
    let events = buffer.status()?.lost_events;
    if events == 0 {
        return None;
    }
    let losses = buffer.take_losses();
    let places: Vec<Place> =
        losses.iter().filter(|loss| loss.events() > 0).flat_map(|loss| loss.places.clone()).collect();
    Some(lost_in_words(events, &places, cut_bytes))
}

/// What was lost, and where it should be, in words.
pub(crate) fn lost_in_words(events: u64, places: &[Place], cut_bytes: u64) -> String {
    let mut text = format!("lost {}: no data file holds them whole", print::count(events, "record"));
    if let Some((first, others)) = places.split_first() {
        text += &described(first);
        if !others.is_empty() {
            text += ", and ";
            text += &print::count(u64::try_from(others.len()).unwrap_or(u64::MAX), "place");
            text += " more";
        }
    }
    if cut_bytes > 0 {
        text += "; ";
        text += &print::count(cut_bytes, "byte");
        text += " of an unfinished write were cut off";
    }
    text
}

fn described(place: &Place) -> String {
    let Place { file, offset, bytes } = place;
    let name = data_file_name(*file);
    match bytes {
        0 => format!("; {name} is missing"),
        _ => format!(
            "; {name} is damaged or cannot be read from byte {offset} on, {}",
            print::count(*bytes, "byte")
        ),
    }
}
