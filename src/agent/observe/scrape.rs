//! One target's page: asked for, read, and reduced to what the profile wants of it.

use std::sync::Arc;

use crate::{
    agent::observe::page::{self, Line, Sample},
    config::{
        profile::{Header, http::Http, network::Network, observe::Observed},
        series::SeriesSelector,
        template::Template,
    },
    engine::side_client::SideClient,
    metrics::observed::{MetricReading, Reading, ScrapeFailure},
    protocol::{failure::request::RequestError, http::Prepared, tls::ClientConfigs},
};

/// Largest page. Prometheus has no limit by default; a page of 16 MiB has about 150,000 series.
const LARGEST_PAGE: usize = 16 << 20;
/// Most series of one metric: they are kept from page to page.
const MOST_SERIES: usize = 10_000;
/// Text 0.0.4 first, as every exporter has it.
const ACCEPT: &str = "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1";
/// The metric of a process by which a restart is known.
const START: &str = "process_start_time_seconds";

/// Why a page could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", reason.label())]
pub(super) struct Error {
    /// The counted reason.
    pub(super) reason: ScrapeFailure,
    /// For the log.
    pub(super) detail: String,
}

impl Error {
    fn new(reason: ScrapeFailure, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        let reason = match error.reason.label() {
            "head_too_big" | "body_too_big" => ScrapeFailure::TooBig,
            label => ScrapeFailure::of_label(label),
        };
        Self { reason, detail: error.detail }
    }
}

/// Reads one target, over a connection of its own that it keeps.
pub(super) struct Scraper {
    target: Observed,
    request: Prepared,
    client: SideClient,
}

impl Scraper {
    /// For one target.
    ///
    /// # Errors
    /// A header that HTTP does not allow; the profile's reader refuses those.
    pub(super) fn new(target: Observed, tls: ClientConfigs, network: Arc<Network>) -> Result<Self, Error> {
        let mut request = Http::get(target.url.clone());
        request.headers.clone_from(&target.headers);
        if !request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("accept")) {
            request.headers.push(Header { name: "Accept".to_owned(), value: Template::literal(ACCEPT) });
        }
        request.connect_timeout = target.timeout;
        let request = Prepared::new(&request)?.keeping(LARGEST_PAGE);
        Ok(Self { target, request, client: SideClient::new(tls, network) })
    }

    /// Time from one page to the next.
    pub(super) fn target(&self) -> &Observed {
        &self.target
    }

    /// Asks for the page and reads it.
    pub(super) async fn scrape(&mut self) -> Result<Reading, Error> {
        let limit = self.target.timeout;
        let Some(response) = self.client.send(&self.request, limit).await? else {
            return Err(Error::new(ScrapeFailure::Timeout, format!("no page within {limit:?}")));
        };
        if response.status != 200 {
            return Err(Error::new(ScrapeFailure::Status, format!("status {}", response.status)));
        }
        let text = std::str::from_utf8(&response.body);
        let text = text.map_err(|_| Error::new(ScrapeFailure::Page, "the page is not UTF-8"))?;
        reading(text, &self.target)
    }
}

/// What the profile wants of a page.
fn reading(text: &str, target: &Observed) -> Result<Reading, Error> {
    let mut reading = Reading::default();
    reading.metrics.resize_with(target.metrics.len(), MetricReading::default);
    page::read(text, |line| match line {
        Line::Family(family) => {
            for (found, metric) in reading.metrics.iter_mut().zip(&target.metrics) {
                found.known |= is_of_family(metric.series.name(), family);
            }
        }
        Line::Sample(sample) => {
            if sample.name == START && !sample.value.is_nan() {
                reading.starts.insert(sample.series.to_owned(), sample.value);
            }
            for (found, metric) in reading.metrics.iter_mut().zip(&target.metrics) {
                note(found, &metric.series, &sample);
            }
        }
    })
    .map_err(|error| Error::new(ScrapeFailure::Page, error.to_string()))?;
    let counts = reading.metrics.iter().map(|found| found.series.len()).chain([reading.starts.len()]);
    if counts.max().unwrap_or(0) > MOST_SERIES {
        return Err(Error::new(ScrapeFailure::TooBig, format!("more than {MOST_SERIES} series of one metric")));
    }
    Ok(reading)
}

fn note(found: &mut MetricReading, wanted: &SeriesSelector, sample: &Sample<'_>) {
    if sample.name != wanted.name() {
        return;
    }
    found.known = true;
    // One more than is allowed is enough to know.
    if !sample.value.is_nan() && found.series.len() <= MOST_SERIES && wanted.fits(|name| sample.label(name)) {
        found.series.insert(sample.series.to_owned(), sample.value);
    }
}

/// OpenMetrics declares `requests` for `requests_total`; histograms and summaries have parts.
fn is_of_family(series: &str, family: &str) -> bool {
    let end = series.strip_prefix(family);
    end.is_some_and(|end| ["", "_total", "_count", "_sum", "_bucket"].contains(&end))
}
