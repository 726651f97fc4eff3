//! A follower's questions to its leader: one at a time, over a connection that is kept and made anew when it breaks.
//! The leader's name is looked up each time, because a pod's name may not be known yet.

use std::{io, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use crate::{
    clock::Instant,
    fleet::{
        message::{Answer, RESULT, Refused},
        token::Token,
    },
};

/// For a connection, a question and its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for a result: a fleet hands in at one moment, and 1,000 results of 20 scenarios take a leader's 1 Gbit/s for
/// several seconds (docs/scale.md).
const RESULT_PATIENCE: Duration = Duration::from_secs(30);
/// Answers are a line of JSON.
const ANSWER_BYTES: usize = 64 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Exchange {
    leader: String,
    token: Token,
    sender: Option<SendRequest<Full<Bytes>>>,
    connection: JoinSet<()>,
}

/// An answer, and when it was asked for and received.
#[derive(Debug)]
pub struct Answered {
    /// What was said.
    pub answer: Answer,
    /// Before the question left.
    pub sent: Instant,
    /// After the answer came.
    pub received: Instant,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// Nothing came.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// Not the answer of a leader.
    #[error("the answer ({0}) is not that of a fleet's leader")]
    Strange(StatusCode),
    /// The leader refuses.
    #[error("{0}")]
    Refused(Refused),
}

impl Failed {
    /// Whether asking again is in vain.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused(refused) if !refused.may_pass)
    }
}

impl Exchange {
    /// With `leader` (host and port); nothing is sent yet.
    #[must_use]
    pub fn new(leader: String, token: Token) -> Self {
        Self { leader, token, sender: None, connection: JoinSet::new() }
    }

    /// The leader's host and port.
    #[must_use]
    pub fn leader(&self) -> &str {
        &self.leader
    }

    /// Asks once.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn ask(&mut self, path: &str, headers: &[(&str, u64)], body: Bytes) -> Result<Answered, Failed> {
        let patience = if path == RESULT { RESULT_PATIENCE } else { PATIENCE };
        let answer = timeout(patience, self.exchange(path, headers, body)).await;
        let outcome = answer.unwrap_or(Err(Failed::Late(patience)));
        if outcome.as_ref().is_err_and(|error| !matches!(error, Failed::Refused(_))) {
            // What is left of an answer would be taken for the next one.
            self.sender = None;
            self.connection.abort_all();
        }
        outcome
    }

    async fn exchange(&mut self, path: &str, headers: &[(&str, u64)], body: Bytes) -> Result<Answered, Failed> {
        let mut request = Request::post(path).header(HOST, &self.leader).header(AUTHORIZATION, self.token.header());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).map_err(|error| Failed::Connect(io::Error::other(error)))?;
        let sender = self.connected().await?;
        let sent = Instant::now();
        let response = sender.send_request(request).await?;
        let received = Instant::now();
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
        let body = body.map_err(|_| Failed::Strange(status))?.to_bytes();
        if status.is_success() {
            let answer = serde_json::from_slice(&body).map_err(|_| Failed::Strange(status))?;
            return Ok(Answered { answer, sent, received });
        }
        Err(serde_json::from_slice(&body).map_or(Failed::Strange(status), Failed::Refused))
    }

    async fn connected(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, Failed> {
        let kept = match self.sender.take() {
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let sender = match kept {
            Some(sender) => sender,
            None => {
                let stream = TcpStream::connect(&self.leader).await.map_err(Failed::Connect)?;
                stream.set_nodelay(true).map_err(Failed::Connect)?;
                let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
                self.connection.abort_all();
                while self.connection.try_join_next().is_some() {}
                self.connection.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "The connection to the leader ended.");
                    }
                });
                sender
            }
        };
        Ok(self.sender.insert(sender))
    }
}
