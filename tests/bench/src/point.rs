//! Contenders that are measured in turn: what else the machine does meanwhile meets all of them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Result;
use rustix::fs::syncfs;

use crate::{
    figures::{Figures, Series},
    setup::Setup,
};

/// What one measurement gives: figures by name.
pub(crate) type Sample = Vec<(&'static str, f64)>;

/// One measurement. The first call only warms up. The directory is the contender's own until the last call.
pub(crate) type Measure = Box<dyn FnMut(&Path) -> Result<Sample>>;

/// The same work, done by several contenders.
pub(crate) struct Point {
    /// What work that is.
    pub(crate) name: String,
    pub(crate) contenders: Vec<(String, Measure)>,
    /// How many rounds, if not as many as elsewhere.
    pub(crate) rounds: Option<usize>,
}

impl Point {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), contenders: Vec::new(), rounds: None }
    }

    pub(crate) fn add(
        &mut self,
        contender: impl Into<String>,
        measure: impl FnMut(&Path) -> Result<Sample> + 'static,
    ) {
        self.contenders.push((contender.into(), Box::new(measure)));
    }

    /// Measures all contenders, round by round.
    pub(crate) fn run(mut self, setup: Setup, scratch: &Path, figures: &mut Figures) -> Result<()> {
        eprintln!("{}", self.name);
        // What the point before has left to the disk.
        syncfs(File::open(scratch)?)?;
        let rounds = self.rounds.unwrap_or(setup.rounds);
        let count = self.contenders.len();
        let directories: Vec<PathBuf> = (0..count).map(|which| scratch.join(which.to_string())).collect();
        for directory in &directories {
            fs::create_dir(directory)?;
        }
        for round in 0..=rounds {
            // The second in a round finds the caches warmer, or the disk busier.
            for turn in 0..count {
                let which = (round + turn) % count;
                let (Some((contender, measure)), Some(directory)) =
                    (self.contenders.get_mut(which), directories.get(which))
                else {
                    continue;
                };
                if figures.has_failed(&self.name, contender) {
                    continue;
                }
                match measure(directory) {
                    Ok(sample) if round > 0 => figures.add(&self.name, contender, &sample),
                    Ok(_) => {}
                    // The others go on: a run is long.
                    Err(error) => figures.fail(&self.name, contender, &error),
                }
            }
        }
        for series in figures.all().iter().filter(|series| series.point == self.name) {
            eprintln!("    {}", line(series));
        }
        drop(self.contenders);
        for directory in directories {
            fs::remove_dir_all(directory)?;
        }
        Ok(())
    }
}

/// A figure on one line.
fn line(series: &Series) -> String {
    let Series { contender, figure, .. } = series;
    let Some(estimate) = series.estimate() else { return format!("{contender}: no {figure}") };
    let [median, least, most] = [estimate.median, estimate.least, estimate.most].map(crate::report::number);
    format!("{contender:<24} {median:>10} ({least} to {most}) {figure}")
}
