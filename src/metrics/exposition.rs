//! Rendering for Prometheus.
