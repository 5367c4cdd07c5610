//! What this program does as a child of itself: work that is to be killed, or looked at from outside.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{self, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;

use crate::{
    contender::{Acks, AsComponent, Contender, Kind, Level, Log, Native, options},
    payloads::{Look, Payloads, Tally},
    support::single_acks,
    workload::fill,
};

/// The work, with a number.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Child {
    /// Fills a buffer with so many bytes, says so and waits to be killed.
    Fill,
    /// Writes so many records, one a call.
    Write,
    /// Writes 4,000 records and reads them. Acknowledges so many, each by itself.
    Acknowledge,
    /// Writes so many records in batches of 256, with native logic.
    WriteNative,
    /// Reads and acknowledges so many of 51,200 records in batches of 256, with native logic.
    ReadNative,
    /// Writes so many records in batches of 256 into a hand-written log.
    WriteLog,
}

/// How many records are there to be read.
const BACKLOG: usize = 51_200;

const RECORD_BYTES: usize = 64;
const BATCH: usize = 256;

/// Does the work.
pub(crate) fn run(work: Child, directory: &Path, number: usize) -> Result<()> {
    match work {
        Child::Fill => wait_full(directory, number),
        Child::Write => {
            let mut queue = AsComponent.open(directory, Level::Written, RECORD_BYTES)?;
            append(&mut *queue, number, 1)?;
            queue.close()
        }
        Child::Acknowledge => acknowledge(directory, number),
        Child::WriteNative => write(&Native, directory, number),
        Child::WriteLog => write(&Log, directory, number),
        Child::ReadNative => {
            let mut queue = Native.open(directory, Level::Written, RECORD_BYTES)?;
            append(&mut *queue, BACKLOG, BATCH)?;
            let mut tally = Tally::new(Look::Ends);
            while tally.records < number {
                let taken = queue.consume(BATCH, Acks::Through, &mut |record| tally.add(record))?;
                ensure!(taken > 0, "only {} records came out", tally.records);
            }
            queue.close()
        }
    }
}

fn write(kind: &dyn Kind, directory: &Path, records: usize) -> Result<()> {
    let mut queue = kind.open(directory, Level::Written, RECORD_BYTES)?;
    append(&mut *queue, records, BATCH)?;
    queue.close()
}

fn append(queue: &mut dyn Contender, records: usize, batch: usize) -> Result<()> {
    let payloads = Payloads::new(RECORD_BYTES, batch);
    (0..records / batch).try_for_each(|call| queue.append(payloads.call(call * batch, batch)))
}

/// Nothing is synced before the process is killed.
fn wait_full(directory: &Path, bytes: usize) -> Result<()> {
    let mut options = options(Level::Written);
    options.sync_interval = Duration::from_hours(1);
    let buffer = AsComponent::buffer(directory, options)?;
    fill(&buffer, bytes)?;
    println!("full");
    std::io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}

fn acknowledge(directory: &Path, number: usize) -> Result<()> {
    let buffer = AsComponent::buffer(directory, options(Level::Written))?;
    single_acks::acknowledge(&buffer, b"a record", number)?;
    Ok(buffer.close()?)
}

/// A command of this program that does the work.
pub(crate) fn command(program: &[&str], work: Child, directory: &Path, number: usize) -> Result<Command> {
    let this = std::env::current_exe()?;
    let mut command = match program {
        [] => Command::new(this),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(this);
            command
        }
    };
    let name = work.to_possible_value().context("each has a name")?;
    command.arg(directory).args(["--child", name.get_name(), "--number", &number.to_string()]);
    command.stdin(Stdio::null());
    Ok(command)
}

/// A child that does the work now.
pub(crate) fn start(work: Child, directory: &Path, number: usize) -> Result<process::Child> {
    Ok(command(&[], work, directory, number)?.stdout(Stdio::piped()).spawn()?)
}

/// Waits until it says that it has done it.
pub(crate) fn wait_for_word(child: &mut process::Child) -> Result<()> {
    let mut word = String::new();
    BufReader::new(child.stdout.take().context("it is a pipe")?).read_line(&mut word)?;
    ensure!(word == "full\n", "the child has said {word:?}");
    Ok(())
}
