//! What was measured, in Markdown: as it stands in `docs/performance.md`.

use std::fmt::Write as _;

use crate::{
    contender::{self, Level},
    drive::Work,
    figures::{Estimate, Figures, Series},
    rows::{self, Row, Target, Verdict},
    workload::{self as of, LIMIT},
};

/// All tables for which there is something.
pub(crate) fn tables(figures: &Figures) -> String {
    let mut text = String::new();
    judged(&mut text, "One record, one acknowledgement, one sync at a time", &rows::one_at_a_time(figures));
    judged(&mut text, "Bytes", &rows::bytes(figures));
    sizes(&mut text, figures);
    levels(&mut text, figures);
    producers(&mut text, figures);
    parts(&mut text, figures);
    text
}

/// The machine's limits alone.
pub(crate) fn limits(figures: &Figures) -> String {
    let mut text = String::new();
    let mut lines = Vec::new();
    for series in figures.all() {
        let Some(name) = series.point.strip_prefix(LIMIT) else { continue };
        // A limit of writing says nothing by its reading, nor the other way round.
        let reads = name.contains("ack_through") || name.contains("checksum");
        if reads == (series.figure == "consumed/s")
            && let Some(estimate) = series.estimate()
        {
            lines.push([name.to_owned(), spread(estimate)]);
        }
    }
    if !lines.is_empty() {
        table(&mut text, "Limits of this machine", ["limit", "records/s (least to most)"], &lines);
    }
    text
}

/// Figures beside what is to be reached.
fn judged(text: &mut String, heading: &str, rows: &[Row]) {
    let mut lines = Vec::new();
    for row in rows.iter().filter(|row| row.reached.is_some()) {
        let interval = row
            .judged
            .map_or(String::new(), |judged| format!(" ({} to {})", number(judged.low), number(judged.high)));
        let value = row.judged.map_or_else(|| "-".to_owned(), |judged| number(judged.median));
        let (sign, target) = match row.target {
            Target::AtLeast(target) => ("at least", target),
            Target::AtMost(target) => ("at most", target),
        };
        let verdict = match row.verdict() {
            Some(Verdict::Short) => "**short**",
            Some(verdict) => verdict.name(),
            None => "-",
        };
        let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
        lines.push([
            row.figure.clone(),
            row.beside.clone(),
            shown(row.limit),
            shown(row.reached),
            format!("{value}{interval}"),
            format!("{sign} {}", number(target)),
            verdict.to_owned(),
        ]);
    }
    if !lines.is_empty() {
        let columns = ["figure", "beside", "that", "Forebay", "judged (95 %)", "to reach", ""];
        table(text, heading, columns, &lines);
    }
}

/// Contenders by length and call.
fn sizes(text: &mut String, figures: &Figures) {
    for figure in ["written/s", "consumed/s"] {
        let lines: Vec<_> = of::sweep().iter().filter_map(|work| line(figures, work, figure)).collect();
        contenders(text, &format!("One producer, then one consumer: {figure}"), &lines);
    }
}

/// Contenders by level.
fn levels(text: &mut String, figures: &Figures) {
    let levels = [Level::Accepted, Level::Written, Level::Synced];
    let works = levels.map(|level| Work::new(1 << 10, 64).at(level));
    let more = [of::sync_each(), of::durable(64, 256), of::durable(1 << 10, 256), of::durable(16 << 10, 16)];
    let lines: Vec<_> =
        works.iter().chain(&more).filter_map(|work| line(figures, work, "written/s")).collect();
    contenders(text, "By level: written/s", &lines);
}

/// Contenders by the number of producers and consumers.
fn producers(text: &mut String, figures: &Figures) {
    let works = of::PRODUCERS.map(|count| of::producers_work(count, Level::Written)).into_iter();
    let synced = [8, 64].map(|count| of::producers_work(count, Level::Synced));
    let lines: Vec<_> = works.chain(synced).filter_map(|work| line(figures, &work, "written/s")).collect();
    contenders(text, "Many producers: written/s", &lines);
    let lines: Vec<_> = [64, 1 << 10]
        .into_iter()
        .flat_map(of::each_acknowledged)
        .filter_map(|work| line(figures, &work, "consumed/s"))
        .collect();
    contenders(text, "Each record acknowledged by itself: consumed/s", &lines);
    let lines: Vec<_> = [of::at_once(), of::at_once().by(8, 8)]
        .iter()
        .filter_map(|work| line(figures, work, "through/s"))
        .collect();
    contenders(text, "Both at once: through/s", &lines);
}

