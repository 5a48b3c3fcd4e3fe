//! The engine's ledger over SQL.

use model::finding::Finding;
use replication::{Decision, Desired, DesiredLink, Ledger, LedgerError, ledger::BoxFuture};
use store::{By, LinkIntent, NewEvent, Store, StoreError, Subject};

use crate::clock;

/// The name under which the engine's own events are recorded.
const ENGINE: &str = "causeway";

/// What the engine asks SQL for.
#[derive(Debug)]
pub struct SqlLedger {
    store: Store,
    installation: String,
}

impl SqlLedger {
    /// Opens the ledger of this installation.
    ///
    /// # Errors
    /// The store's, when the installation's id cannot be read or made.
    pub async fn open(store: Store) -> Result<Self, StoreError> {
        let installation = store.installation_id(clock::now_ms()).await?;
        Ok(Self {
            store,
            installation,
        })
    }
}

fn by() -> By<'static> {
    By {
        actor: ENGINE,
        now_ms: clock::now_ms(),
    }
}

fn failed(error: StoreError) -> LedgerError {
    LedgerError(error.to_string())
}

impl Ledger for SqlLedger {
    fn revision(&self) -> BoxFuture<'_, Result<i64, LedgerError>> {
        Box::pin(async { self.store.wake_revision().await.map_err(failed) })
    }

    fn desired(&self) -> BoxFuture<'_, Result<Desired, LedgerError>> {
        Box::pin(async {
            let intent = self.store.intent().await.map_err(failed)?;
            for error in &intent.unreadable {
                tracing::error!(%error, "a link is left out: its settings cannot be read");
            }
            Ok(Desired {
                revision: intent.revision,
                installation: self.installation.clone(),
                links: intent.links.into_iter().map(desired_link).collect(),
            })
        })
    }

    fn cluster_seen<'a>(
        &'a self,
        cluster: &'a str,
        cluster_id: &'a str,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            let noted = self.store.set_cluster_id(cluster, cluster_id, by()).await;
            noted.map(drop).map_err(failed)
        })
    }

    fn control_topic_made<'a>(
        &'a self,
        link_id: &'a str,
        topic_id: &'a str,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            let stands = self
                .store
                .set_control_topic_id(link_id, topic_id)
                .await
                .map_err(failed)?;
            if stands != topic_id {
                tracing::warn!(
                    link.id = link_id,
                    "another control topic id stands already: `{stands}`"
                );
            }
            Ok(())
        })
    }

    fn finding<'a>(
        &'a self,
        link_id: &'a str,
        finding: &'a Finding,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            self.store
                .save_finding(link_id, finding)
                .await
                .map_err(failed)
        })
    }

    fn event<'a>(
        &'a self,
        link_id: &'a str,
        kind: &'a str,
        text: &'a str,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            let subject = Subject::Link(link_id.to_owned());
            let event = NewEvent::new(subject, &format!("link.{kind}"), text);
            self.store.append_event(&event, by()).await.map_err(failed)
        })
    }
}

fn desired_link(intent: LinkIntent) -> DesiredLink {
    let decisions = intent.decisions.into_iter().map(|decision| Decision {
        finding_id: decision.finding_id,
        choice: decision.choice,
        by: decision.by,
        at_ms: decision.at_ms,
    });
    DesiredLink {
        id: intent.link.id,
        spec: intent.link.spec,
        phase: intent.link.phase,
        revision: intent.link.revision,
        source: intent.source.spec,
        destination: intent.destination.spec,
        source_cluster_id: intent.source.cluster_id,
        destination_cluster_id: intent.destination.cluster_id,
        control_topic_id: intent.link.control_topic_id,
        decisions: decisions.collect(),
    }
}
