//! Numbers as Go writes them.

/// A boundary as Go and so Prometheus 3 writes it: `1.0`, `0.25`, `1e-05`.
#[must_use]
pub fn float(bound: f64) -> String {
    if bound != 0.0 && bound < 1e-4 {
        let text = format!("{bound:e}");
        return match text.split_once("e-") {
            Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
            None => text,
        };
    }
    let text = bound.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}
