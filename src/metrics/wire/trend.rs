//! One trend as a message, and back.

use std::sync::Arc;

use hdrhistogram::{
    Histogram,
    serialization::{Deserializer, Serializer as _, V2Serializer},
};

use crate::metrics::{
    trend::{DIGITS, LONGEST, RESOLUTION, Trend},
    wire::{WireError, frame::TrendFrame, scatter, total},
};

/// Cookie, length, offset, digits (4 bytes each), lowest, highest and ratio (8 each).
const HEADER: usize = 40;
/// First bytes of the V2 encoding that is not deflated.
const COOKIE: [u8; 4] = [0x1c, 0x84, 0x93, 0x13];

/// # Panics
/// Never, see the reason.
pub(super) fn pack(slot: u32, trend: &Trend) -> TrendFrame {
    let mut histogram = Vec::new();
    #[expect(clippy::expect_used, reason = "a vector takes every byte, and no run counts 2^63 durations")]
    V2Serializer::new().serialize(&trend.histogram, &mut histogram).expect("a histogram is encoded in memory");
    let buckets = || (0..).zip(&trend.buckets).filter(|(_, count)| **count > 0);
    TrendFrame {
        slot,
        histogram,
        bucket_slots: buckets().map(|(slot, _)| slot).collect(),
        bucket_values: buckets().map(|(_, count)| *count).collect(),
        buckets: trend.buckets.len() as u32,
        zeros: trend.zeros,
        sum_high: (trend.sum >> 64) as u64,
        sum_low: trend.sum as u64,
        min: trend.min,
        max: trend.max,
    }
}

pub(super) fn unpack(frame: TrendFrame, bounds: Arc<[u64]>) -> Result<Trend, WireError> {
    let TrendFrame { slot, zeros, min, max, .. } = frame;
    let mut buckets = vec![0; bounds.len() + 1].into_boxed_slice();
    if frame.buckets as usize != buckets.len() {
        return Err(WireError::Shape { what: "buckets", theirs: frame.buckets as usize, ours: buckets.len() });
    }
    scatter("buckets", &frame.bucket_slots, &frame.bucket_values, &mut buckets)?;
    let count = total("trends", frame.bucket_values)?;
    let histogram = histogram(&frame.histogram).map_err(|unread| unread.of(slot))?;
    let sum = u128::from(frame.sum_high) << 64 | u128::from(frame.sum_low);
    let trend = Trend { histogram, bounds, buckets, zeros, sum, min, max };
    let contradiction = |what| Err(WireError::Contradiction { slot, what });
    if count == 0 || trend.count() != count {
        return contradiction("its buckets and its histogram count differently");
    }
    // A percentile is looked for between the ends of its bucket, and between minimum and maximum.
    let home = |value: u64| trend.bounds.partition_point(|bound| *bound < value);
    let filled = |bucket: &u64| *bucket > 0;
    let ends = (trend.buckets.iter().position(filled), trend.buckets.iter().rposition(filled));
    if min > max || ends != (Some(home(min)), Some(home(max))) {
        return contradiction("minimum and maximum are not in its outermost buckets");
    }
    if (zeros > 0) != (min == 0) || zeros > trend.buckets.first().copied().unwrap_or_default() {
        return contradiction("its zeros are not in its first bucket");
    }
    if sum < u128::from(min) * u128::from(count) || sum > u128::from(max) * u128::from(count) {
        return contradiction("its sum is not between minimum and maximum");
    }
    Ok(trend)
}

/// Why a histogram cannot be read.
pub(super) enum Unread {
    /// See [`WireError::Histogram`].
    Shape(String),
    /// See [`WireError::Total`].
    Total,
}

impl Unread {
    fn of(self, slot: u32) -> WireError {
        match self {
            Self::Shape(what) => WireError::Histogram { slot, what },
            Self::Total => WireError::Total { what: "trends" },
        }
    }
}

/// Reads a histogram of our own shape only, and makes it grow as ours do.
pub(super) fn histogram(bytes: &[u8]) -> Result<Histogram<u64>, Unread> {
    let unreadable = |what: &str| Unread::Shape(what.to_owned());
    let (header, counts) = bytes.split_at_checked(HEADER).ok_or_else(|| unreadable("it is cut off"))?;
    let word = |at: usize| header.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_be_bytes);
    if header.get(..4) != Some(&COOKIE) {
        return Err(unreadable("it is not in the V2 encoding"));
    }
    // The library takes memory for the length that the header says.
    if word(0) & u64::from(u32::MAX) != counts.len() as u64 {
        return Err(unreadable("its length is not as it says"));
    }
    let shape = (word(8), word(16));
    if shape != (u64::from(DIGITS), RESOLUTION) || word(24) > 2 * LONGEST {
        return Err(unreadable("its range or resolution is not rampd's"));
    }
    // A count below 2^53 takes at most eight bytes. One of nine may be -2^63, which the library negates.
    if counts.split(|byte| byte & 0x80 == 0).any(|continued| continued.len() > 7) {
        return Err(Unread::Total);
    }
    let mut histogram: Histogram<u64> =
        Deserializer::new().deserialize(&mut &*bytes).map_err(|error| unreadable(&error.to_string()))?;
    histogram.auto(true);
    Ok(histogram)
}
