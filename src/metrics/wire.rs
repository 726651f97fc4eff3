//! A snapshot as bytes, for another process with the same table: what agents of a fleet send, and
//! what result files hold. Exact: what comes out merges as what went in would have.
//!
//! The frame is length-delimited protobuf messages, one for counters and gauges and one for each
//! trend with samples, read one by one, so that a reader needs memory for its own table and one trend.
//! Histograms are in HdrHistogram's V2 encoding. Whoever sends may be broken or hostile: what does
//! not fit the table, contradicts itself or could not be added up is an error.

mod frame;
mod trend;

use hdrhistogram::Histogram;
use prost::Message as _;

use crate::metrics::{
    series::{Series, SeriesTable},
    snapshot::Snapshot,
    trend::Trend,
    wire::frame::{Head, TrendFrame},
};

/// Longest frame, in bytes. A run of the seed takes less than 61 KB.
pub const LONGEST_FRAME: usize = 64 << 20;
/// A frame counts less than this in all its counters together, and as much in all its trends; gauges add up to less than
/// half of it on either side. Exact in a float, nine petabytes, and 2,000 such frames add up within 64 bits.
pub const LARGEST_TOTAL: u64 = 1 << 53;

/// Why bytes are no snapshot of this table.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// See [`LONGEST_FRAME`].
    #[error("a snapshot of {0} bytes, at most {LONGEST_FRAME} are read")]
    TooLong(usize),
    /// No protobuf, or cut off.
    #[error("not a snapshot, or a part of one is missing: {0}")]
    Frame(#[from] prost::DecodeError),
    /// The tables differ.
    #[error(
        "a snapshot of {theirs} {what} where {ours} are known: it is of another profile or another version of rampd"
    )]
    Shape {
        /// `counters`, `gauges`, `trends` or `buckets`.
        what: &'static str,
        /// In the snapshot.
        theirs: usize,
        /// In the table.
        ours: usize,
    },
    /// Out of range, or not after the one before it.
    #[error("no place for number {slot} of the {what}: the sender is broken")]
    Slot {
        /// As in [`Self::Shape`].
        what: &'static str,
        /// Where it should go.
        slot: u32,
    },
    /// More slots than values, or the reverse.
    #[error("{slots} places of {what} with {values} values: the sender is broken")]
    Lengths {
        /// As in [`Self::Shape`].
        what: &'static str,
        /// Slots.
        slots: usize,
        /// Values.
        values: usize,
    },
    /// See [`LARGEST_TOTAL`].
    #[error("the {what} are larger than any run's: the sender is broken")]
    Total {
        /// As in [`Self::Shape`].
        what: &'static str,
    },
    /// No histogram, or one of another range or resolution.
    #[error("the histogram of trend {slot} cannot be read: {what}")]
    Histogram {
        /// Which trend.
        slot: u32,
        /// What is wrong with it.
        what: String,
    },
    /// Parts of a trend that cannot be true together.
    #[error("trend {slot} contradicts itself: {what}; the sender is broken")]
    Contradiction {
        /// Which trend.
        slot: u32,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// The bytes of those series of `snapshot` that are `wanted`; the others are zero for the reader.
#[must_use]
pub fn encode(snapshot: &Snapshot, table: &SeriesTable, wanted: impl Fn(&Series) -> bool) -> Vec<u8> {
    let mut head = Head {
        counters: table.counters.len() as u32,
        gauges: table.gauges.len() as u32,
        trends: table.trends.len() as u32,
        samples_dropped: snapshot.samples_dropped,
        ..Head::default()
    };
    for ((slot, series), value) in (0..).zip(&table.counters).zip(&snapshot.counters) {
        if *value != 0 && wanted(series) {
            head.counter_slots.push(slot);
            head.counter_values.push(*value);
        }
    }
    for ((slot, series), value) in (0..).zip(&table.gauges).zip(&snapshot.gauges) {
        if *value != 0 && wanted(series) {
            head.gauge_slots.push(slot);
            head.gauge_values.push(*value);
        }
    }
    let mut bytes = head.encode_length_delimited_to_vec();
    for ((slot, series), one) in (0..).zip(&table.trends).zip(&snapshot.trends) {
        if one.count() > 0 && wanted(series) {
            bytes.extend(trend::pack(slot, one).encode_length_delimited_to_vec());
        }
    }
    bytes
}

/// The snapshot of `table` that `bytes` hold, see [`encode`].
///
/// # Errors
/// See [`WireError`].
pub fn decode(bytes: &[u8], table: &SeriesTable) -> Result<Snapshot, WireError> {
    let mut snapshot = Snapshot::empty(table);
    read(bytes, table, |part| match part {
        Part::Numbers { counters, gauges, samples_dropped } => {
            snapshot.counters = counters.into();
            snapshot.gauges = gauges.into();
            snapshot.samples_dropped = samples_dropped;
        }
        Part::Trend(slot, trend) => {
            if let Some(place) = snapshot.trends.get_mut(slot) {
                *place = trend;
            }
        }
    })?;
    Ok(snapshot)
}

/// Adds the snapshot that `bytes` hold to `sum`, one trend at a time: a table has megabytes of them.
///
/// # Errors
/// See [`WireError`]. A part may have been added then.
pub fn add(bytes: &[u8], table: &SeriesTable, sum: &mut Snapshot) -> Result<(), WireError> {
    read(bytes, table, |part| match part {
        Part::Numbers { counters, gauges, samples_dropped } => {
            sum.counters.iter_mut().zip(counters).for_each(|(mine, theirs)| *mine += theirs);
            sum.gauges.iter_mut().zip(gauges).for_each(|(mine, theirs)| *mine += theirs);
            sum.samples_dropped += samples_dropped;
        }
        Part::Trend(slot, trend) => {
            if let Some(mine) = sum.trends.get_mut(slot) {
                mine.merge(&trend);
            }
        }
    })
}

/// Whether `bytes` hold a snapshot of `table`.
///
/// # Errors
/// See [`WireError`].
pub fn check(bytes: &[u8], table: &SeriesTable) -> Result<(), WireError> {
    read(bytes, table, |_| ())
}

/// A histogram of a trend's range and resolution, in the V2 encoding that is not deflated.
pub(in crate::metrics) fn histogram(bytes: &[u8]) -> Result<Histogram<u64>, String> {
    trend::histogram(bytes).map_err(|unread| match unread {
        trend::Unread::Shape(what) => what,
        trend::Unread::Total => "it counts more than any run".to_owned(),
    })
}

/// What a frame has.
enum Part {
    /// Counters and gauges by slot.
    Numbers { counters: Vec<u64>, gauges: Vec<i64>, samples_dropped: u64 },
    /// One trend with samples, and its slot.
    Trend(usize, Trend),
}

fn read(bytes: &[u8], table: &SeriesTable, mut take: impl FnMut(Part)) -> Result<(), WireError> {
    if bytes.len() > LONGEST_FRAME {
        return Err(WireError::TooLong(bytes.len()));
    }
    let mut rest = bytes;
    let head = Head::decode_length_delimited(&mut rest)?;
    for (what, theirs, ours) in [
        ("counters", head.counters, table.counters.len()),
        ("gauges", head.gauges, table.gauges.len()),
        ("trends", head.trends, table.trends.len()),
    ] {
        if theirs as usize != ours {
            return Err(WireError::Shape { what, theirs: theirs as usize, ours });
        }
    }
    let (mut counters, mut gauges) = (vec![0; table.counters.len()], vec![0; table.gauges.len()]);
    scatter("counters", &head.counter_slots, &head.counter_values, &mut counters)?;
    scatter("gauges", &head.gauge_slots, &head.gauge_values, &mut gauges)?;
    total("counters", head.counter_values.into_iter().chain([head.samples_dropped]))?;
    total("gauges", head.gauge_values.into_iter().map(|value| value.unsigned_abs().saturating_mul(2)))?;
    take(Part::Numbers { counters, gauges, samples_dropped: head.samples_dropped });
    let (mut free, mut samples) = (0, 0_u64);
    while !rest.is_empty() {
        let frame = TrendFrame::decode_length_delimited(&mut rest)?;
        let slot = frame.slot;
        let series = table.trends.get(slot as usize).filter(|_| slot >= free);
        let series = series.ok_or(WireError::Slot { what: "trends", slot })?;
        let trend = trend::unpack(frame, table.bounds(series.family))?;
        samples = samples.saturating_add(trend.count());
        take(Part::Trend(slot as usize, trend));
        free = slot + 1;
    }
    total("trends", [samples])?;
    Ok(())
}

/// Puts `values` into their slots.
fn scatter<T: Copy>(what: &'static str, slots: &[u32], values: &[T], into: &mut [T]) -> Result<(), WireError> {
    if slots.len() != values.len() {
        return Err(WireError::Lengths { what, slots: slots.len(), values: values.len() });
    }
    let mut free = 0;
    for (slot, value) in slots.iter().zip(values) {
        let place = into.get_mut(*slot as usize).filter(|_| *slot >= free);
        *place.ok_or(WireError::Slot { what, slot: *slot })? = *value;
        free = slot + 1;
    }
    Ok(())
}

fn total(what: &'static str, values: impl IntoIterator<Item = u64>) -> Result<u64, WireError> {
    let total = values.into_iter().fold(0, u64::saturating_add);
    if total < LARGEST_TOTAL { Ok(total) } else { Err(WireError::Total { what }) }
}

#[cfg(test)]
mod tests;
