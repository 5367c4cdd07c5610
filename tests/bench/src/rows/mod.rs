//! What is to be reached, figure by figure, and whether it is.

mod bytes;
mod one_at_a_time;

pub(crate) use self::{bytes::bytes, one_at_a_time::one_at_a_time};
use crate::figures::{Estimate, Figures, Series};

/// One figure beside its limit.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What is measured.
    pub(crate) figure: String,
    /// Beside what it stands.
    pub(crate) beside: String,
    /// The median of the limit, and of what was reached.
    pub(crate) limit: Option<f64>,
    pub(crate) reached: Option<f64>,
    /// What is judged: their ratio, or what was reached.
    pub(crate) judged: Option<Estimate>,
    pub(crate) target: Target,
}

/// What is to be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// Whether it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The 95 % interval includes it, or the median does.
    Ok,
    /// The interval alone includes it, and says little.
    Wide,
    Short,
}

/// An interval says little when it ends at so many times where it begins.
const WIDE: f64 = 1.5;

/// A series: its point, its contender, and its figure.
type Name<'a> = (&'a str, &'a str, &'a str);

/// Rows that are being made.
struct Rows<'a> {
    figures: &'a Figures,
    rows: Vec<Row>,
}

impl Row {
    /// Whether it is reached; `None` where nothing was measured.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let judged = self.judged?;
        let (median, end) = match self.target {
            Target::AtLeast(target) => (judged.median >= target, judged.high >= target),
            Target::AtMost(target) => (judged.median <= target, judged.low <= target),
        };
        let is_wide = judged.high > judged.low * WIDE;
        Some(match (median, end) {
            (false, false) => Verdict::Short,
            (false, true) if is_wide => Verdict::Wide,
            _ => Verdict::Ok,
        })
    }
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Wide => "ok, but the interval is wide",
            Self::Short => "short",
        }
    }
}

impl<'a> Rows<'a> {
    fn new(figures: &'a Figures) -> Self {
        Self { figures, rows: Vec::new() }
    }

    fn find(&self, (point, contender, figure): Name<'_>) -> Option<&'a Series> {
        self.figures.get(point, contender, figure)
    }

    /// A figure by another of the same run.
    fn ratio(&mut self, names: (&str, &str), reached: Name<'_>, limit: Name<'_>, target: Target) {
        let judged = self.by(reached, limit);
        self.push(names, reached, Some(limit), judged, target);
    }

    /// Rates whose times are compared: these are to each other as the rates are the other way round.
    fn times(&mut self, names: (&str, &str), reached: Name<'_>, limit: Name<'_>, target: Target) {
        let judged = self.by(limit, reached);
        self.push(names, reached, Some(limit), judged, target);
    }

    /// A figure that is judged by itself, with another beside it.
    fn beside(&mut self, names: (&str, &str), reached: Name<'_>, limit: Name<'_>, target: Target) {
        let judged = self.find(reached).and_then(Series::estimate);
        self.push(names, reached, Some(limit), judged, target);
    }

    /// A figure that stands for itself.
    fn plain(&mut self, figure: &str, reached: Name<'_>, target: Target) {
        let judged = self.find(reached).and_then(Series::estimate);
        self.push((figure, "-"), reached, None, judged, target);
    }

    fn by(&self, one: Name<'_>, other: Name<'_>) -> Option<Estimate> {
        self.find(one)?.by(self.find(other)?)
    }

    fn push(
        &mut self,
        (figure, beside): (&str, &str),
        reached: Name<'_>,
        limit: Option<Name<'_>>,
        judged: Option<Estimate>,
        target: Target,
    ) {
        let median = |name| Some(self.find(name)?.estimate()?.median);
        let (limit, reached) = (limit.and_then(median), median(reached));
        let (figure, beside) = (figure.to_owned(), beside.to_owned());
        self.rows.push(Row { figure, beside, limit, reached, judged, target });
    }
}
