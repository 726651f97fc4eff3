//! Whether two agents have the same profile: a digest of its text and of what the command line and the environment have
//! made of it.
//!
//! Values of variables go into it only where they show anyway (targets without their queries, tags, the load, names and
//! thresholds). Headers, queries and messages go in as typed, so that nobody can guess a token until the digest fits.
//! Of data files it knows the columns and the number of rows.

use std::fmt;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use crate::config::profile::Profile;

/// SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; SHA256_OUTPUT_LEN]);

impl Digest {
    /// Of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut value = [0; SHA256_OUTPUT_LEN];
        value.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(value)
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Profile {
    /// See the module. Before [`Profile::redirected`]: an embedded target has another port in each process.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let scenarios: Vec<_> = self
            .scenarios
            .iter()
            .map(|scenario| {
                (&scenario.name, &scenario.executor, scenario.start_time, scenario.graceful_stop, &scenario.tags)
            })
            .collect();
        let metrics: Vec<_> = self.metrics.iter().map(|metric| (metric.name, metric.kind, metric.contains)).collect();
        let observed: Vec<_> = self.observe.iter().map(|target| (&target.name, &target.url.display)).collect();
        let load = (&self.name, &self.tags, scenarios, &self.thresholds, self.targets());
        let rest = (metrics, observed, &self.data, self.timing, self.keep_cookies, &self.summary_trend_stats);
        Digest::of(format!("{:?}", (self.typed, load, rest)).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, environment::Environment, overrides::Overrides, source::Source};

    const PROFILE: &str = r#"
duration: 1s
vus: 2
tags: { build: "${BUILD:-1}" }
flow: [{ websocket: { url: "ws://${HOST:-h}/ws?token=${TOKEN:-t}", headers: { Authorization: "${TOKEN:-t}" } } }]
"#;

    fn digest(text: &str, variables: &[(&str, &str)], overrides: &Overrides) -> String {
        let source = Source::from_bytes("p.yaml", text.as_bytes().to_vec()).unwrap();
        let environment: Environment = variables.iter().copied().collect();
        config::load(&source, &environment, overrides).unwrap().digest().to_string()
    }

    #[test]
    fn the_digest_is_that_of_sha_256() {
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), of_abc);
    }

    #[test]
    fn what_changes_the_run_changes_the_digest_and_a_secret_does_not() {
        let plain = digest(PROFILE, &[], &Overrides::default());
        assert_eq!(digest(PROFILE, &[("TOKEN", "s3cret")], &Overrides::default()), plain);
        let more =
            Overrides { vus: Some(3), duration: Some(std::time::Duration::from_secs(1)), ..Overrides::default() };
        let others = [
            digest(PROFILE, &[("HOST", "i")], &Overrides::default()),
            digest(PROFILE, &[("BUILD", "2")], &Overrides::default()),
            digest(PROFILE, &[], &more),
            digest(&PROFILE.replace("Authorization", "X-Token"), &[], &Overrides::default()),
            digest(&PROFILE.replace("vus: 2", "vus: 4"), &[], &Overrides::default()),
        ];
        let mut all = vec![plain];
        all.extend(others);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 6);
    }

    #[test]
    fn the_factors_of_the_command_line_change_it() {
        let source = Source::from_bytes("p.yaml", PROFILE.as_bytes().to_vec()).unwrap();
        let profile = config::load(&source, &Environment::default(), &Overrides::default()).unwrap();
        let digests = [profile.digest(), profile.scaled(2.0).unwrap().digest(), profile.sped_up(0.5).unwrap().digest()];
        assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
    }
}
