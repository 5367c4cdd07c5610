//! What is counted rather than timed: system calls, and instructions. A machine that is busy counts the same.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    child::{self, Child},
    point::Point,
    setup::Setup,
};

/// The points.
pub(crate) const SYSTEM_CALLS: &str = "system calls by strace";
pub(crate) const INSTRUCTIONS: &str = "instructions of the processor's own part, by callgrind";

/// The contenders.
pub(crate) const WRITE: &str = "1,000 single writes";
pub(crate) const ACKNOWLEDGE: &str = "1,000 single acknowledgements";
pub(crate) const WRITE_NATIVE: &str = "forebay, native logic: a 64 B record written in batches of 256";
pub(crate) const READ_NATIVE: &str = "forebay, native logic: one read and acknowledged";
pub(crate) const WRITE_LOG: &str = "hand-written log: one written";

pub(super) fn points(setup: Setup) -> Vec<Point> {
    let mut points = Vec::new();
    if is_there("strace") {
        let mut calls = Point::new(SYSTEM_CALLS);
        for (name, work) in [(WRITE, Child::Write), (ACKNOWLEDGE, Child::Acknowledge)] {
            calls.add(name, move |directory: &Path| {
                // What opening and closing takes is in both.
                let [more, fewer] = [3000, 1000].map(|number| system_calls(work, directory, number));
                Ok(vec![("calls", (more? - fewer?) / 2.0)])
            });
        }
        calls.rounds = Some(3);
        points.push(calls);
    } else {
        eprintln!("there is no strace, so system calls are not counted");
    }
    if is_there("valgrind") && !setup.quick {
        let mut instructions = Point::new(INSTRUCTIONS);
        for (name, work) in [
            (WRITE_NATIVE, Child::WriteNative),
            (READ_NATIVE, Child::ReadNative),
            (WRITE_LOG, Child::WriteLog),
        ] {
            instructions.add(name, move |directory: &Path| {
                let [more, fewer] = [51_200, 25_600].map(|number| counted(work, directory, number));
                Ok(vec![("instructions", (more? - fewer?) / 25_600.0)])
            });
        }
        instructions.rounds = Some(1);
        points.push(instructions);
    } else if !setup.quick {
        eprintln!("there is no valgrind, so instructions are not counted");
    }
    points
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The system calls of a child, all threads.
fn system_calls(work: Child, directory: &Path, number: usize) -> Result<f64> {
    let table = directory.join("strace");
    let path = table.to_str().context("the directory's name is no text")?;
    run(&["strace", "-f", "-c", "-o", path], work, directory, number)?;
    let text = fs::read_to_string(&table)?;
    let total = text.lines().find(|line| line.ends_with("total")).context("strace has printed no total")?;
    // Percentage, seconds, microseconds a call, calls, and errors if there are any.
    Ok(total.split_whitespace().nth(3).context("strace has printed another table")?.parse()?)
}

/// The instructions of a child, all threads.
fn counted(work: Child, directory: &Path, number: usize) -> Result<f64> {
    let log = directory.join("callgrind");
    let path = log.to_str().context("the directory's name is no text")?;
    let log_file = format!("--log-file={path}");
    let arguments = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", &log_file];
    run(&arguments, work, directory, number)?;
    let text = fs::read_to_string(&log)?;
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = line.context("callgrind has collected nothing")?;
    Ok(count.trim().parse()?)
}

fn run(program: &[&str], work: Child, directory: &Path, number: usize) -> Result<()> {
    let queue = directory.join("queue");
    let output = child::command(program, work, &queue, number)?.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(fs::remove_dir_all(queue)?)
}
