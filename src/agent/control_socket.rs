//! A Unix socket by which people on the same machine steer a run: `rampd run --control-socket FILE`, `rampd ctl`.
//! Only the user who started the run may open the file; nothing is reached over the network.
//!
//! A connection is one [`Request`] and one [`Response`], each a line of JSON.

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
    time::timeout,
};

use crate::agent::steering::{Action, Steering};

/// Longest request; a scenario's name is the only part without a bound of its own.
const REQUEST_BYTES: u64 = 4096;
/// Clients at one time; more wait in the kernel's backlog.
const CLIENTS: usize = 16;
/// For a client to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// So many VUs for a scenario.
    Scale {
        /// Its name; may be left out if there is one that can be meant.
        #[serde(default)]
        scenario: Option<String>,
        /// At most its `maxVUs`, or the most that its plan has.
        vus: u32,
    },
    /// So many iterations a second for a scenario with an arrival rate.
    Rate {
        /// Its name; may be left out if there is one that can be meant.
        #[serde(default)]
        scenario: Option<String>,
        /// How many.
        #[serde(rename = "perSecond")]
        per_second: f64,
    },
    /// Nothing new begins.
    Pause {},
    /// It goes on.
    Resume {},
    /// The load ends in order.
    Stop {},
}

impl From<Request> for Action {
    fn from(request: Request) -> Self {
        match request {
            Request::Scale { scenario, vus } => Self::SetVus { scenario, vus },
            Request::Rate { scenario, per_second } => Self::SetRate { scenario, per_second },
            Request::Pause {} => Self::Pause,
            Request::Resume {} => Self::Resume,
            Request::Stop {} => Self::Stop,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Response {
    /// It has happened.
    Done,
    /// Why not.
    Refused(String),
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the control socket {path}: {source}; choose another path in --control-socket FILE")]
pub struct Error {
    /// As given.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// A listening socket; its file goes with it.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Makes the file. One that is there already is left alone: another run may listen there.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn bind(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error { path: path.to_path_buf(), source };
        let listener = UnixListener::bind(path).map_err(failed)?;
        let socket = Self { listener, path: path.to_path_buf() };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(socket)
    }

    /// Answers clients, for ever.
    pub async fn serve(self, steering: Steering) {
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = clients.join_next(), if !clients.is_empty() => {}
                accepted = self.listener.accept(), if clients.len() < CLIENTS => match accepted {
                    Ok((stream, _)) => {
                        clients.spawn(answer(stream, steering.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "Cannot accept a client of the control socket.");
                        tokio::time::sleep(PATIENCE).await;
                    }
                },
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "The control socket's file cannot be removed.");
        }
    }
}

async fn answer(mut stream: UnixStream, steering: Steering) {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(REQUEST_BYTES));
    let response = match timeout(PATIENCE, reader.read_line(&mut line)).await {
        Err(_) => Response::Refused(format!("no request within {PATIENCE:?}")),
        Ok(Err(error)) => Response::Refused(error.to_string()),
        Ok(Ok(_)) => match serde_json::from_str(&line) {
            Err(error) => Response::Refused(format!("no request: {error}")),
            Ok(request) => match steering.order(Request::into(request)).await {
                Ok(()) => Response::Done,
                Err(error) => Response::Refused(error.to_string()),
            },
        },
    };
    let mut line = serde_json::json!(response).to_string();
    line.push('\n');
    // Who asked may have gone.
    let _unheard = timeout(PATIENCE, write.write_all(line.as_bytes())).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::steering;

    async fn ask(request: &[u8]) -> String {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (steering, orders) = steering::channel();
        drop(orders);
        let (mut read, mut write) = theirs.into_split();
        let mut response = String::new();
        let asking = async {
            write.write_all(request).await.unwrap();
            read.read_to_string(&mut response).await.unwrap();
        };
        tokio::join!(answer(ours, steering), asking);
        response
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused_with_a_reason() {
        assert!(
            ask(b"{\"jump\":{}}\n").await.contains("unknown variant `jump`, expected one of `scale`, `rate`, `pause`")
        );
        assert!(ask(b"{\"stop\":{\"now\":1}}\n").await.contains("unknown field `now`"));
        assert!(ask(b"{\"scale\":{\"scenario\":\"a\",\"vus\":-1}}\n").await.contains("refused"));
        assert!(
            ask(&[b'x'; REQUEST_BYTES as usize]).await.contains("no request"),
            "a line without an end is read to its bound only"
        );
        let late = ask(b"{\"scale\":{\"scenario\":\"a\",\"vus\":1}}\n").await;
        assert_eq!(late, "{\"refused\":\"no run is going on\"}\n");
    }

    #[tokio::test]
    async fn the_file_is_for_its_owner_only_and_goes_with_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let socket = ControlSocket::bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let message = ControlSocket::bind(&path).unwrap_err().to_string();
        assert!(message.contains("choose another path"), "{message}");
        drop(socket);
        assert!(!path.exists());
    }
}
