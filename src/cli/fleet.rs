//! Which agent of a fleet a command is, from its options or from Kubernetes' environment.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args as ClapArgs;

use crate::{
    agent::fleet::options::{FleetOptions, Role},
    fleet::{
        result::MOST_AGENTS,
        token::{self, Token},
    },
    plan::segment::Segment,
};

/// Variable with the secret itself.
const TOKEN: &str = "RAMPD_FLEET_TOKEN";
/// Kubernetes' variable in the pods of an Indexed Job.
const INDEX: &str = "JOB_COMPLETION_INDEX";

/// See the module.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "A fleet: several agents, one run")]
pub struct Membership {
    /// This is agent I (from 0) of N, and has its share of the load; in an Indexed Job, RAMPD_FLEET_SIZE is enough
    #[arg(long, value_name = "I/N", value_parser = parse_place, env = "RAMPD_FLEET")]
    pub fleet: Option<Segment>,
    /// How many agents there are; which one this is, JOB_COMPLETION_INDEX says
    #[arg(long, value_name = "N", env = "RAMPD_FLEET_SIZE", hide = true)]
    pub fleet_size: Option<u32>,
    /// Where agent 0 is reached by the others; without it the agents do not know each other, and `rampd merge` judges
    #[arg(long, value_name = "HOST:PORT", env = "RAMPD_FLEET_LEADER")]
    pub fleet_leader: Option<String>,
    /// Where agent 0 listens for the others
    #[arg(long, value_name = "ADDR", env = "RAMPD_FLEET_LISTEN")]
    pub fleet_listen: Option<SocketAddr>,
    /// File with the secret that all agents share; or RAMPD_FLEET_TOKEN has it
    #[arg(long, value_name = "FILE", env = "RAMPD_FLEET_TOKEN_FILE")]
    pub fleet_token_file: Option<PathBuf>,
    /// The load begins at this time (RFC 3339), such as 2030-01-31T08:00:00Z, and with a fleet not before it
    #[arg(long, value_name = "TIME", value_parser = parse_time, env = "RAMPD_START_AT")]
    pub start_at: Option<i128>,
}

/// Why the options do not make a fleet.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A size without an index.
    #[error("RAMPD_FLEET_SIZE is {0}, but JOB_COMPLETION_INDEX, which an Indexed Job sets, is {1}; or use --fleet I/N")]
    Index(u32, String),
    /// Every agent would have another one.
    #[error("a fleet needs --testid (RAMPD_TESTID), the same for all of its agents")]
    Testid,
    /// No secret.
    #[error("agents that speak with each other share a secret: set {TOKEN}, or --fleet-token-file")]
    NoToken,
    /// A secret that is none.
    #[error(transparent)]
    Token(#[from] token::Error),
    /// The secret's file.
    #[error("cannot read --fleet-token-file {path}: {source}")]
    TokenFile {
        /// As given.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Each agent would have a target of its own.
    #[error("a fleet has one target for all agents, and --echo one for each; start `rampd echo` beside them")]
    Echo,
    /// Their counts would not add up within 64 bits.
    #[error("a fleet has at most {MOST_AGENTS} agents, not {0}")]
    TooMany(u32),
    /// A fleet's option without a fleet.
    #[error("{0} is for a fleet; add --fleet I/N")]
    Alone(&'static str),
    /// Not a host with a port.
    #[error("--fleet-leader `{0}` is no host with a port, such as load-0.load:6466")]
    Leader(String),
}

impl Membership {
    /// What they make; none for an agent alone.
    ///
    /// # Errors
    /// See [`enum@Error`].
    pub fn options(&self, testid: Option<&str>) -> Result<Option<FleetOptions>, Error> {
        let Some(segment) = self.place(std::env::var(INDEX).ok().as_deref())? else {
            return match (&self.fleet_leader, self.fleet_listen) {
                (Some(_), _) => Err(Error::Alone("--fleet-leader")),
                (_, Some(_)) => Err(Error::Alone("--fleet-listen")),
                (None, None) => Ok(None),
            };
        };
        if segment.of() > MOST_AGENTS {
            return Err(Error::TooMany(segment.of()));
        }
        if testid.is_none() {
            return Err(Error::Testid);
        }
        let role = match (segment.index(), self.fleet_listen, &self.fleet_leader) {
            _ if segment.of() == 1 => Role::Apart,
            (0, Some(listen), _) => Role::Leader { listen, token: self.token()? },
            (0, None, Some(_)) => {
                let listen = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, DEFAULT_PORT));
                Role::Leader { listen, token: self.token()? }
            }
            (1.., _, Some(leader)) => {
                let has_port = leader
                    .rsplit_once(':')
                    .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
                if !has_port {
                    return Err(Error::Leader(leader.clone()));
                }
                Role::Follower { leader: leader.clone(), token: self.token()? }
            }
            (_, _, None) => Role::Apart,
        };
        // One of one is the whole, and judges itself.
        Ok((segment.of() > 1).then_some(FleetOptions { segment, role }))
    }

    fn place(&self, index: Option<&str>) -> Result<Option<Segment>, Error> {
        if let Some(segment) = self.fleet {
            return Ok(Some(segment));
        }
        let Some(of) = self.fleet_size else { return Ok(None) };
        let found = index.and_then(|index| index.parse().ok()).and_then(|index| Segment::new(index, of));
        found
            .map(Some)
            .ok_or_else(|| Error::Index(of, index.map_or("not set".to_owned(), |index| format!("`{index}`"))))
    }

    fn token(&self) -> Result<Token, Error> {
        let text = match &self.fleet_token_file {
            Some(path) => {
                std::fs::read_to_string(path).map_err(|source| Error::TokenFile { path: path.clone(), source })?
            }
            None => std::env::var(TOKEN).map_err(|_| Error::NoToken)?,
        };
        Ok(Token::new(&text)?)
    }
}

