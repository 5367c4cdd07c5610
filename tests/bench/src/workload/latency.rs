//! How long a call takes, as its slowest ones show.

use std::{
    fs::{self, File},
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};

use crate::{
    contender::{self, Acks, AsComponent, Contender, Kind, Level, Raw},
    payloads::{Look, Payloads, Tally},
    point::{Point, Sample},
    setup::Setup,
};

const RECORD_BYTES: usize = 1 << 10;

/// A record is due so long after the one before: 100 MB/s.
const PACE: Duration = Duration::from_nanos(10_240);

/// As often as Forebay syncs what nothing waits for.
const SYNC_INTERVAL: Duration = Duration::from_millis(500);

/// The point of a writer at a pace, while syncs run.
pub(crate) const PACED: &str = "one 1 KiB record a call at 100 MB/s, with syncs beside";

/// The bare file, beside a thread that syncs it.
pub(crate) const BESIDE_SYNCS: &str = "raw write(2), fdatasync beside";

/// The points of calls that follow each other, by level.
pub(crate) fn single_calls(level: Level) -> String {
    format!("latency, one 1 KiB record a call, {}", level.name())
}

/// The figures, in microseconds: of a thousand calls, so many take at most so long.
pub(crate) const PERCENTILES: [(&str, f64); 5] =
    [("p50, us", 0.5), ("p90, us", 0.9), ("p99, us", 0.99), ("p99.9, us", 0.999), ("p99.99, us", 0.9999)];

pub(super) fn points(setup: Setup) -> Vec<Point> {
    let time = setup.time * if setup.quick { 20 } else { 12 };
    let mut paced = Point::new(PACED);
    paced.add("forebay", move |directory: &Path| {
        calls(&AsComponent, Level::Written, Some(PACE), time, directory)
    });
    paced.add(BESIDE_SYNCS, move |directory: &Path| beside_syncs(time, directory));
    if setup.quick {
        return vec![paced];
    }
    let single = |level| {
        let mut point = Point::new(single_calls(level));
        for kind in contender::all().into_iter().filter(|kind| kind.levels().contains(&level)) {
            point.add(kind.name(), move |directory: &Path| {
                calls(kind, level, None, setup.time * 2, directory)
            });
        }
        point
    };
    vec![paced, single(Level::Written), single(Level::Synced)]
}

/// Appends for so long, one record a call, and says how long calls took.
fn calls(
    kind: &dyn Kind,
    level: Level,
    pace: Option<Duration>,
    time: Duration,
    directory: &Path,
) -> Result<Sample> {
    let directory = directory.join("queue");
    let mut queue = kind.open(&directory, level, RECORD_BYTES)?;
    let payloads = Payloads::new(RECORD_BYTES, 1);
    let mut taken = append(&mut *queue, &payloads, pace, time)?;
    let mut tally = Tally::new(Look::Ends);
    while tally.records < taken.len() {
        let records = queue.consume(1000, Acks::Through, &mut |record| tally.add(record))?;
        ensure!(records > 0, "of {} records, {} came out", taken.len(), tally.records);
    }
    ensure!(tally.agrees(payloads.expected(taken.len(), Look::Ends)), "other records came out than went in");
    queue.close()?;
    fs::remove_dir_all(directory)?;
    Ok(percentiles(&mut taken))
}

/// As above, with the bare file and a thread that syncs it as often as Forebay does.
fn beside_syncs(time: Duration, directory: &Path) -> Result<Sample> {
    let directory = directory.join("queue");
    let mut queue = Raw.open(&directory, Level::Written, RECORD_BYTES)?;
    let payloads = Payloads::new(RECORD_BYTES, 1);
    let file = File::open(directory.join("raw"))?;
    let done = AtomicBool::new(false);
    let mut taken = thread::scope(|scope| {
        let syncing = scope.spawn(|| -> Result<()> {
            while !done.load(Relaxed) {
                thread::sleep(SYNC_INTERVAL);
                file.sync_data()?;
            }
            Ok(())
        });
        let taken = append(&mut *queue, &payloads, Some(PACE), time);
        done.store(true, Relaxed);
        syncing.join().map_err(|_| anyhow!("the thread that syncs panicked"))??;
        taken
    })?;
    queue.close()?;
    fs::remove_dir_all(directory)?;
    Ok(percentiles(&mut taken))
}

/// How long each call took.
fn append(
    queue: &mut dyn Contender,
    payloads: &Payloads,
    pace: Option<Duration>,
    time: Duration,
) -> Result<Vec<Duration>> {
    let mut taken = Vec::with_capacity(1 << 20);
    let start = Instant::now();
    let mut due = start;
    while due - start < time {
        // A late record is followed at once: the rate is what is given.
        while pace.is_some() && Instant::now() < due {
            std::hint::spin_loop();
        }
        let before = Instant::now();
        queue.append(payloads.call(taken.len(), 1))?;
        let after = Instant::now();
        taken.push(after - before);
        due = pace.map_or(after, |pace| due + pace);
    }
    Ok(taken)
}

fn percentiles(taken: &mut [Duration]) -> Sample {
    taken.sort_unstable();
    let last = taken.len().saturating_sub(1);
    let figure = |(name, part): (&'static str, f64)| {
        // Between 0 and 1 of the length.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
        let at = (last as f64 * part) as usize;
        (name, taken.get(at).map_or(f64::NAN, |taken| taken.as_secs_f64() * 1e6))
    };
    PERCENTILES.map(figure).into()
}
