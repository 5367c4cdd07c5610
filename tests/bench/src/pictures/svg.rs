//! One picture, drawn by plotters.

use std::{error::Error, ops::Range, path::Path};

use plotters::prelude::{
    BindKeyPoints as _, ChartBuilder, Circle, Color as _, IntoDrawingArea as _, IntoLogRange as _,
    LineSeries, PathElement, RGBColor, SVGBackend, Text, WHITE,
};

use super::Picture;

const WIDTH: u32 = 860;
const HEIGHT: u32 = 420;

/// Where the names of the contenders begin.
const NAMES_AT: u32 = 670;

/// How far something reaches, and a little further.
fn range(values: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(0.0, f64::max);
    least / 1.4..most * 1.4
}

impl Picture<'_> {
    pub(super) fn draw(&self, directory: &Path) -> Result<(), Box<dyn Error>> {
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
            .max_light_lines(0)
            .label_style(("sans-serif", 14))
            .axis_desc_style(("sans-serif", 15))
            .draw()?;
        for (which, line) in (0..).zip(&self.lines) {
            let (red, green, blue) = line.color;
            let color = RGBColor(red, green, blue);
            let width = if line.name == "forebay" { 3 } else { 1 };
            chart.draw_series(LineSeries::new(line.points.iter().copied(), color.stroke_width(width)))?;
            chart.draw_series(line.points.iter().map(|at| Circle::new(*at, 3, color.filled())))?;
            let height = 40 + which * 20;
            right.draw(&PathElement::new([(0, height), (20, height)], color.stroke_width(width)))?;
            right.draw(&Text::new(line.name, (26, height - 6), ("sans-serif", 13)))?;
        }
        area.present()?;
        Ok(())
    }
}
