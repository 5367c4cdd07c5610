//! Many directories: those that are made of one undamaged directory one after the other, the others beside them.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use anyhow::{Context as _, Result, anyhow};

use crate::{
    base::{Base, BaseKey},
    binary::Binary,
    generator::{Case, base_of},
    looks::Looks,
    tally::Tally,
    verdict::Verdict,
};

/// Makes, damages and looks at these directories, below `root`. `progress` hears how many are done.
pub fn run(
    binary: &Binary,
    root: &Path,
    seed: u64,
    numbers: impl Iterator<Item = u64>,
    progress: impl Fn(u64) + Sync,
) -> Result<Tally> {
    let mut waiting: BTreeMap<BaseKey, Vec<u64>> = BTreeMap::new();
    for number in numbers {
        waiting.entry(base_of(number)).or_default().push(number);
    }
    // Those that take longest are taken first: the highest key.
    let waiting = Mutex::new(waiting);
    let total = Mutex::new(Tally::default());
    let has_failed = AtomicBool::new(false);
    let work = || -> Result<()> {
        while !has_failed.load(Relaxed) {
            let Some((key, numbers)) = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_last()
            else {
                break;
            };
            let tally = run_base(binary, root, seed, key, &numbers)
                .inspect_err(|_| has_failed.store(true, Relaxed))?;
            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
            total.merge(tally);
            progress(total.directories);
        }
        Ok(())
    };
    let workers = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| Err(anyhow!("a worker panicked"))));
        ended.collect::<Vec<_>>().into_iter().collect::<Result<()>>()
    })?;
    Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn run_base(binary: &Binary, root: &Path, seed: u64, key: BaseKey, numbers: &[u64]) -> Result<Tally> {
    let base =
        Base::make(binary, root, seed, key).with_context(|| format!("cannot make {key:?} of seed {seed}"))?;
    let mut tally = Tally::default();
    for &number in numbers {
        let case = Case::generate(&base, seed, number);
        let look = || Verdict::of(&case, &Looks::take(binary, &base, &case.image)?);
        let verdict = look().with_context(|| format!("in {}", case.description()))?;
        tally.add(&case, &verdict);
    }
    fs::remove_dir_all(&base.directory)?;
    Ok(tally)
}
