//! `--echo`: the same profile against another address.

use std::{net::SocketAddr, sync::Arc};

use crate::config::profile::{Profile, SocketStep, Step, Target, WebSocket, proxy::Except};

impl Profile {
    /// The profile with every WebSocket going to `address` over plain TCP; paths and queries stay.
    /// HTTP requests keep their targets: the embedded target speaks WebSocket only.
    #[must_use]
    pub fn redirected(&self, address: SocketAddr) -> Self {
        let mut profile = self.clone();
        profile.network.proxies.except.push(Except::address(address));
        for scenario in &mut profile.scenarios {
            let mut flow = scenario.flow.to_vec();
            steps(&mut flow, address);
            scenario.flow = Arc::from(flow);
        }
        profile
    }
}

fn steps(flow: &mut [Step], address: SocketAddr) {
    for step in flow {
        match step {
            Step::WebSocket(socket) => redirect(socket, address),
            Step::Repeat { steps: inner, .. } => steps(inner, address),
            Step::Http(_) | Step::Sleep(_) | Step::Do(_) => {}
        }
    }
}

fn inside(steps: &mut [SocketStep], address: SocketAddr) {
    for step in steps {
        match step {
            SocketStep::WebSocket(socket) => redirect(socket, address),
            SocketStep::Repeat { steps, .. } | SocketStep::Every { steps, .. } | SocketStep::On { steps, .. } => {
                inside(steps, address);
            }
            _ => {}
        }
    }
}

fn redirect(socket: &mut WebSocket, address: SocketAddr) {
    let default_name = socket.name == socket.url.display;
    let path = socket.url.path_and_query.source();
    let path = path.split('?').next().unwrap_or("/");
    socket.url = Target {
        secure: false,
        host: address.ip().to_string(),
        port: address.port(),
        path_and_query: socket.url.path_and_query.clone(),
        display: format!("ws://{address}{path}"),
    };
    if default_name {
        socket.name.clone_from(&socket.url.display);
    }
    inside(&mut socket.steps, address);
}
