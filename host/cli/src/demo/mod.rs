//! `forebay demo`: the whole way with nothing prepared, and with processes killed on it.

mod child;
mod kills;
mod reading;
mod source;
mod tally;
mod writing;

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use forebay::NewRecord;
use indicatif::{ProgressBar, ProgressStyle};

use self::{source::Source, tally::Tally};
use crate::{
    args::{BufferArgs, DemoArgs},
    exit::Exit,
    open::{self, Opening},
    options, print,
};

/// How often each half is interrupted.
const KILLS: u32 = 5;

/// One run of the demo.
struct Demo {
    dir: PathBuf,
    buffer: BufferArgs,
    source: Arc<Source>,
    /// How many records are sent.
    total: u64,
    /// The id of the last record before the first one that is sent.
    base: u64,
    kills: u32,
    tally: Tally,
    bar: ProgressBar,
}

pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<Exit> {
    options::of(&args.buffer)?;
    let source = match &args.input {
        Some(file) => Source::from_file(file)?,
        None => Source::embedded(),
    };
    let total = total(&source, args);
    let dir = args.dir.clone().map_or_else(new_directory, Ok)?;
    let base = base(&dir, &args.buffer)?;
    let mut demo = Demo {
        dir,
        buffer: BufferArgs { small_files: true, ..args.buffer.clone() },
        source: Arc::new(source),
        total,
        base,
        kills: KILLS,
        tally: Tally::default(),
        bar: bar(total)?,
    };
    demo.run(args.records)?;
    Ok(if demo.tally.lost == 0 { Exit::Done } else { Exit::No })
}

impl Demo {
    fn run(&mut self, wanted: u64) -> anyhow::Result<()> {
        let (dir, lines) = (print::path(&self.dir), self.source.lines());
        self.say(&format!("sending {} records, made of {lines} lines of text, through {dir}", self.total));
        if self.total < wanted {
            self.say("more do not fit: choose a larger --max-size or --max-events");
        }
        self.bar.set_message("writing");
        self.write_all()?;
        self.bar.set_message("delivering");
        self.read_all()?;
        self.bar.finish_and_clear();
        // As it was called: after `cargo run` it is on no path.
        let program = std::env::args_os().next().unwrap_or_else(|| "forebay".into());
        let program = print::path(Path::new(&program));
        print::lines(&format!(
            "the directory is left as it is; look at it with\n  {program} status {dir}\n  {program} verify {dir}\n{}\n",
            self.tally
        ))
    }

    /// Says so where fewer processes were interrupted than were meant to be.
    fn say_misses(&self, landed: u32) {
        if landed < self.kills {
            self.say(&format!(
                "{landed} of {} kills found something under way: more --records leave more time for it",
                self.kills
            ));
        }
    }

    /// Prints a line, past the progress bar.
    fn say(&self, line: &str) {
        self.bar.suspend(|| {
            // Stdout may be closed: the exit code says how it went.
            let _ = print::lines(&format!("{line}\n"));
        });
    }
}

/// How many records are sent: as many as are wanted, or as fit, because none is taken out before all are in.
fn total(source: &Source, args: &DemoArgs) -> u64 {
    let (file_size, max_size) = args.buffer.sizes();
    let room = max_size.saturating_sub(file_size);
    let mut bytes = 0_u64;
    let fits = |number: &u64| {
        bytes = bytes.saturating_add(NewRecord::new(source.record(*number)).frame_bytes());
        bytes <= room
    };
    let records = match args.buffer.max_events {
        0 => args.records,
        most => args.records.min(most),
    };
    u64::try_from((0..records).take_while(fits).count()).unwrap_or(u64::MAX)
}

/// Makes the buffer, and gives the last id that it has given away.
fn base(dir: &Path, args: &BufferArgs) -> anyhow::Result<u64> {
    let buffer = open::alone(dir, args, &Opening::create(args)?)?;
    let report = *buffer.open_report();
    buffer.close()?;
    anyhow::ensure!(
        report.events == 0,
        "the buffer in {} holds {}: the demo needs an empty one, so name another directory",
        dir.display(),
        print::count(report.events, "record")
    );
    Ok(report.next_id.0.saturating_sub(1))
}

/// A new directory for the demo alone.
fn new_directory() -> anyhow::Result<PathBuf> {
    let above = std::env::temp_dir();
    for number in 1..=u32::MAX {
        let dir = above.join(format!("forebay-demo-{number}"));
        match DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot make {}", dir.display())),
        }
    }
    anyhow::bail!("{} is full of directories of earlier demos", above.display())
}

/// A progress bar, which is seen only on a terminal.
fn bar(total: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg:10} [{wide_bar}] {human_pos}/{human_len}")?;
    Ok(ProgressBar::new(total).with_style(style))
}
