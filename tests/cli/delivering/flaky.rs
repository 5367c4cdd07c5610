//! A flaky endpoint, and processes that are killed at any moment: no record is missing at the endpoint.

use std::{collections::BTreeSet, fs, thread, time::Instant};

use rustix::process::Signal;

use super::{
    delivered,
    endpoint::{Endpoint, undisturbed},
    file, until,
};
use crate::{
    Place, seq,
    support::cli::{Running, forebay, status},
};

/// How records get there.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    Exec,
    To,
}

/// What came of it.
#[derive(Debug)]
pub struct Seen {
    pub again: usize,
    pub kills: (u64, u64),
}

/// A process that owns the buffer, and one that delivers out of it.
struct Processes<'a> {
    place: &'a Place,
    arguments: Vec<String>,
    owner: Running,
    shipper: Running,
    kills: (u64, u64),
}

impl<'a> Processes<'a> {
    fn start(place: &'a Place, arguments: Vec<String>) -> Self {
        let owner = Running::start(&mut forebay(["serve", &place.path]));
        until(|| status(&place.path)["locked_by"] == owner.pid());
        let shipper = Self::ship(&arguments);
        Self { place, arguments, owner, shipper, kills: (0, 0) }
    }

    fn ship(arguments: &[String]) -> Running {
        Running::start(&mut undisturbed(&arguments.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    fn kill_shipper(&mut self) {
        self.shipper.signal(Signal::KILL);
        self.shipper.wait();
        self.kills.0 += 1;
        self.shipper = Self::ship(&self.arguments);
    }

    fn kill_owner(&mut self) {
        self.owner.signal(Signal::KILL);
        self.owner.wait();
        self.kills.1 += 1;
        self.owner = Running::start(&mut forebay(["serve", &self.place.path, "--wait=1m"]));
        loop {
            let holder = status(&self.place.path)["locked_by"].clone();
            if holder == self.owner.pid() {
                return;
            }
            // The shipper has taken the owner's place.
            if holder == self.shipper.pid() {
                self.kill_shipper();
            }
            thread::yield_now();
        }
    }
}

/// Delivers so many records to an endpoint that fails half of the time, and kills shipper and owner so often each.
pub fn run(way: Way, records: u64, kills: u64) -> Option<Seen> {
    let place = Place::with_lines(&seq(1..=records));
    let endpoint = Endpoint::start(&place, &["flaky"])?;
    let curl = format!(
        "curl --noproxy '*' --silent --fail --max-time 10 -H 'Content-Type: text/plain' --data-binary @- {}",
        endpoint.url
    );
    let (option, destination) = match way {
        Way::Exec => ("--exec", curl.as_str()),
        Way::To => ("--to", endpoint.url.as_str()),
    };
    let arguments =
        ["read", &place.path, "--follow", option, destination, "--retry-wait=5ms", "--retry-wait-max=100ms"];
    let mut processes = Processes::start(&place, arguments.map(str::to_owned).to_vec());
    let has = |part: u64| fs::metadata(file(&place, "taken")).is_ok_and(|taken| taken.len() >= part);
    let bytes = u64::try_from(seq(1..=records).len()).unwrap();
    for kill in 0..kills {
        until(|| has(bytes * (2 * kill + 1) / (2 * kills + 2)));
        processes.kill_shipper();
        until(|| has(bytes * (2 * kill + 2) / (2 * kills + 2)));
        processes.kill_owner();
    }
    until(|| status(&place.path)["records"] == 0);
    let kills = processes.kills;
    drop(processes);
    let taken = delivered(&place, "taken");
    let distinct: BTreeSet<u64> = taken.iter().copied().collect();
    assert!(distinct.iter().copied().eq(1..=records), "{way:?}: {} of {records} are there", distinct.len());
    Some(Seen { again: taken.len() - distinct.len(), kills })
}

/// The job that the command line is for.
#[test]
fn a_flaky_endpoint_gets_every_record_whatever_is_killed() {
    for way in [Way::Exec, Way::To] {
        let Some(Seen { again, kills: (shippers, owners) }) = run(way, 2000, 2) else { return };
        println!("{way:?}: 0 lost, {again} delivered again, {shippers} shippers and {owners} owners killed");
    }
}

/// The figure that issue 14 names: `just e2e`.
#[test]
#[ignore = "minutes"]
fn twenty_thousand_records_and_forty_kills() {
    println!("| figure | seen |");
    println!("| --- | --- |");
    for way in [Way::Exec, Way::To] {
        let begun = Instant::now();
        let Seen { again, kills: (shippers, owners) } = run(way, 20_000, 20).expect("python3 is there");
        println!(
            "| 20,000 records to a flaky endpoint by {way:?}; {shippers} shippers and {owners} owners killed: lost, delivered again | 0, {again} |"
        );
        println!("| the same: time | {:.0} s |", begun.elapsed().as_secs_f64());
    }
}
