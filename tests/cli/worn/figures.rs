//! How long a command goes on after SIGTERM, as a table: `just hostile`.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{GRACE, attacks::Attack, start, start_with};
use crate::{
    Place, seq,
    support::{
        cli::{Running, forebay},
        fixtures::project_file,
    },
};

/// After the grace nothing may take longer.
const MOST: Duration = Duration::from_secs(1);

/// What the shipped logic is given to end, in the median.
const SHIPPED: Duration = Duration::from_millis(200);
const TRIES: usize = 20;

/// The numbers of the attacks of `tests/guests/hostile.wasm`: those of single calls, and seven in each of five further ones.
fn numbers() -> impl Iterator<Item = u64> {
    (1..=20).chain((2..=6).flat_map(|call| (1..=7).map(move |what| call * 16 + what)))
}

/// From the signal to the end.
fn ending(mut running: Running) -> (Duration, Option<i32>) {
    let signalled = Instant::now();
    running.signal(Signal::TERM);
    let code = running.wait().code;
    (signalled.elapsed(), code)
}

fn print(what: &str, command: &str, (took, code): (Duration, Option<i32>)) {
    let code = code.map_or(String::new(), |code| format!("exit code {code}"));
    println!("{what:<34} {command:<6} {:>8.1} ms  {code}", took.as_secs_f64() * 1e3);
}

/// What an operator has to wait for who stops a service whose logic is up to no good.
#[test]
#[ignore = "it measures for minutes: just hostile"]
fn what_a_signal_takes() {
    println!("{:<34} {:<6} {:>11}", "from SIGTERM to the end", "", "");
    let mut longest = Duration::ZERO;
    for command in ["write", "read", "pipe"] {
        for attack in Attack::all() {
            let place = Place::with_lines(&seq(1..=1000));
            let ended = ending(start(&place, command, attack));
            print(&format!("{attack:?}"), command, ended);
            longest = longest.max(ended.0);
        }
    }
    let hostile = format!("--component={}", project_file("tests/guests/hostile.wasm").display());
    let mut of_hostile = Duration::ZERO;
    for command in ["write", "read"] {
        for number in numbers() {
            let place = Place::with_lines(&seq(1..=1000));
            let flags = [&*hostile, &format!("--max-events={number}")];
            let ended = ending(start_with(&place, command, &flags));
            of_hostile = of_hostile.max(ended.0);
        }
    }
    print("the longest of hostile.wasm's 55", "", (of_hostile, None));
    longest = longest.max(of_hostile);

    let mut took: Vec<_> = (0..TRIES).map(|_| shipped()).collect();
    took.sort_unstable();
    let (half, most) = (took[TRIES / 2], took[TRIES - 1]);
    println!("the longest of all took {longest:.1?} (to reach: {:?})", GRACE + MOST);
    println!(
        "the shipped component took {half:.1?} in the median of {TRIES}, {most:.1?} at the longest (to reach: {SHIPPED:?})"
    );
    assert!(longest <= GRACE + MOST && half <= SHIPPED);
}

/// Logic in order, in the middle of writing.
fn shipped() -> Duration {
    let place = Place::new();
    let mut writer = Running::start(&mut forebay(["write", &place.path, "--confirm"]));
    let feeding = crate::feed_without_end(writer.take_stdin());
    for _ in 0..3 {
        writer.next_line().unwrap();
    }
    let (took, code) = ending(writer);
    feeding.join().unwrap();
    assert_eq!(code, Some(143));
    took
}
