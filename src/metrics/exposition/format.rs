//! The formats of `/metrics`, and which one a client gets.

use std::cmp::Reverse;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Prometheus text 0.0.4, for everybody who asks for nothing else.
    #[default]
    Text,
    /// OpenMetrics text 1.0.0.
    OpenMetrics,
    /// Length-delimited protobuf, with native histograms.
    Protobuf,
}

impl Format {
    /// Value of `Content-Type`; Prometheus 3 fails a scrape without a known one.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// The format that an `Accept` header likes best; of equal ones the first, and text if it likes none: a page in
    /// another format is of more use than an error.
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        let offers = header.split(',').filter_map(offer).filter(|(_, weight)| *weight > 0);
        // Of several greatest ones `min_by_key` takes the first, `max_by_key` the last.
        offers.min_by_key(|(_, weight)| Reverse(*weight)).map_or(Self::Text, |(format, _)| format)
    }
}

/// The format that one media range of an `Accept` header stands for, with its weight in thousandths.
fn offer(range: &str) -> Option<(Format, u16)> {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next()?.to_ascii_lowercase();
    let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
    let get = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().trim_matches('"'))
    };
    let is = |name: &str, value: &str| get(name).is_none_or(|given| given == value);
    let format = match media.as_str() {
        "application/vnd.google.protobuf"
            if is("proto", "io.prometheus.client.MetricFamily") && get("encoding") == Some("delimited") =>
        {
            Format::Protobuf
        }
        "application/openmetrics-text" if is("version", "1.0.0") => Format::OpenMetrics,
        "text/plain" if is("version", "0.0.4") => Format::Text,
        "text/*" | "*/*" => Format::Text,
        _ => return None,
    };
    let weight = get("q").map_or(Some(1.0), |weight| weight.parse::<f64>().ok())?;
    Some((format, (weight.clamp(0.0, 1.0) * 1000.0) as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_of_accept_headers() {
        const PROTOBUF: &str =
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        for (header, format) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            // The same with native histograms.
            (
                &format!("{PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5"),
                Format::Protobuf,
            ),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;\
                 version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;\
                 q=0.2,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            (&format!("{PROTOBUF};q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"), Format::Protobuf),
            (&format!("text/plain;q=0.9, {PROTOBUF};q=0.8"), Format::Text),
            (&format!("{PROTOBUF};q=0"), Format::Text),
            (&format!("{PROTOBUF};q=x, application/openmetrics-text"), Format::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\" ; Q=0.2, text/plain; q=0.1", Format::OpenMetrics),
            // What is not offered: another version, another message, another encoding.
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            ("application/vnd.google.protobuf;proto=other;encoding=delimited", Format::Text),
            ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", Format::Text),
            ("application/openmetrics-text,text/plain", Format::OpenMetrics),
            ("text/plain,application/openmetrics-text", Format::Text),
        ] {
            assert_eq!(Format::accepted(header), format, "{header}");
        }
    }
}
