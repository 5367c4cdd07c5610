//! Measures Forebay beside other ways to keep records on disk, all in one run. `docs/performance.md` has what came out.
//!
//! Times on a busy machine say little. All contenders of a point are therefore measured in turn, round by round, and what is
//! judged is mostly one figure by another of the same round. Each measurement checks that all records came out.

mod child;
mod contender;
mod document;
mod drive;
mod figures;
mod json;
mod payloads;
#[cfg_attr(not(feature = "pictures"), expect(dead_code, reason = "nothing is drawn"))]
mod pictures;
mod point;
mod report;
mod rows;
mod setup;
#[allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "they belong to the tests")]
mod support;
mod workload;

use std::{fs, path::PathBuf, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use setup::Setup;
use workload::{ALL, PARTS, Workload};

/// Measure Forebay beside other ways to keep records on disk
///
/// Prints the limits of the machine first, then tables in Markdown. Progress goes to stderr.
#[derive(Debug, Parser)]
#[command(name = "bench", after_help = workloads())]
struct Arguments {
    /// Put all files into a new folder in this directory, and remove it at the end. Choose a disk, not tmpfs
    directory: PathBuf,
    /// Measure only what the tables of limits need, and less of it: about a minute
    #[arg(long)]
    quick: bool,
    /// Measure this workload. May be given several times [default: all but `parts`]
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Measure each contender so often [default: 5; with --quick: 3]
    #[arg(long, value_name = "NUMBER")]
    rounds: Option<usize>,
    /// Write all values into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw pictures into this directory, as SVG
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Put the tables into this page, between its marks
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Work as a child of this program
    #[arg(long, hide = true)]
    child: Option<child::Child>,
    /// The number of that work
    #[arg(long, hide = true, default_value_t = 0)]
    number: usize,
}

fn workloads() -> String {
    let line = |workload: &Workload| format!("\n  {:<10} {}", workload.name, workload.what);
    let lines: String = ALL.iter().chain([&PARTS]).map(line).collect();
    format!("Workloads:{lines}")
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(work) = arguments.child {
        return child::run(work, &arguments.directory, arguments.number);
    }
    let setup = Setup::new(arguments.quick, arguments.rounds);
    let chosen = chosen(&arguments.only)?;
    let machine = machine();
    println!("{machine}\n");

    let scratch = arguments.directory.join(format!("forebay-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch).with_context(|| format!("{} could not be made", scratch.display()))?;
    let measured = measure(&chosen, setup, &scratch);
    fs::remove_dir_all(&scratch)?;
    let figures = measured?;

    let tables = report::tables(&figures);
    print!("{tables}");
    if let Some(page) = arguments.page {
        let limits = report::limits(&figures);
        document::replace(&page, &format!("Measured on {machine}.\n\n{limits}{tables}"))?;
    }
    if let Some(path) = arguments.json {
        fs::write(path, format!("{:#}\n", json::of(&figures, &machine)))?;
    }
    if let Some(directory) = arguments.pictures {
        pictures::draw(&figures, &directory)?;
    }
    for (point, contender, reason) in figures.failures() {
        eprintln!("{point}: {contender} has failed: {reason}");
    }
    ensure!(figures.failures().is_empty(), "not all contenders did their work");
    Ok(())
}

/// The workloads of these names, in the order in which they are measured.
fn chosen(names: &[String]) -> Result<Vec<&'static Workload>> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    let known = || ALL.iter().chain([&PARTS]);
    if let Some(name) = names.iter().find(|name| known().all(|workload| workload.name != **name)) {
        bail!("there is no workload `{name}`: --help lists them");
    }
    Ok(known().filter(|workload| names.iter().any(|name| name == workload.name)).collect())
}

fn measure(chosen: &[&Workload], setup: Setup, scratch: &std::path::Path) -> Result<figures::Figures> {
    let mut figures = figures::Figures::default();
    let start = Instant::now();
    for workload in chosen {
        eprintln!("== {} ({} s)", workload.name, start.elapsed().as_secs());
        for point in (workload.points)(setup) {
            point.run(setup, scratch, &mut figures)?;
        }
        if workload.name == "limits" {
            print!("{}", report::limits(&figures));
        }
    }
    eprintln!("== {} s", start.elapsed().as_secs());
    Ok(figures)
}

/// The machine, in one line.
fn machine() -> String {
    let field = |path: &str, name: &str| {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':').map_or(line, |(_, value)| value).trim().to_owned())
    };
    let unknown = || "unknown".to_owned();
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let kernel = field("/proc/sys/kernel/osrelease", "").unwrap_or_else(unknown);
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let load = field("/proc/loadavg", "").unwrap_or_else(unknown);
    format!("{count} processors of {processor}, Linux {kernel}, load at the start: {load}")
}
