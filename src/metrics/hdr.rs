//! Histograms as text: HdrHistogram's V2 encoding with DEFLATE, in base64, which its libraries and tools read in many
//! languages. Durations are nanoseconds.

use std::io::Read as _;

use data_encoding::BASE64;
use flate2::read::ZlibDecoder;
use hdrhistogram::{
    Histogram,
    serialization::{Serializer as _, V2DeflateSerializer},
};

use crate::metrics::{trend::Trend, wire};

/// First bytes of the V2 encoding that is deflated.
const COOKIE: [u8; 4] = [0x1c, 0x84, 0x93, 0x14];
/// The cookie and the length.
const HEADER: usize = 8;
/// Most bytes when no longer deflated: nine for each of a trend's 40,000 steps.
const LARGEST: u64 = 40 + 9 * 40_000;

/// Why a text is no histogram of a trend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a histogram cannot be read: {0}; the document is damaged, copy it again")]
pub struct HdrError(String);

/// The text of a trend.
#[must_use]
pub fn encode(trend: &Trend) -> String {
    encode_histogram(&trend.histogram)
}

/// The text of a histogram.
///
/// # Panics
/// Never, see the reason.
#[must_use]
pub fn encode_histogram(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    #[expect(clippy::expect_used, reason = "a vector takes every byte, and no run counts 2^63 durations")]
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).expect("a histogram is encoded in memory");
    BASE64.encode(&bytes)
}

/// The histogram of a text.
///
/// # Errors
/// It is none, or of another range or resolution than a trend's.
pub fn decode(text: &str) -> Result<Histogram<u64>, HdrError> {
    let damaged = |what: &str| HdrError(what.to_owned());
    let bytes = BASE64.decode(text.as_bytes()).map_err(|error| HdrError(error.to_string()))?;
    let (header, deflated) = bytes.split_at_checked(HEADER).ok_or_else(|| damaged("it is cut off"))?;
    if header.get(..4) != Some(&COOKIE) {
        return Err(damaged("it is not in the V2 encoding with DEFLATE"));
    }
    let mut inflated = Vec::new();
    let read = ZlibDecoder::new(deflated).take(LARGEST + 1).read_to_end(&mut inflated);
    read.map_err(|error| HdrError(error.to_string()))?;
    if inflated.len() as u64 > LARGEST {
        return Err(damaged("it is larger than any trend's"));
    }
    wire::histogram(&inflated).map_err(HdrError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ladder;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_comes_out_is_what_went_in(values in prop::collection::vec(0u64..10_000_000_000, 0..200)) {
            let mut trend = Trend::new(ladder::with_limits([]).into());
            values.iter().for_each(|value| trend.record(*value));
            prop_assert_eq!(decode(&encode(&trend)).unwrap(), trend.histogram);
        }

        #[test]
        fn any_text_is_a_histogram_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut framed = COOKIE.to_vec();
            framed.extend(&bytes);
            prop_assert!(decode(&BASE64.encode(&framed)).is_err());
            prop_assert!(decode(&String::from_utf8_lossy(&bytes)).is_err());
        }
    }

    #[test]
    fn a_bomb_is_not_inflated() {
        use std::io::Write as _;
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 64 << 20]).unwrap();
        let deflated = encoder.finish().unwrap();
        let bytes = [&COOKIE[..], &(deflated.len() as u32).to_be_bytes(), &deflated].concat();
        assert!(decode(&BASE64.encode(&bytes)).unwrap_err().to_string().contains("larger than any trend's"));
    }
}
