//! Orders to one run on this machine, over the Unix socket of `rampd run --control-socket`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use crate::{
    agent::control_socket::{Request, Response},
    cli::ctl::{Order, client::Error, orders},
};

/// A run answers within 4 s, also that its workers do not.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn order(path: &Path, order: &Order) -> Result<(), Error> {
    let request = match order.clone() {
        Order::Scale { scenario, vus } => Request::Scale { scenario: Some(scenario), vus },
        Order::Rate { scenario, per_second } => Request::Rate { scenario: Some(scenario), per_second },
        Order::Pause(run) if run.is_current() => Request::Pause {},
        Order::Resume(run) if run.is_current() => Request::Resume {},
        Order::Stop(run) if run.is_current() => Request::Stop {},
        Order::Pause(orders::Run { .. })
        | Order::Resume(_)
        | Order::Stop(_)
        | Order::Status
        | Order::Watch
        | Order::Start(_)
        | Order::History(_)
        | Order::Report(_) => return Err(Error::NotBySocket),
    };
    let mut stream = UnixStream::connect(path).map_err(|source| Error::Connect { path: path.to_path_buf(), source })?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(Error::Silent)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(Error::Silent)?;
    writeln!(stream, "{}", serde_json::json!(request)).map_err(Error::Silent)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(Error::Silent)?;
    match serde_json::from_str(&line).map_err(Error::Foreign)? {
        Response::Done => Ok(()),
        Response::Refused(reason) => Err(Error::Refused(reason)),
    }
}