/// What the contenders have reached at a point, if it was measured.
fn line(figures: &Figures, work: &Work, figure: &str) -> Option<Vec<String>> {
    let name = work.name();
    let cells: Vec<_> = contender::all()
        .iter()
        .map(|kind| {
            let estimate = figures.get(&name, kind.name(), figure).and_then(Series::estimate);
            estimate.map_or_else(|| "-".to_owned(), |estimate| number(estimate.median))
        })
        .collect();
    // A quick run has two or three of them: those are in the tables of limits. What is only accepted, Forebay alone has.
    let measured = cells.iter().filter(|cell| *cell != "-").count();
    let is_comparison = measured > if work.level == Level::Accepted { 0 } else { 3 };
    is_comparison.then(|| [vec![name], cells].concat())
}

fn contenders(text: &mut String, heading: &str, lines: &[Vec<String>]) {
    if lines.is_empty() {
        return;
    }
    let kinds = contender::all();
    let columns = std::iter::once("work").chain(kinds.iter().map(|kind| kind.name()));
    table(text, heading, columns, lines);
}

/// What parts of the host cost.
fn parts(text: &mut String, figures: &Figures) {
    let mut lines = Vec::new();
    let mut add = |what: &str, estimate: Option<Estimate>| {
        if let Some(estimate) = estimate {
            lines.push([what.to_owned(), number(estimate.median), interval(estimate)]);
        }
    };
    let by = |point: &str, one: &str, other: &str, figure: &str| {
        figures.get(point, one, figure)?.by(figures.get(point, other, figure)?)
    };
    let [guard, without, with, whole] = of::GUARD;
    add(
        "the guard: time through logic and storage with it by that without",
        by(guard, without, with, "through/s"),
    );
    let part = || {
        let [without, with, whole] = [without, with, whole]
            .map(|name| figures.get(guard, name, "through/s").map(|series| &series.values));
        let parts: Vec<f64> = without?
            .iter()
            .zip(with?)
            .zip(whole?)
            .map(|((without, with), whole)| (with.recip() - without.recip()) * whole)
            .collect();
        Estimate::of(&parts)
    };
    add("the guard: part of a whole buffer's time", part());
    let [sidecar, with, without] = of::SIDECAR;
    add("`buffer.forebay`: time with it by that without", by(sidecar, without, with, "through/s"));
    let [reopen, with, without] = of::REOPEN;
    add(
        "`buffer.forebay`: time to open a backlog of 1 GiB, with it by without",
        by(reopen, with, without, "ms"),
    );
    add("`buffer.forebay`: bytes read then, with it by without", by(reopen, with, without, "MB read"));
    let [calls, blocking, other] = of::ASYNC;
    let figure = "through/s of processor time";
    add("`async` calls: processor time by that of blocking ones", by(calls, blocking, other, figure));
    let [files, few, many] = of::FILES;
    for (what, figure) in [("written", "us a record written"), ("read", "us a record read")] {
        let name = format!("40,000 data files: processor time of a record {what}, by that with 2,500");
        add(&name, by(files, many, few, figure));
    }
    if !lines.is_empty() {
        table(text, "Parts of the host", ["ratio", "median", "95 %"], &lines);
    }
}

fn table<'a, L: AsRef<[String]>>(
    text: &mut String,
    heading: &str,
    columns: impl IntoIterator<Item = &'a str>,
    lines: &[L],
) {
    let columns: Vec<&str> = columns.into_iter().collect();
    let rule = vec!["---"; columns.len()];
    // Writing into a string does not fail.
    let _ = write!(text, "### {heading}\n\n| {} |\n| {} |\n", columns.join(" | "), rule.join(" | "));
    for line in lines {
        let _ = writeln!(text, "| {} |", line.as_ref().join(" | "));
    }
    text.push('\n');
}

fn spread(estimate: Estimate) -> String {
    format!("{} ({} to {})", number(estimate.median), number(estimate.least), number(estimate.most))
}

fn interval(estimate: Estimate) -> String {
    format!("{} to {}", number(estimate.low), number(estimate.high))
}

/// A number with three digits that mean something.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        1e6.. => format!("{:.2} M", value / 1e6),
        1e5.. => format!("{:.0} k", value / 1e3),
        1e4.. => format!("{:.1} k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
