//! Pictures of a run, as SVG. Both axes count in factors.

#[cfg(feature = "pictures")]
mod svg;

use std::{fs, path::Path};

use crate::{
    contender::{self, Level},
    drive::{Work, size},
    figures::Figures,
    workload::{self as of, BATCHES, PERCENTILES, SIZES},
};
use anyhow::{Result, anyhow};

/// Red, green and blue.
type Color = (u8, u8, u8);

/// One for each contender, which people who see colours differently can tell apart as well.
const COLORS: [Color; 9] = [
    (213, 94, 0),
    (230, 159, 0),
    (0, 0, 0),
    (153, 153, 153),
    (0, 114, 178),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (117, 76, 36),
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
    color: Color,
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
    let line = |(kind, color): (&'static dyn contender::Kind, Color)| Line {
        name: kind.name(),
        color,
        points: points(kind.name()),
    };
    kinds.map(line).filter(|line| !line.points.is_empty()).collect()
}

#[cfg(not(feature = "pictures"))]
impl Picture<'_> {
    #[expect(clippy::unused_self, reason = "with the feature it is drawn")]
    fn draw(&self, _: &Path) -> Result<()> {
        anyhow::bail!("this program was built without the feature `pictures`")
    }
}
