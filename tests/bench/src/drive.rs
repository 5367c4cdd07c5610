//! Has contenders do work: threads that append, threads that consume, and a look at what came out.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::{
    contender::{Acks, Contender, Kind, Level},
    payloads::{Look, Payloads, Tally},
    point::Sample,
    setup::Setup,
};

/// For so long a consumer that has found nothing waits.
const PAUSE: Duration = Duration::from_micros(50);

/// How many records a consumer takes, if nothing else is said.
const TAKEN: usize = 1000;

/// After so long without a record, the rest is not coming.
const PATIENCE: Duration = Duration::from_mins(1);

/// The part of the bytes that reach the disk before they are removed.
pub(crate) const TO_DISK: &str = "of the bytes to disk";

/// What work is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) level: Level,
    pub(crate) record_bytes: usize,
    /// How many records a call appends.
    pub(crate) batch: usize,
    /// How many records a call consumes at most.
    pub(crate) taken: usize,
    pub(crate) acks: Acks,
    pub(crate) producers: usize,
    pub(crate) consumers: usize,
    /// Whether appending ends when all is durable.
    pub(crate) durable: bool,
    /// Whether records are consumed while others are appended.
    pub(crate) at_once: bool,
}

impl Work {
    /// One producer, then one consumer who acknowledges whole batches.
    pub(crate) fn new(record_bytes: usize, batch: usize) -> Self {
        Self {
            level: Level::Written,
            record_bytes,
            batch,
            taken: TAKEN,
            acks: Acks::Through,
            producers: 1,
            consumers: 1,
            durable: false,
            at_once: false,
        }
    }

    /// The same, by so many threads on either side.
    pub(crate) fn by(self, producers: usize, consumers: usize) -> Self {
        // What one consumer acknowledges through would be another's.
        let acks = if consumers > 1 { Acks::Each } else { self.acks };
        Self { acks, producers, consumers, ..self }
    }

    /// The same, at this level.
    pub(crate) fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> String {
        let calls = match self.batch {
            1 => "one record a call".to_owned(),
            batch => format!("calls of {batch}"),
        };
        let mut name = format!("{}, {calls}, {}", size(self.record_bytes), self.level.name());
        for (holds, words) in [
            (self.durable, ", until durable".to_owned()),
            (self.producers > 1, format!(", {} producers", self.producers)),
            (self.consumers > 1, format!(", {} consumers", self.consumers)),
            (self.taken != TAKEN, format!(", taken by {}", self.taken)),
            (self.acks == Acks::Each, ", each acknowledged".to_owned()),
            (self.at_once, ", both at once".to_owned()),
        ] {
            if holds {
                name.push_str(&words);
            }
        }
        name
    }

    /// Whether this contender can do it.
    pub(crate) fn suits(&self, kind: &dyn Kind) -> bool {
        let one_thread = self.producers == 1 && self.consumers == 1 && !self.at_once;
        kind.levels().contains(&self.level) && (one_thread || kind.is_shared())
    }

    /// A measurement of this work: `written/s` and `consumed/s`, or `through/s` where both happen at once.
    pub(crate) fn measure(
        self,
        kind: &'static dyn Kind,
        setup: Setup,
    ) -> impl FnMut(&Path) -> Result<Sample> + use<> {
        let mut warm = None;
        move |directory| {
            if let Some((payloads, records)) = &warm {
                return self.run(kind, directory, payloads, *records, Look::Ends);
            }
            let payloads = Payloads::new(self.record_bytes, self.batch);
            let (records, sample) = self.warm_up(kind, directory, &payloads, setup)?;
            warm = Some((payloads, records));
            Ok(sample)
        }
    }

    /// Finds out how many records take as long as is wanted, and looks at every byte of them.
    fn warm_up(
        &self,
        kind: &'static dyn Kind,
        directory: &Path,
        payloads: &Payloads,
        setup: Setup,
    ) -> Result<(usize, Sample)> {
        let step = self.batch * self.producers;
        let most = self.whole(setup.bytes / self.record_bytes);
        let mut records = step.min(most);
        loop {
            let sample = self.run(kind, directory, payloads, records, Look::Whole)?;
            let mut enough = enough_records(&sample, setup);
            if records < most && records as f64 * 8.0 > enough {
                // A disk that stalls once makes a rate as low as a slow contender has. Twice in turn is rare.
                enough = enough
                    .max(enough_records(&self.run(kind, directory, payloads, records, Look::Whole)?, setup));
            }
            if records == most || records as f64 * 8.0 > enough {
                // `as` takes what is too much for the most.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
                let enough = enough as usize;
                return Ok((self.whole(enough.min(most)), sample));
            }
            records = (records * 8).min(most);
        }
    }

    /// As many, in whole calls of all producers: at least one of each.
    fn whole(&self, records: usize) -> usize {
        let step = self.batch * self.producers;
        (records / step).max(1) * step
    }

