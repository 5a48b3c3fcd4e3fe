//! Everything that workers are to do, as of one moment.

use crate::{
    Cluster, Decision, Link, Store, StoreError, clusters, database::Transaction, decisions, links,
    wake,
};

/// What is wanted at one wake revision.
#[derive(Debug)]
pub struct Intent {
    pub revision: i64,
    /// Links that were ever started, by name.
    pub links: Vec<LinkIntent>,
    /// Why some links are left out: their rows cannot be read. They must not keep the others from running.
    pub unreadable: Vec<StoreError>,
}

/// One link with all that belongs to it.
#[derive(Clone, Debug)]
pub struct LinkIntent {
    pub link: Link,
    pub source: Cluster,
    pub destination: Cluster,
    /// Oldest first.
    pub decisions: Vec<Decision>,
}

impl Store {
    /// Returns the intent of all started links, read in one snapshot.
    pub async fn intent(&self) -> Result<Intent, StoreError> {
        self.within(async {
            let mut transaction = self.snapshot().await?;
            let revision = wake::read(&mut transaction).await?;
            let mut intent = Intent {
                revision,
                links: Vec::new(),
                unreadable: Vec::new(),
            };
            for link in links::started(&mut transaction).await? {
                let whole = match link {
                    Ok(link) => complete(self, &mut transaction, link).await,
                    Err(error) => Err(error),
                };
                match whole {
                    Ok(link) => intent.links.push(link),
                    Err(error @ (StoreError::Corrupt { .. } | StoreError::Key(_))) => {
                        intent.unreadable.push(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(intent)
        })
        .await
    }
}

async fn complete(
    store: &Store,
    transaction: &mut Transaction,
    link: Link,
) -> Result<LinkIntent, StoreError> {
    let source = clusters::fetch(transaction, link.spec.source.as_str(), &store.key).await?;
    let destination =
        clusters::fetch(transaction, link.spec.destination.as_str(), &store.key).await?;
    let decisions = decisions::of_link(transaction, &link.id).await?;
    Ok(LinkIntent {
        link,
        source,
        destination,
        decisions,
    })
}

#[cfg(test)]
mod tests;
