//! `damage SEED`: damages directories, looks at them with the binary `forebay`, and prints what is lost. See docs/damage.md.

use std::{
    env,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};

use anyhow::Result;
use clap::Parser;
use damage::{
    base::Base,
    binary::Binary,
    generator::{Case, base_of},
    looks::{self, Looks},
    reference::Reference,
    report, suite,
    verdict::Verdict,
};

/// Damage directories of data files and count what the binary `forebay` does not deliver
///
/// The binary is the one beside this program, or the one that `FOREBAY_BIN` names.
#[derive(Debug, Parser)]
#[command(name = "damage")]
struct Args {
    /// Makes the same directories with the same number
    seed: u64,
    /// How many directories to make
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    cases: u64,
    /// Make only this directory, say what was done to it, and leave it there, damaged
    #[arg(long, value_name = "NUMBER")]
    case: Option<u64>,
    /// How many directories to name for each thing that is wrong
    #[arg(long, value_name = "N", default_value_t = 3)]
    examples: usize,
    /// Where to make the directories [default: a new one in the directory for temporary files]
    #[arg(long)]
    dir: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let temporary = tempfile::Builder::new().prefix("forebay-damage-").tempdir()?;
    let root = args.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&root)?;
    let binary = Binary::find(root.join("cache"))?;
    if let Some(number) = args.case {
        show(&binary, &root, args.seed, number)?;
        if args.dir.is_none() {
            let _ = temporary.keep();
        }
        return Ok(());
    }
    let start = Instant::now();
    let told = AtomicU64::new(0);
    let tally = suite::run(&binary, &root, args.seed, 0..args.cases, |done| {
        // Files of 16 MiB come first and take longest.
        let step = done / 100;
        if told.swap(step, Relaxed) < step {
            eprintln!("{done} of {} directories after {} s", args.cases, start.elapsed().as_secs());
        }
    })?;
    println!(
        "seed {}, {} directories, {} s, {}\n",
        args.seed,
        args.cases,
        start.elapsed().as_secs(),
        binary.path().display()
    );
    println!("{}\n{}", report::table(&tally), report::examples(&tally, args.seed, args.examples));
    Ok(())
}

/// Makes one directory, and says all about it.
fn show(binary: &Binary, root: &std::path::Path, seed: u64, number: u64) -> Result<()> {
    let base = Base::make(binary, root, seed, base_of(number))?;
    let case = Case::generate(&base, seed, number);
    print!("{}", case.description());
    let looks = Looks::take(binary, &base, &case.image)?;
    for (name, ended) in looks.all() {
        println!("{name}: {}", ended.summary());
    }
    println!("changed by a look: {:?}", looks.changed);
    let verdict = Verdict::of(&case, &looks)?;
    for failure in &verdict.failures {
        println!("wrong: {failure}");
    }
    println!("{:?}", verdict.judgement);
    let reference = Reference::new(&case.bed, &case.image, case.states);
    let (invented, missing) = reference.details(&looks::delivered(&looks.read)?);
    println!("never written: {invented:?}");
    println!("whole and not delivered: {}: {:?}", missing.len(), missing.get(..20).unwrap_or(&missing));
    case.image.put(&base.directory)?;
    println!("as it was damaged: {}", base.directory.display());
    println!(
        "look at it with: {} read --peek {} {}",
        env::var_os("FOREBAY_BIN")
            .map_or_else(|| binary.path().display().to_string(), |path| path.to_string_lossy().into_owned()),
        base.directory.display(),
        base.key.size.arguments().join(" ")
    );
    Ok(())
}
