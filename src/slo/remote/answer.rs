//! An answer of Prometheus' query API.

use serde_json::Value;

use crate::{slo::remote::Error, units::tags::Tags};

/// One series of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// `__name__` included, where the query keeps it.
    pub labels: Tags,
    /// Its value.
    pub value: f64,
}

impl Sample {
    /// A label's value.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// A bucket's upper bound; Prometheus 2 keeps `1` as it was written, 3 makes it `1.0`.
    #[must_use]
    pub fn bound(&self) -> Option<f64> {
        match self.label("le")? {
            "+Inf" => Some(f64::INFINITY),
            bound => bound.parse().ok(),
        }
    }
}

/// The sum over all series; 0 without one.
#[must_use]
pub fn total(samples: &[Sample]) -> f64 {
    samples.iter().map(|sample| sample.value).sum()
}

/// Reads the body of `/api/v1/query`.
///
/// # Errors
/// It is no JSON, no vector, or tells an error.
pub fn read(body: &[u8]) -> Result<Vec<Sample>, Error> {
    let answer: Value =
        serde_json::from_slice(body).map_err(|error| Error::Answer(format!("the answer is no JSON ({error})")))?;
    if answer["status"] != "success" {
        let text = answer["error"].as_str().unwrap_or("no reason given");
        return Err(Error::Answer(format!("the query failed: {text}")));
    }
    let series = answer["data"]["result"].as_array().filter(|_| answer["data"]["resultType"] == "vector");
    let series = series.ok_or_else(|| Error::Answer("the answer is no instant vector".to_owned()))?;
    series.iter().map(sample).collect()
}

fn sample(series: &Value) -> Result<Sample, Error> {
    let malformed = || Error::Answer(format!("a series without labels or value: {series}"));
    let labels = series["metric"].as_object().ok_or_else(malformed)?;
    let labels = labels.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    Ok(Sample {
        labels: labels.collect::<Option<_>>().ok_or_else(malformed)?,
        value: series["value"][1].as_str().and_then(|value| value.parse().ok()).ok_or_else(malformed)?,
    })
}