    /// Does the work once.
    fn run(
        &self,
        kind: &dyn Kind,
        directory: &Path,
        payloads: &Payloads,
        records: usize,
        look: Look,
    ) -> Result<Sample> {
        let directory = directory.join("queue");
        let mut queue = kind.open(&directory, self.level, self.record_bytes)?;
        let left = AtomicUsize::new(records);
        let start = Instant::now();
        let (sample, tally) = if self.at_once {
            let before = bytes_to_disk()?;
            let producers = shares(&*queue, self.producers)?;
            let (tally, end) = thread::scope(|scope| {
                let appending = scope.spawn(|| self.append_all(producers, payloads, records));
                let consumed = self.consume_all(&mut *queue, &left, look)?;
                appending.join().map_err(|_| anyhow!("a producer panicked"))??;
                anyhow::Ok(consumed)
            })?;
            let reached = (bytes_to_disk()? - before) / (records * self.record_bytes) as f64;
            (vec![("through/s", rate(records, end - start)), (TO_DISK, reached)], tally)
        } else {
            if self.producers == 1 {
                self.append_each(&mut *queue, payloads, records)?;
            } else {
                let producers = shares(&*queue, self.producers)?;
                self.append_all(producers, payloads, records)?;
            }
            let (written, start) = (start.elapsed(), Instant::now());
            let (tally, end) = self.consume_all(&mut *queue, &left, look)?;
            let sample =
                vec![("written/s", rate(records, written)), ("consumed/s", rate(records, end - start))];
            (sample, tally)
        };
        let expected = self.expected(payloads, records, look);
        ensure!(
            tally.agrees(expected),
            "of {records} records, {} came out; they are others if that is as many",
            tally.records
        );
        queue.close()?;
        fs::remove_dir_all(directory)?;
        Ok(sample)
    }

    /// Each producer begins with the first record.
    fn expected(&self, payloads: &Payloads, records: usize, look: Look) -> Tally {
        let of_one = payloads.expected(records / self.producers, look);
        (1..self.producers).fold(of_one, |sum, _| sum.plus(of_one))
    }

    /// All producers append their share of the records.
    fn append_all(
        &self,
        producers: Vec<Box<dyn Contender + Send>>,
        payloads: &Payloads,
        records: usize,
    ) -> Result<()> {
        let share = records / producers.len();
        thread::scope(|scope| {
            let threads: Vec<_> = producers
                .into_iter()
                .map(|mut queue| scope.spawn(move || self.append_each(&mut *queue, payloads, share)))
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a producer panicked"))?)
        })
    }

    fn append_each(&self, queue: &mut dyn Contender, payloads: &Payloads, records: usize) -> Result<()> {
        let mut first = 0;
        while first < records {
            let call = payloads.call(first, self.batch);
            first += self.batch;
            if self.durable && first >= records {
                queue.append_durably(call)?;
            } else {
                queue.append(call)?;
            }
        }
        Ok(())
    }

    /// All consumers take records until none is left to come. Says when the last was acknowledged.
    fn consume_all(
        &self,
        queue: &mut dyn Contender,
        left: &AtomicUsize,
        look: Look,
    ) -> Result<(Tally, Instant)> {
        if self.consumers == 1 {
            return self.consume_each(queue, left, look);
        }
        let consumers = shares(queue, self.consumers)?;
        thread::scope(|scope| {
            let threads: Vec<_> = consumers
                .into_iter()
                .map(|mut queue| scope.spawn(move || self.consume_each(&mut *queue, left, look)))
                .collect();
            let mut all = (Tally::new(look), Instant::now());
            for thread in threads {
                let (tally, end) = thread.join().map_err(|_| anyhow!("a consumer panicked"))??;
                all = (all.0.plus(tally), all.1.max(end));
            }
            Ok(all)
        })
    }

    fn consume_each(
        &self,
        queue: &mut dyn Contender,
        left: &AtomicUsize,
        look: Look,
    ) -> Result<(Tally, Instant)> {
        let (mut tally, mut end) = (Tally::new(look), Instant::now());
        while left.load(Relaxed) > 0 {
            let records = queue.consume(self.taken, self.acks, &mut |record| tally.add(record))?;
            if records == 0 {
                ensure!(end.elapsed() < PATIENCE, "{} records did not come out", left.load(Relaxed));
                thread::sleep(PAUSE);
                continue;
            }
            end = Instant::now();
            let before = left.fetch_sub(records, Relaxed);
            ensure!(before >= records, "more records came out than went in");
        }
        Ok((tally, end))
    }
}

/// Handles for so many threads.
fn shares(queue: &dyn Contender, count: usize) -> Result<Vec<Box<dyn Contender + Send>>> {
    (0..count).map(|_| queue.share().context("only one thread may use it")).collect()
}

/// The bytes that this process has had written to a disk, or has in the kernel's cache to be written.
fn bytes_to_disk() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/io")?;
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        anyhow::Ok(value.context("/proc/self/io has other fields")?.parse::<f64>()?)
    };
    Ok(field("write_bytes: ")? - field("cancelled_write_bytes: ")?)
}

/// A length, as people write it.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// Records a second.
pub(crate) fn rate(records: usize, taken: Duration) -> f64 {
    records as f64 / taken.as_secs_f64()
}

/// How many records take as long as is wanted, by a sample. The slower of the two ways decides, so that both take long enough
/// and neither too long.
fn enough_records(sample: &Sample, setup: Setup) -> f64 {
    let rates = sample.iter().filter(|&&(figure, _)| figure != TO_DISK);
    // By the rate: opening and closing take their time as well, and say nothing.
    rates.map(|&(_, rate)| rate).fold(f64::INFINITY, f64::min) * setup.time.as_secs_f64() * 2.0
}
