//! `rampd generate helm-values`.