/// Beside the metrics' 6464 and the echo target's 6465.
const DEFAULT_PORT: u16 = 6466;

fn parse_place(text: &str) -> Result<Segment, String> {
    let parsed =
        text.split_once('/').and_then(|(index, of)| Some((index.trim().parse().ok()?, of.trim().parse().ok()?)));
    let segment = parsed.and_then(|(index, of)| Segment::new(index, of));
    segment.ok_or_else(|| format!("`{text}` is no place in a fleet; expected I/N with I from 0 to N - 1, such as 0/5"))
}

fn parse_time(text: &str) -> Result<i128, String> {
    let parsed = text.parse::<jiff::Timestamp>();
    parsed
        .map(jiff::Timestamp::as_nanosecond)
        .map_err(|_| format!("`{text}` is no time with its zone; expected RFC 3339, such as 2030-01-31T08:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_number_below_how_many_there_are() {
        assert_eq!(parse_place("4/5").unwrap(), Segment::new(4, 5).unwrap());
        for wrong in ["5/5", "-1/5", "1", "a/b", "0/0", "1/5/2"] {
            assert!(parse_place(wrong).unwrap_err().contains("such as 0/5"), "{wrong}");
        }
    }

    #[test]
    fn the_index_of_a_job_is_the_place() {
        let args = Membership { fleet_size: Some(3), ..Membership::default() };
        assert_eq!(args.place(Some("2")).unwrap(), Segment::new(2, 3));
        for wrong in [None, Some("3"), Some("x")] {
            assert!(args.place(wrong).unwrap_err().to_string().contains("JOB_COMPLETION_INDEX"), "{wrong:?}");
        }
        assert_eq!(Membership::default().place(Some("2")).unwrap(), None, "an Indexed Job of agents that are no fleet");
    }

    #[test]
    fn a_time_needs_its_zone() {
        assert_eq!(parse_time("1970-01-01T00:00:01Z").unwrap(), 1_000_000_000);
        assert_eq!(parse_time("1970-01-01T01:00:00.5+01:00").unwrap(), 500_000_000);
        assert!(parse_time("2030-01-31 08:00").is_err());
    }

    #[test]
    fn without_a_leader_agents_do_not_know_each_other_and_alone_nobody_is_one() {
        let options = |args: Membership, testid| args.options(testid);
        let place = Segment::new(1, 2);
        let apart = options(Membership { fleet: place, ..Membership::default() }, Some("t")).unwrap().unwrap();
        assert!(matches!(apart.role, Role::Apart));
        assert!(
            options(Membership { fleet: Segment::new(0, 1), ..Membership::default() }, Some("t")).unwrap().is_none()
        );
        assert!(matches!(options(Membership { fleet: place, ..Membership::default() }, None), Err(Error::Testid)));
        let leader = Some("load-0".to_owned());
        assert!(matches!(
            options(Membership { fleet_leader: leader.clone(), ..Membership::default() }, None),
            Err(Error::Alone(_))
        ));
        let crowd = Membership { fleet: Segment::new(0, 2001), ..Membership::default() };
        assert!(matches!(options(crowd, Some("t")), Err(Error::TooMany(2001))));
        let portless = Membership { fleet: place, fleet_leader: leader, ..Membership::default() };
        assert!(matches!(options(portless, Some("t")), Err(Error::Leader(_))));
    }
}
