//! A plot as a picture of 640 × about 270 pixels, that a page shrinks or grows. Letters are 12 pixels high, on a phone the
//! style sheet makes them 20 of the then smaller ones; there is room for both.

use std::fmt::{Error, Write as _};

use plotters::{
    chart::ChartBuilder,
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _},
    element::{Circle, PathElement, Rectangle, Text},
    series::LineSeries,
    style::{Color as _, IntoFont as _, ShapeStyle, TextStyle, text_anchor},
};

use crate::outputs::chart::{
    Chart,
    axis::{self, Axis},
    cursor,
    ink::{Ink, TEXT},
    plot::{Across, Plot},
    svg::{self, FINENESS, Writer},
};

const WIDTH: i32 = 640;
const LEFT: i32 = 52;
const RIGHT: i32 = 24;
const PLANE: i32 = 210;
const BELOW: i32 = 28;
const ROW: i32 = 22;
/// Of a letter on a phone, with the room between two entries of the legend.
const LETTER: i32 = 11;
const SWATCH: i32 = 30;

type Failed = DrawingAreaErrorKind<Error>;

/// Draws it.
pub(in crate::outputs::chart) fn chart(plot: &Plot) -> Chart {
    let svg = drawn(plot).unwrap_or_else(|failed| {
        format!(
            r#"<svg class="rampd-chart"><text y="20">cannot be drawn: {}</text></svg>"#,
            svg::escaped(&failed.to_string())
        )
    });
    Chart { id: plot.id.clone(), title: plot.title.clone(), svg }
}

fn drawn(plot: &Plot) -> Result<String, Failed> {
    let entries = entries(plot);
    let longest = entries.iter().map(|(_, name)| name.chars().count()).max().unwrap_or_default();
    let column = SWATCH + LETTER * i32::try_from(longest).unwrap_or(WIDTH);
    let columns = ((WIDTH - LEFT) / column).max(1);
    let rows = i32::try_from(entries.len()).unwrap_or(1).div_euclid(columns)
        + i32::from(i32::try_from(entries.len()).unwrap_or(1) % columns != 0);
    let top = rows.max(1) * ROW + 10;
    let height = top + PLANE + BELOW;
    let (x, y) = (plot.x(), plot.y());
    let mut marks = String::new();
    {
        let area = Writer::new(&mut marks, WIDTH.unsigned_abs(), height.unsigned_abs()).into_drawing_area();
        legend(&area, &entries, columns, column, y.unit)?;
        plane(&area, plot, &x, &y, top)?;
        area.present()?;
    }
    let plane = [LEFT, top, WIDTH - RIGHT, top + PLANE].map(f64::from);
    let mut svg = String::with_capacity(marks.len() * 2);
    let write = write!(
        svg,
        concat!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="rampd-chart" viewBox="0 0 {} {}" role="img" "#,
            r#"aria-labelledby="chart-{}-title" aria-describedby="chart-{}-desc" font-family="system-ui,sans-serif" font-size="12" "#,
            "data-cursor=\"{}\">\n<title id=\"chart-{}-title\">{}</title>\n<desc id=\"chart-{}-desc\">{}</desc>\n{}</svg>"
        ),
        WIDTH,
        height,
        plot.id,
        plot.id,
        svg::escaped(&cursor::json(plot, plane, &x, &y)),
        plot.id,
        svg::escaped(&plot.title),
        plot.id,
        svg::escaped(&description(plot)),
        marks,
    );
    write.map_err(|failed| {
        DrawingAreaErrorKind::BackendError(plotters_backend::DrawingErrorKind::DrawingError(failed))
    })?;
    Ok(svg)
}

/// Inks and names in the legend.
fn entries(plot: &Plot) -> Vec<(Ink, String)> {
    let lines = plot.lines.iter().map(|line| (line.ink, line.name.clone()));
    let limits = plot.limits.iter().map(|limit| {
        let above = if plot.is_drawn(limit) { "" } else { " (far above)" };
        (Ink::Limit, format!("{}{above}", limit.expression))
    });
    let paused = (!plot.pauses.is_empty()).then(|| (Ink::Pause, "paused".to_owned()));
    lines.chain(limits).chain(paused).collect()
}

/// In tenths of pixels, as the writer wants it.
fn fine(pixels: i32) -> i32 {
    pixels * FINENESS
}

fn stroke(ink: Ink, tenths: u32) -> ShapeStyle {
    ink.color().stroke_width(tenths)
}

