//! The Helm chart, rendered by Helm itself: what it makes is valid for Kubernetes, means what it should, and comes
//! with the same files and schema as the agent.

mod files;
mod generated;
mod network;
mod pods;
mod refusals;
mod render;
mod runs;
mod schemas;
