//! Which broker a question goes to.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kafka_protocol::protocol::Request;

use super::shared::SharedConnection;
use super::{Broker, Client, Topics};
use crate::Error;

/// How long one broker may think about a question that any broker can answer before another is asked too.
const HEDGE: Duration = Duration::from_secs(2);

impl Client {
    /// Asks one broker. A question whose connection turned out to be closed is asked once more on a new one.
    pub(crate) async fn ask_broker<Req: Request>(
        &self,
        broker: i32,
        request: &Req,
        versions: RangeInclusive<i16>,
    ) -> Result<Req::Response, Error> {
        let shared = self.shared(self.address_of(broker).await?);
        let connection = shared.get(&self.inner.settings).await?;
        match connection.call(request, versions.clone()).await {
            Err(Error::Disconnected { .. } | Error::Closed { .. }) => {
                shared
                    .get(&self.inner.settings)
                    .await?
                    .call(request, versions)
                    .await
            }
            answer => answer,
        }
    }

    /// Asks the controller. `misdirected` tells whether an answer says that we asked somebody else (41); then the
    /// controller is looked up again, once.
    pub(crate) async fn ask_controller<Req: Request>(
        &self,
        request: &Req,
        versions: RangeInclusive<i16>,
        misdirected: fn(&Req::Response) -> bool,
    ) -> Result<Req::Response, Error> {
        let known = self.view().controller;
        let controller = match known {
            Some(controller) => Some(controller),
            None => self.metadata(Topics::None).await?.controller,
        };
        let Some(controller) = controller else {
            return self.ask_any(request, versions).await;
        };
        match self.ask_broker(controller, request, versions.clone()).await {
            Ok(answer) if !misdirected(&answer) => Ok(answer),
            Err(error) if !error.is_connection() => Err(error),
            _ => match self.metadata(Topics::None).await?.controller {
                Some(controller) => self.ask_broker(controller, request, versions).await,
                None => self.ask_any(request, versions).await,
            },
        }
    }

    /// Asks whichever broker answers: first one that we are connected to, and another as soon as that one fails or
    /// hesitates.
    pub(crate) async fn ask_any<Req: Request>(
        &self,
        request: &Req,
        versions: RangeInclusive<i16>,
    ) -> Result<Req::Response, Error> {
        let mut candidates = self.candidates().into_iter();
        let mut running = FuturesUnordered::new();
        let mut last = Error::Settings {
            what: "the cluster has no bootstrap address".to_owned(),
        };
        loop {
            let next = candidates.next();
            let exhausted = next.is_none();
            running.extend(next.map(|shared| self.ask_shared(shared, request, versions.clone())));
            if exhausted && running.is_empty() {
                return Err(last);
            }
            let hedge = if exhausted { Duration::MAX } else { HEDGE };
            match tokio::time::timeout(hedge, running.next()).await {
                Ok(Some(Ok(answer))) => return Ok(answer),
                Ok(Some(Err(error))) => last = error,
                Ok(None) | Err(_) => {}
            }
        }
    }

    async fn ask_shared<Req: Request>(
        &self,
        shared: Arc<SharedConnection>,
        request: &Req,
        versions: RangeInclusive<i16>,
    ) -> Result<Req::Response, Error> {
        shared
            .get(&self.inner.settings)
            .await?
            .call(request, versions)
            .await
    }

    /// Every address we know: those we are connected to first, the rest in random order.
    pub(super) fn candidates(&self) -> Vec<Arc<SharedConnection>> {
        let known: Vec<_> = self
            .view()
            .brokers
            .iter()
            .filter_map(Broker::address)
            .collect();
        let mut candidates: Vec<Arc<SharedConnection>> = Vec::new();
        for address in known
            .into_iter()
            .chain(self.inner.bootstrap.iter().cloned())
        {
            if candidates
                .iter()
                .all(|candidate| *candidate.address() != address)
            {
                candidates.push(self.shared(address));
            }
        }
        fastrand::shuffle(&mut candidates);
        candidates.sort_by_key(|candidate| !candidate.was_open());
        candidates
    }
}
