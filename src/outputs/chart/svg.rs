//! How `plotters` writes: SVG with a tenth of a pixel, CSS variables for colours and dashes for lines. `plotters-svg`
//! has whole pixels, fixed colours and no dashes.

use std::fmt::{Error, Write as _};

use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    text_anchor::{HPos, VPos},
};

use crate::outputs::chart::ink::Ink;

/// Steps of `plotters` to a pixel.
pub(in crate::outputs::chart) const FINENESS: i32 = 10;

/// Marks as they are drawn.
#[derive(Debug)]
pub(in crate::outputs::chart) struct Writer<'a> {
    marks: &'a mut String,
    width: u32,
    height: u32,
}

type Done = Result<(), DrawingErrorKind<Error>>;

impl<'a> Writer<'a> {
    /// Writes into `marks`; width and height in pixels.
    pub(in crate::outputs::chart) fn new(marks: &'a mut String, width: u32, height: u32) -> Self {
        Self { marks, width, height }
    }

    /// Points closer to each other than the eye can tell, and the middle ones of a level line, are left out.
    fn points(&mut self, path: impl IntoIterator<Item = BackendCoord>) -> Result<(), Error> {
        let mut path = path.into_iter().peekable();
        let mut before = None;
        while let Some(point) = path.next() {
            let level = before.is_some_and(|(_, y)| y == point.1) && path.peek().is_some_and(|(_, y)| *y == point.1);
            if !level && before != Some(point) {
                let gap = if before.is_some() { " " } else { "" };
                write!(self.marks, "{gap}{},{}", Pixels(point.0), Pixels(point.1))?;
            }
            before = Some(point);
        }
        Ok(())
    }

    fn stroke<S: BackendStyle>(&mut self, style: &S) -> Result<(), Error> {
        let ink = Ink::of(style.color());
        write!(self.marks, r#" fill="none" stroke="{}" stroke-width="{}""#, ink.css(), width(style))?;
        match ink.dashes() {
            "" => Ok(()),
            dashes => write!(self.marks, r#" stroke-dasharray="{dashes}""#),
        }
    }
}

/// With a digit behind the point if it needs one.
struct Pixels(i32);

impl std::fmt::Display for Pixels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, tenths) = (self.0.abs() / FINENESS, self.0.abs() % FINENESS);
        if tenths == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{tenths}") }
    }
}

fn width<S: BackendStyle>(style: &S) -> Pixels {
    Pixels(i32::try_from(style.stroke_width()).unwrap_or(FINENESS))
}

/// Text as it may stand between tags and in attributes.
pub(in crate::outputs::chart) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML knows none of these, not even as a reference.
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

impl DrawingBackend for Writer<'_> {
    type ErrorType = Error;

    fn get_size(&self) -> (u32, u32) {
        let fineness = FINENESS.unsigned_abs();
        (self.width * fineness, self.height * fineness)
    }

    fn ensure_prepared(&mut self) -> Done {
        Ok(())
    }

    fn present(&mut self) -> Done {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Done {
        let (x, y, fill) = (Pixels(at.0), Pixels(at.1), Ink::of(color).css());
        writeln!(self.marks, r#"<rect x="{x}" y="{y}" width=".1" height=".1" fill="{fill}"/>"#)
            .map_err(DrawingErrorKind::DrawingError)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Done {
        self.draw_path([from, to], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Done {
        let write = || {
            self.marks.push_str("<polyline");
            self.stroke(style)?;
            self.marks.push_str(r#" points=""#);
            self.points(path)?;
            self.marks.push_str("\"/>\n");
            Ok(())
        };
        write().map_err(DrawingErrorKind::DrawingError)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Done {
        let mut write = || {
            let (width, height) = (Pixels(right - left), Pixels(bottom - top));
            write!(self.marks, r#"<rect x="{}" y="{}" width="{width}" height="{height}""#, Pixels(left), Pixels(top))?;
            if fill {
                write!(self.marks, r#" fill="{}""#, Ink::of(style.color()).css())?;
            } else {
                self.stroke(style)?;
            }
            self.marks.push_str("/>\n");
            Ok(())
        };
        write().map_err(DrawingErrorKind::DrawingError)
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, _: bool) -> Done {
        let radius = Pixels(i32::try_from(radius).unwrap_or(FINENESS));
        let (x, y, fill) = (Pixels(center.0), Pixels(center.1), Ink::of(style.color()).css());
        writeln!(self.marks, r#"<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill}"/>"#)
            .map_err(DrawingErrorKind::DrawingError)
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Done {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Right => "end",
            HPos::Center => "middle",
        };
        // In letters' heights, so that it holds for a phone's larger letters too.
        let down = match style.anchor().v_pos {
            VPos::Top => "0.8em",
            VPos::Center => "0.35em",
            VPos::Bottom => "-0.2em",
        };
        let (x, y, fill) = (Pixels(x), Pixels(y), Ink::of(style.color()).css());
        writeln!(
            self.marks,
            r#"<text x="{x}" y="{y}" dy="{down}" text-anchor="{anchor}" fill="{fill}">{}</text>"#,
            escaped(text)
        )
        .map_err(DrawingErrorKind::DrawingError)
    }
}
