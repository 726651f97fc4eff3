//! An HTTP client beside the load: for an observed target's page, for questions to Prometheus, for marks
//! in Grafana. It is the load's own
//! client, so that addresses, TLS and proxies work alike, but its connections and bytes count for nobody.

pub mod bearer;
pub mod service;

use std::{rc::Rc, sync::Arc, time::Duration};

use crate::{
    catalogue::Family,
    clock::Instant,
    config::{profile::network::Network, template::Values},
    engine::instruments::network_slots,
    metrics::{
        recorder::Recorder,
        series::{Series, SeriesTable},
    },
    protocol::{
        connect::Connector,
        failure::request::RequestError,
        http::{Client, ConnectionSlots, Prepared, Response, Scratch, Surroundings},
        meter::Meter,
        tls::ClientConfigs,
        transport::Probe,
    },
    units::tags::Tags,
};

/// See the module. One request at a time, over a connection that is kept.
pub struct SideClient {
    client: Client,
    connector: Connector,
    recorder: Rc<Recorder>,
    scratch: Scratch,
    probe: Probe,
    slots: ConnectionSlots,
}

impl std::fmt::Debug for SideClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SideClient").finish_non_exhaustive()
    }
}

impl SideClient {
    /// Nothing is sent yet. Happy eyeballs may need two sockets at a time.
    #[must_use]
    pub fn new(tls: ClientConfigs, network: Arc<Network>) -> Self {
        // Nobody reads these: they are what a connection needs to be made.
        let mut table = SeriesTable::new(Tags::new(), &[]);
        let series = |family| Series { family, labels: Tags::new(), hidden: Tags::new(), always: false };
        let slots = ConnectionSlots {
            opened: table.counter(series(Family::HttpConnections)),
            open: table.gauge(series(Family::HttpOpen)),
            retries: table.counter(series(Family::HttpReqRetries)),
        };
        let (sent, received) = (table.counter(series(Family::DataSent)), table.counter(series(Family::DataReceived)));
        let read_lag = table.trend(series(Family::ReadLag));
        let meter = network_slots(&mut table);
        let recorder = Rc::new(Recorder::new(&Arc::new(table), Instant::now(), None));
        let meter = Meter::new(recorder.clone(), meter);
        Self {
            client: Client::default(),
            connector: Connector::new(tls, network, meter, 0, 2),
            probe: Probe { recorder: recorder.clone(), sent, received, read_lag, stamps: None },
            recorder,
            scratch: Scratch::default(),
            slots,
        }
    }

    /// Sends a request and reads its response; none within `limit`.
    ///
    /// # Errors
    /// There is no complete response.
    pub async fn send(&mut self, request: &Prepared, limit: Duration) -> Result<Option<&Response>, RequestError> {
        let probe = || self.probe.clone();
        let around = Surroundings {
            connector: &self.connector,
            recorder: &self.recorder,
            scratch: &self.scratch,
            probe: &probe,
            slots: self.slots,
            intended: None,
        };
        let values = Values::default();
        let answer = tokio::time::timeout(limit, self.client.send(request, &values, Instant::now(), &around)).await;
        match answer {
            Ok(answer) => answer.map(|()| Some(self.client.response())),
            Err(_) => {
                // What is left of the answer would be taken for the next one's.
                self.client = Client::default();
                Ok(None)
            }
        }
    }
}