fn text(anchor: text_anchor::HPos, down: text_anchor::VPos) -> TextStyle<'static> {
    // The size is the style sheet's; this one only lets `plotters` guess how much room text takes.
    TextStyle::from(("sans-serif", fine(12)).into_font()).color(&TEXT).pos(text_anchor::Pos::new(anchor, down))
}

fn legend(
    area: &DrawingArea<Writer<'_>, Shift>,
    entries: &[(Ink, String)],
    columns: i32,
    column: i32,
    unit: &str,
) -> Result<(), Failed> {
    let left = text(text_anchor::HPos::Left, text_anchor::VPos::Center);
    let right = text(text_anchor::HPos::Right, text_anchor::VPos::Center);
    if !unit.is_empty() {
        area.draw(&Text::new(unit, (fine(LEFT - 8), fine(ROW / 2)), right))?;
    }
    for (number, (ink, name)) in (0..).zip(entries) {
        let (x, y) = (LEFT + number % columns * column, number / columns * ROW + ROW / 2);
        if *ink == Ink::Pause {
            let corners = [(fine(x), fine(y - 6)), (fine(x + 22), fine(y + 6))];
            area.draw(&Rectangle::new(corners, ink.color().filled()))?;
        } else {
            area.draw(&PathElement::new([(fine(x), fine(y)), (fine(x + 22), fine(y))], stroke(*ink, 20)))?;
        }
        area.draw(&Text::new(name.clone(), (fine(x + 27), fine(y)), left.clone()))?;
    }
    Ok(())
}

fn plane(area: &DrawingArea<Writer<'_>, Shift>, plot: &Plot, x: &Axis, y: &Axis, top: i32) -> Result<(), Failed> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(fine(top))
        .margin_right(fine(RIGHT))
        .x_label_area_size(fine(BELOW))
        .y_label_area_size(fine(LEFT))
        .build_cartesian_2d(x.clone(), y.clone())?;
    let spans = plot
        .pauses
        .iter()
        .map(|(from, to)| Rectangle::new([(*from, y.from), (to.min(x.to), y.to)], Ink::Pause.color().filled()));
    chart.draw_series(spans)?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .bold_line_style(stroke(Ink::Grid, 10))
        .axis_style(stroke(Ink::Axis, 10))
        .set_all_tick_mark_size(fine(6))
        .x_label_style(text(text_anchor::HPos::Center, text_anchor::VPos::Top))
        .y_label_style(text(text_anchor::HPos::Right, text_anchor::VPos::Center))
        .draw()?;
    for limit in plot.limits.iter().filter(|limit| plot.is_drawn(limit)) {
        chart.draw_series(LineSeries::new([(x.from, limit.at), (x.to, limit.at)], stroke(Ink::Limit, 15)))?;
    }
    // The plan over what was: dashes let through what is below them.
    let (planned, measured): (Vec<_>, Vec<_>) = plot.lines.iter().partition(|line| line.ink == Ink::Plan);
    for line in measured.into_iter().chain(planned) {
        let style = stroke(line.ink, if line.ink == Ink::Plan { 15 } else { 20 });
        for piece in line.pieces() {
            if let [lonely] = piece.as_slice() {
                chart.draw_series([Circle::new(*lonely, fine(2), line.ink.color().filled())])?;
            } else {
                chart.draw_series(LineSeries::new(piece, style))?;
            }
        }
    }
    Ok(())
}

/// In words, for those who cannot see it.
fn description(plot: &Plot) -> String {
    let mut text = match plot.across {
        Across::Time(end) => format!("Over {} of the run.", axis::clock(end)),
        Across::Quantiles(samples) => format!("Of {samples} samples, over the share of samples that are not above."),
    };
    let unit = plot.unit.suffix();
    let mut say = |sentence: std::fmt::Arguments<'_>| {
        text.push(' ');
        text.push_str(&sentence.to_string());
    };
    for line in &plot.lines {
        match line.last_and_largest() {
            None => say(format_args!("{}: no samples.", line.name)),
            Some((last, largest)) => {
                say(format_args!(
                    "{}: at most {}{unit}, at the end {}{unit}.",
                    line.name,
                    rounded(largest),
                    rounded(last)
                ));
            }
        }
    }
    for limit in &plot.limits {
        say(format_args!("Threshold: {}.", limit.expression));
    }
    match plot.pauses.len() {
        0 => {}
        1 => say(format_args!("Paused once.")),
        times => say(format_args!("Paused {times} times.")),
    }
    text
}

/// With three digits that count.
fn rounded(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    format!("{value:.*}", usize::try_from(digits).unwrap_or_default().min(6))
}
