//! What attacks cost, as a table: `just hostile`.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use forebay::{Buffer, Component, Limits};
use tempfile::TempDir;

use super::attack::{Attack, Call, Victim, attacks, guest};
use crate::support::storage::records;

/// How often each attack is tried.
const TRIES: usize = 10;

/// What an attack has done.
struct Cost {
    seen: String,
    /// How long the tries took, in order of length.
    took: Vec<Duration>,
    /// By how many KiB the process grew at the most.
    grown: u64,
}

/// The memory that this process has in use, in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Runs something, and gives by how many KiB the process grew meanwhile.
fn growth(run: impl FnOnce()) -> u64 {
    let (before, most, done) = (resident(), AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(SeqCst) {
                most.fetch_max(resident(), SeqCst);
                thread::sleep(Duration::from_millis(1));
            }
        });
        run();
        done.store(true, SeqCst);
    });
    most.into_inner().max(resident()).saturating_sub(before)
}

/// One instance is given one chance, under the limits that are the default. Gives how long the call took.
fn try_out(victim: &Victim, hostile: &Component, attack: &Attack) -> (String, Duration) {
    let mut options = attack.options();
    options.restarts_per_minute = 0;
    let mut started = Instant::now();
    let opened = victim.open(hostile.clone(), options, Limits::default());
    let seen = match &opened {
        Ok(buffer) => {
            if attack.call != Call::Open {
                started = Instant::now();
            }
            attack.provoke(buffer).err()
        }
        Err(error) => Some(error.to_string()),
    };
    let took = started.elapsed();
    (seen.unwrap_or_else(|| "it got less than it wanted, and goes on".to_owned()), took)
}

fn cost(hostile: &Component, attack: &Attack) -> Cost {
    let victim = Victim::new();
    let mut cost = Cost { seen: String::new(), took: Vec::new(), grown: 0 };
    cost.grown = growth(|| {
        for _ in 0..TRIES {
            let (seen, took) = try_out(&victim, hostile, attack);
            cost.seen = seen;
            cost.took.push(took);
        }
    });
    victim.assert_unharmed(attack.what);
    cost.took.sort_unstable();
    cost
}

/// How long writes of one record took, in order of length.
struct Latencies(Vec<Duration>);

impl Latencies {
    /// Writes to a buffer in a directory for as long.
    fn of(buffer: &Buffer, lasting: Duration, latencies: &mut Vec<Duration>) {
        let (writer, until) = (buffer.writer(), Instant::now() + lasting);
        while Instant::now() < until {
            let started = Instant::now();
            let receipt = writer.write_batch(records(1..=1)).unwrap();
            latencies.push(started.elapsed());
            buffer.reader().try_next_batch(1).unwrap();
            buffer.reader().ack_through(receipt.last_id.unwrap());
        }
    }

    fn percentile(&self, per_thousand: usize) -> Duration {
        self.0[(self.0.len() - 1) * per_thousand / 1000]
    }
}

/// The latencies of another buffer of the process: alone, and while guests spin beside it.
fn bystander(hostile: &Component) -> [Latencies; 2] {
    let directory = TempDir::new().unwrap();
    let buffer = Buffer::builder(directory.path()).open().unwrap();
    let mut latencies = [Vec::new(), Vec::new()];
    let spinning = attacks().find(|attack| attack.what == "spins in write").unwrap();
    // By turns, so that both have the same share of what else the machine does.
    for _ in 0..5 {
        Latencies::of(&buffer, Duration::from_secs(1), &mut latencies[0]);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let victim = Victim::new();
                while !done.load(SeqCst) {
                    try_out(&victim, hostile, spinning);
                }
            });
            Latencies::of(&buffer, Duration::from_secs(1), &mut latencies[1]);
            done.store(true, SeqCst);
        });
    }
    latencies.map(|mut latencies| {
        latencies.sort_unstable();
        Latencies(latencies)
    })
}

/// What an operator wants to know before he runs logic that he does not trust. A busy machine makes every time longer.
#[test]
#[ignore = "it measures for half a minute: just hostile"]
fn what_attacks_cost() {
    let hostile = guest("hostile.wasm");
    let start = resident();
    println!("{:<50} {:>10} {:>10} {:>9}  seen", "attack", "median", "longest", "memory");
    let (mut spins, mut grown) = (Vec::new(), 0);
    // A flush comes when the buffer is closed, and is no call that can be measured by itself.
    for attack in attacks().filter(|attack| attack.call != Call::Flush) {
        let cost = cost(&hostile, attack);
        let longest = cost.took[TRIES - 1];
        assert!(longest < Duration::from_secs(5), "{}: {longest:?}", attack.what);
        let [half, most] = [cost.took[TRIES / 2], longest].map(|took| took.as_secs_f64() * 1e3);
        let kib = cost.grown;
        println!("{:<50} {half:>7.1} ms {most:>7.1} ms {kib:>5} KiB  {}", attack.what, cost.seen);
        if attack.what.starts_with("spins") {
            spins.extend(cost.took);
        }
        grown = grown.max(kib).max(resident().saturating_sub(start));
    }
    let [alone, beside] = bystander(&hostile);
    spins.sort_unstable();
    let (half, most) = (spins[spins.len() / 2], spins[spins.len() - 1]);
    println!("a guest that spins is cut after {half:.1?}, {most:.1?} at the longest (to reach: 120 ms)");
    println!("the process grew by {grown} KiB at the most (to reach: 81920 KiB)");
    for (what, latencies) in [("alone", &alone), ("beside guests that spin", &beside)] {
        let [half, p99, most] = [500, 990, 1000].map(|per_thousand| latencies.percentile(per_thousand));
        println!(
            "another buffer writes a record, {what}: p50 {half:?}, p99 {p99:?}, longest {most:?} ({} writes)",
            latencies.0.len()
        );
    }
    let ratio = beside.percentile(990).as_secs_f64() / alone.percentile(990).as_secs_f64();
    println!("the p99 beside is {ratio:.2} times the one alone (to reach: 2)");
}
