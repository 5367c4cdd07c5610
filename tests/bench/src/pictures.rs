//! Pictures of a run, as SVG. Both axes count in factors.

use std::{fs, path::Path};

use anyhow::{Result, anyhow};
use plotters::prelude::{
    BindKeyPoints as _, ChartBuilder, Circle, Color as _, IntoDrawingArea as _, IntoLogRange as _,
    LineSeries, PathElement, RGBColor, SVGBackend, Text, WHITE,
};

use crate::{
    contender::{self, Level},
    drive::{Work, size},
    figures::Figures,
    workload::{self as of, BATCHES, PERCENTILES, SIZES},
};

const WIDTH: u32 = 860;
const HEIGHT: u32 = 420;

/// Where the names of the contenders begin.
const NAMES_AT: u32 = 670;

/// One for each contender, which people who see colours differently can tell apart as well.
const COLORS: [RGBColor; 9] = [
    RGBColor(213, 94, 0),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
    RGBColor(153, 153, 153),
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(117, 76, 36),
];

/// A picture.
struct Picture<'a> {
    file: &'a str,
    title: &'a str,
    across: &'a str,
    upwards: &'a str,
    /// What stands below the ticks, from left to right.
    ticks: Vec<(f64, String)>,
    lines: Vec<Line>,
}

/// A contender's points, from left to right.
struct Line {
    name: &'static str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Draws all for which there is something.
pub(crate) fn draw(figures: &Figures, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    let count = |count: usize| (count as f64, count.to_string());
    let by_size = |figure| rates(figures, figure, &SIZES.map(|bytes| (bytes, of::of_length(bytes))));
    let by_batch = |figure| rates(figures, figure, &BATCHES.map(|batch| (batch, Work::new(64, batch))));
    let producers = of::PRODUCERS.map(|count| (count, of::producers_work(count, Level::Written)));
    let latency = |level, file, title| Picture {
        file,
        title,
        across: "of all calls, this part takes no longer",
        upwards: "microseconds",
        // The further right, the rarer.
        ticks: PERCENTILES.map(|(name, part)| ((1.0 - part).recip(), name.replace(", us", ""))).into(),
        lines: latencies(figures, level),
    };
    let sizes: Vec<_> = SIZES.map(|bytes| (bytes as f64, size(bytes))).into();
    let batches: Vec<_> = BATCHES.map(count).into();
    for picture in [
        Picture {
            file: "size.svg",
            title: "Written in calls of 16 (1 MiB: of 1), by length of a record",
            across: "length of a record",
            upwards: "records/s",
            ticks: sizes.clone(),
            lines: by_size("written/s"),
        },
        Picture {
            file: "size-read.svg",
            title: "Read and acknowledged, by length of a record",
            across: "length of a record",
            upwards: "records/s",
            ticks: sizes,
            lines: by_size("consumed/s"),
        },
        Picture {
            file: "batch.svg",
            title: "Written, 64 B, by number of records in a call",
            across: "records in a call",
            upwards: "records/s",
            ticks: batches,
            lines: by_batch("written/s"),
        },
        Picture {
            file: "producers.svg",
            title: "Written, 64 B, one record a call, by number of producers",
            across: "producers",
            upwards: "records/s",
            ticks: of::PRODUCERS.map(count).into(),
            lines: rates(figures, "written/s", &producers),
        },
        latency(Level::Written, "latency.svg", "Time of a call, 1 KiB, written"),
        latency(Level::Synced, "latency-synced.svg", "Time of a call, 1 KiB, synced"),
    ] {
        if picture.lines.iter().any(|line| line.points.len() > 1) {
            let file = picture.file;
            picture.draw(directory).map_err(|error| anyhow!("{file} could not be drawn: {error}"))?;
        }
    }
    Ok(())
}

/// A line for each contender: the medians of the works, whose place is given.
fn rates<const WORKS: usize>(figures: &Figures, figure: &str, works: &[(usize, Work); WORKS]) -> Vec<Line> {
    lines(|name| {
        let point = |(at, work): &(usize, Work)| {
            let estimate = figures.get(&work.name(), name, figure)?.estimate()?;
            Some((*at as f64, estimate.median))
        };
        works.iter().filter_map(point).collect()
    })
}

fn latencies(figures: &Figures, level: Level) -> Vec<Line> {
    let name_of_point = of::single_calls(level);
    lines(|name| {
        let point = |(figure, part): (&str, f64)| {
            let estimate = figures.get(&name_of_point, name, figure)?.estimate()?;
            Some(((1.0 - part).recip(), estimate.median))
        };
        PERCENTILES.into_iter().filter_map(point).collect()
    })
}

fn lines(points: impl Fn(&str) -> Vec<(f64, f64)>) -> Vec<Line> {
    let kinds = contender::all().into_iter().zip(COLORS);
    let line = |(kind, color): (&'static dyn contender::Kind, RGBColor)| Line {
        name: kind.name(),
        color,
        points: points(kind.name()),
    };
    kinds.map(line).filter(|line| !line.points.is_empty()).collect()
}

/// How far something reaches, and a little further.
fn range(values: impl Iterator<Item = f64> + Clone) -> std::ops::Range<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(0.0, f64::max);
    least / 1.4..most * 1.4
}

impl Picture<'_> {
    fn draw(&self, directory: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let path = directory.join(self.file);
        let area = SVGBackend::new(&path, (WIDTH, HEIGHT)).into_drawing_area();
        area.fill(&WHITE)?;
        let (left, right) = area.split_horizontally(NAMES_AT);
        let across = range(self.ticks.iter().map(|(at, _)| *at));
        let upwards = range(self.lines.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value)));
        let mut chart = ChartBuilder::on(&left)
            .caption(self.title, ("sans-serif", 17))
            .margin(10)
            .x_label_area_size(44)
            .y_label_area_size(74)
            .build_cartesian_2d(
                across.log_scale().with_key_points(self.ticks.iter().map(|(at, _)| *at).collect()),
                upwards.log_scale(),
            )?;
        let label = |at: &f64| {
            let tick = self.ticks.iter().find(|(tick, _)| (tick - at).abs() < tick / 1e6);
            tick.map_or_else(String::new, |(_, name)| name.clone())
        };
        chart
            .configure_mesh()
            .x_desc(self.across)
            .y_desc(self.upwards)
            .x_label_formatter(&label)
            .y_label_formatter(&|value| crate::report::number(*value))
            .light_line_style(WHITE)
            .draw()?;
        for (which, line) in (0..).zip(&self.lines) {
            let width = if line.name == "forebay" { 3 } else { 1 };
            chart
                .draw_series(LineSeries::new(line.points.iter().copied(), line.color.stroke_width(width)))?;
            chart.draw_series(line.points.iter().map(|at| Circle::new(*at, 3, line.color.filled())))?;
            let height = 40 + which * 20;
            right.draw(&PathElement::new([(0, height), (20, height)], line.color.stroke_width(width)))?;
            right.draw(&Text::new(line.name, (26, height - 6), ("sans-serif", 13)))?;
        }
        area.present()?;
        Ok(())
    }
}
