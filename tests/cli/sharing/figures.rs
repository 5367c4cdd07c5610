//! What sharing a buffer costs, and that nothing is lost where it is done for long: `just e2e`.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{handover, has_socket, kills};
use crate::{
    Place,
    support::cli::{BINARY, forebay, undisturbed},
};

/// How many lines of 100 bytes go through.
const LINES: u32 = 3_000_000;

/// How often each way is measured; the median counts.
const PAIRS: usize = 5;

/// Runs a command, and checks that what it prints is this file.
fn print(command: &mut Command, output: &Path) -> std::process::Child {
    command.stdout(File::create(output).unwrap()).spawn().unwrap()
}

fn must_be_same(output: &Path, input: &Path) {
    let same = Command::new("cmp").args([output, input]).status().unwrap();
    assert!(same.success(), "what came out is not what went in");
    fs::remove_file(output).unwrap();
}

/// One process that writes and reads.
fn piped(input: &Path) -> Duration {
    let place = Place::new();
    let output = place.above.path().join("output");
    let begun = Instant::now();
    let mut pipe = forebay(["pipe", &place.path]);
    let mut pipe = print(pipe.stdin(File::open(input).unwrap()), &output);
    assert!(pipe.wait().unwrap().success());
    let took = begun.elapsed();
    must_be_same(&output, input);
    took
}

/// A process that writes, and one that follows.
fn shared(input: &Path) -> Duration {
    let place = Place::with_lines(b"");
    let output = place.above.path().join("output");
    let count = format!("--count={LINES}");
    let mut reader = print(forebay(["read", &place.path, "--follow", &count]).stdin(Stdio::null()), &output);
    while !has_socket(&place) {}
    let begun = Instant::now();
    let mut writer = Command::new(BINARY);
    let mut writer =
        undisturbed(writer.args(["write", &place.path])).stdin(File::open(input).unwrap()).spawn().unwrap();
    assert!(writer.wait().unwrap().success() && reader.wait().unwrap().success());
    let took = begun.elapsed();
    must_be_same(&output, input);
    took
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

/// The figures that issue 14 names, and what was seen.
#[test]
#[ignore = "minutes"]
fn what_sharing_costs() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("input");
    let mut file = BufWriter::new(File::create(&input).unwrap());
    (0..LINES).for_each(|line| writeln!(file, "{line:099}").unwrap());
    file.into_inner().unwrap().sync_all().unwrap();

    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        one.push(piped(&input));
        two.push(shared(&input));
    }
    let (one, two) = (median(one), median(two));
    let rate = |seconds: f64| (f64::from(LINES) / seconds / 1000.0).round();
    println!("| figure | seen |");
    println!("| --- | --- |");
    println!("| `pipe`, {LINES} lines of 100 bytes | {:.0} thousand records/s |", rate(one));
    println!("| `write` beside `read --follow`, the same | {:.0} thousand records/s |", rate(two));
    println!("| the second as a part of the first | {:.2} |", one / two);

    let begun = Instant::now();
    let again = kills::run(8, 8, 200);
    println!("| 8 writers, 8 readers, 200 kills: lines lost, delivered again | 0, {again} |");
    println!("| the same: time | {:.0} s |", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    handover::run(100);
    println!("| 100 orderly handovers: lines lost, delivered again | 0, 0 |");
    println!("| the same: time | {:.0} s |", begun.elapsed().as_secs_f64());
    assert!(one / two > 0.4, "two processes are too slow beside one");
}
