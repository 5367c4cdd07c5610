//! What was measured, and what can be said of it.

/// All measurements of a run.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    series: Vec<Series>,
    /// The contenders that have failed, by point, with the reason.
    failures: Vec<(String, String, String)>,
}

/// One figure of one contender at one point, round by round.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) point: String,
    pub(crate) contender: String,
    /// What it is, with its unit.
    pub(crate) figure: &'static str,
    pub(crate) values: Vec<f64>,
}

/// What several values say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// Where the mean lies, with a probability of 95 %.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Figures {
    /// Adds the values of one round.
    pub(crate) fn add(&mut self, point: &str, contender: &str, sample: &[(&'static str, f64)]) {
        for &(figure, value) in sample {
            let found = self.series.iter_mut().find(|series| series.is(point, contender, figure));
            if let Some(series) = found {
                series.values.push(value);
                continue;
            }
            let (point, contender) = (point.to_owned(), contender.to_owned());
            self.series.push(Series { point, contender, figure, values: vec![value] });
        }
    }

    /// A contender has failed: nothing is said of it at this point.
    pub(crate) fn fail(&mut self, point: &str, contender: &str, error: &anyhow::Error) {
        let reason = format!("{error:#}");
        eprintln!("    {contender} has failed: {reason}");
        self.series.retain(|series| (&*series.point, &*series.contender) != (point, contender));
        self.failures.push((point.to_owned(), contender.to_owned(), reason));
    }

    pub(crate) fn has_failed(&self, point: &str, contender: &str) -> bool {
        self.failures.iter().any(|(at, who, _)| (&**at, &**who) == (point, contender))
    }

    /// Point, contender and reason of each failure.
    pub(crate) fn failures(&self) -> &[(String, String, String)] {
        &self.failures
    }

    pub(crate) fn all(&self) -> &[Series] {
        &self.series
    }

    /// The values of one figure, if it was measured.
    pub(crate) fn get(&self, point: &str, contender: &str, figure: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.is(point, contender, figure))
    }
}

impl Series {
    fn is(&self, point: &str, contender: &str, figure: &str) -> bool {
        (&*self.point, &*self.contender, self.figure) == (point, contender, figure)
    }

    pub(crate) fn estimate(&self) -> Option<Estimate> {
        Estimate::of(&self.values)
    }

    /// This by another of the same rounds.
    pub(crate) fn by(&self, other: &Self) -> Option<Estimate> {
        let ratios: Vec<f64> =
            self.values.iter().zip(&other.values).map(|(one, other)| one / other).collect();
        Estimate::of(&ratios)
    }
}

impl Estimate {
    /// Of values that are all above zero, or as they are. `None` if there are none.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = |at: usize| sorted.get(at).copied().unwrap_or(least);
        let half = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { middle(half) } else { f64::midpoint(middle(half - 1), middle(half)) };
        // Rates and ratios scatter by factors, so that their logarithms are what scatters evenly.
        let (low, high) = if least > 0.0 {
            let logarithms: Vec<f64> = sorted.iter().map(|value| value.ln()).collect();
            let (low, high) = interval(&logarithms);
            (low.exp(), high.exp())
        } else {
            interval(&sorted)
        };
        Some(Self { median, least, most, low, high })
    }
}

/// Where the mean of values lies with a probability of 95 %, by Student's distribution.
fn interval(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 {
        return (mean, mean);
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let width = student(values.len() - 1) * (variance / count).sqrt();
    (mean - width, mean + width)
}

/// The quantile of Student's distribution that leaves 2.5 % at either end.
fn student(degrees: usize) -> f64 {
    const FEW: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    // Between ten and infinity it falls about as this does.
    FEW.get(degrees - 1).copied().unwrap_or(1.96 + 2.68 / degrees as f64)
}
