//! The messages of a snapshot's frame, by hand: no protoc, no build script (ADR 15).

use prost::Message;

/// First message: everything but trends. Slots ascend; those that are zero are left out.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Head {
    /// Number of counters, gauges and trends in the sender's table, whether sent or not.
    #[prost(uint32, tag = "1")]
    pub(super) counters: u32,
    #[prost(uint32, tag = "2")]
    pub(super) gauges: u32,
    #[prost(uint32, tag = "3")]
    pub(super) trends: u32,
    #[prost(uint32, repeated, tag = "4")]
    pub(super) counter_slots: Vec<u32>,
    #[prost(uint64, repeated, tag = "5")]
    pub(super) counter_values: Vec<u64>,
    #[prost(uint32, repeated, tag = "6")]
    pub(super) gauge_slots: Vec<u32>,
    #[prost(sint64, repeated, tag = "7")]
    pub(super) gauge_values: Vec<i64>,
    #[prost(uint64, tag = "8")]
    pub(super) samples_dropped: u64,
}

/// Each further message: one trend with samples. They ascend by slot.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TrendFrame {
    #[prost(uint32, tag = "1")]
    pub(super) slot: u32,
    /// HdrHistogram's V2 encoding, not deflated.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) histogram: Vec<u8>,
    /// Buckets that are not empty, ascending.
    #[prost(uint32, repeated, tag = "3")]
    pub(super) bucket_slots: Vec<u32>,
    #[prost(uint64, repeated, tag = "4")]
    pub(super) bucket_values: Vec<u64>,
    /// Number of buckets of the sender, the one above every boundary included.
    #[prost(uint32, tag = "5")]
    pub(super) buckets: u32,
    #[prost(uint64, tag = "6")]
    pub(super) zeros: u64,
    /// The sum's upper and lower 64 bits.
    #[prost(uint64, tag = "7")]
    pub(super) sum_high: u64,
    #[prost(uint64, tag = "8")]
    pub(super) sum_low: u64,
    #[prost(uint64, tag = "9")]
    pub(super) min: u64,
    #[prost(uint64, tag = "10")]
    pub(super) max: u64,
}
