//! Kafka clusters.

use model::{
    Secret, certificate,
    cluster::{ClientCertificate, ClientCertificateView, ClusterSpec, ClusterView, SaslView},
};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::{By, Expect, NewEvent, Page, PageQuery, Store, StoreError, Subject, events, new_id};

mod row;

pub(crate) use row::{check_key, fetch};
use row::{cluster, fetch_row, insert, save, users, view};

const KIND: &str = "cluster";

/// A stored cluster, its password opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    pub id: String,
    pub spec: ClusterSpec,
    /// Kafka's own `cluster.id` as last seen.
    pub cluster_id: Option<String>,
    pub revision: i64,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

impl Cluster {
    /// Returns everything but the secrets.
    pub fn view(&self) -> ClusterView {
        ClusterView {
            id: self.id.clone(),
            name: self.spec.name.clone(),
            title: self.spec.title.clone(),
            bootstrap: self.spec.bootstrap.clone(),
            tls: self.spec.tls.clone(),
            client_certificate: self.spec.client_certificate.as_ref().map(shown),
            sasl: self.spec.sasl.as_ref().map(|sasl| SaslView {
                mechanism: sasl.mechanism,
                username: sasl.username.clone(),
                has_password: sasl.password.is_some(),
                oauth: sasl.oauth.clone(),
            }),
            cluster_id: self.cluster_id.clone(),
            revision: self.revision,
        }
    }

    fn password(&self) -> Option<&Secret> {
        self.spec
            .sasl
            .as_ref()
            .and_then(|sasl| sasl.password.as_ref())
    }

    fn client_key(&self) -> Option<&Secret> {
        self.spec
            .client_certificate
            .as_ref()
            .and_then(|shown| shown.key_pem.as_ref())
    }
}

fn shown(certificate: &ClientCertificate) -> ClientCertificateView {
    let facts = certificate::facts(&certificate.certificate_pem);
    ClientCertificateView {
        certificate_pem: certificate.certificate_pem.clone(),
        has_key: certificate.key_pem.is_some(),
        ends_at_ms: facts.as_ref().map(|facts| facts.ends_at_ms),
        subject: facts.map(|facts| facts.subject),
    }
}

impl Store {
    /// Stores a new cluster. Errors: `Exists`.
    pub async fn create_cluster(
        &self,
        spec: &ClusterSpec,
        by: By<'_>,
    ) -> Result<Cluster, StoreError> {
        self.within(async {
            let cluster = Cluster {
                id: new_id(by.now_ms),
                spec: spec.clone(),
                cluster_id: None,
                revision: 1,
                created_at_ms: by.now_ms,
                updated_at_ms: by.now_ms,
            };
            let mut transaction = self.change().await?;
            insert(&mut transaction, &cluster, &self.key).await?;
            let event = NewEvent {
                after: Some(json!(cluster.view())),
                ..told(&cluster, "cluster.created", "was connected")
            };
            events::append(&mut transaction, &event, by).await?;
            transaction.commit().await?;
            Ok(cluster)
        })
        .await
    }

    /// Returns a cluster. Errors: `NotFound`.
    pub async fn cluster(&self, name: &str) -> Result<Cluster, StoreError> {
        self.within(async {
            let mut transaction = self.snapshot().await?;
            fetch(&mut transaction, name, &self.key).await
        })
        .await
    }

    /// Returns what is shown of a cluster. Its password stays sealed. Errors: `NotFound`.
    pub async fn cluster_view(&self, name: &str) -> Result<ClusterView, StoreError> {
        self.within(async {
            let mut transaction = self.snapshot().await?;
            view(&fetch_row(&mut transaction, name).await?)
        })
        .await
    }

    /// Lists clusters by name, with their passwords.
    pub async fn clusters(&self, query: &PageQuery) -> Result<Page<Cluster>, StoreError> {
        let rows = self.cluster_rows(query).await?;
        let items = rows.iter().map(|row| cluster(row, &self.key));
        let items = items.collect::<Result<_, _>>()?;
        Ok(Page::cut(items, query, |cluster: &Cluster| {
            cluster.spec.name.to_string()
        }))
    }

    /// Lists what is shown of clusters, by name. Their passwords stay sealed.
    pub async fn cluster_views(&self, query: &PageQuery) -> Result<Page<ClusterView>, StoreError> {
        let rows = self.cluster_rows(query).await?;
        let items = rows.iter().map(view).collect::<Result<_, _>>()?;
        Ok(Page::cut(items, query, |cluster: &ClusterView| {
            cluster.name.to_string()
        }))
    }

    async fn cluster_rows(&self, query: &PageQuery) -> Result<Vec<AnyRow>, StoreError> {
        self.within(async {
            let rows = sqlx::query(
                "SELECT id, name, spec, password, client_key, cluster_id, revision, created_at_ms, updated_at_ms \
                 FROM clusters WHERE name > $1 ORDER BY name LIMIT $2",
            )
            .bind(query.after_name())
            .bind(query.rows())
            .fetch_all(&self.pool)
            .await?;
            Ok(rows)
        })
        .await
    }

    /// Changes a cluster. A sign-in without password, and a client certificate without key, keep the stored one; a change that changes nothing keeps the
    /// revision. Errors: `NotFound`, `Conflict`, `Immutable` (the name).
    pub async fn update_cluster(
        &self,
        name: &str,
        spec: &ClusterSpec,
        expect: Expect,
        by: By<'_>,
    ) -> Result<Cluster, StoreError> {
        self.within(async {
            let mut transaction = self.change().await?;
            let before = fetch(&mut transaction, name, &self.key).await?;
            expect.check(KIND, name, before.revision)?;
            if spec.name != before.spec.name {
                let name = name.to_owned();
                return Err(StoreError::Immutable {
                    kind: KIND,
                    name,
                    field: "name",
                    when: "",
                });
            }
            let after = changed(&before, spec, by.now_ms);
            if after.spec == before.spec {
                return Ok(before);
            }
            save(&mut transaction, &after, &self.key).await?;
            events::append(&mut transaction, &change_event(&before, &after), by).await?;
            transaction.commit().await?;
            Ok(after)
        })
        .await
    }

    /// Deletes a cluster. Errors: `NotFound`, `Conflict`, `InUse` naming the links.
    pub async fn delete_cluster(
        &self,
        name: &str,
        expect: Expect,
        by: By<'_>,
    ) -> Result<(), StoreError> {
        self.within(async {
            let mut transaction = self.change().await?;
            let before = fetch(&mut transaction, name, &self.key).await?;
            expect.check(KIND, name, before.revision)?;
            let links = users(&mut transaction, name).await?;
            if !links.is_empty() {
                return Err(StoreError::InUse {
                    cluster: name.to_owned(),
                    links,
                });
            }
            sqlx::query("DELETE FROM clusters WHERE id = $1")
                .bind(&before.id)
                .execute(&mut *transaction)
                .await?;
            let event = NewEvent {
                before: Some(json!(before.view())),
                ..told(&before, "cluster.deleted", "was removed")
            };
            events::append(&mut transaction, &event, by).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Notes Kafka's own `cluster.id` and returns the one noted before. This is an observation: it changes neither the
    /// revision nor the wake number. A different id than before is recorded as an event. Errors: `NotFound`.
    pub async fn set_cluster_id(
        &self,
        name: &str,
        cluster_id: &str,
        by: By<'_>,
    ) -> Result<Option<String>, StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            let before = fetch(&mut transaction, name, &self.key).await?;
            if before.cluster_id.as_deref() == Some(cluster_id) {
                return Ok(before.cluster_id);
            }
            sqlx::query("UPDATE clusters SET cluster_id = $2 WHERE id = $1")
                .bind(&before.id)
                .bind(cluster_id)
                .execute(&mut *transaction)
                .await?;
            let event = NewEvent {
                before: Some(json!({ "cluster_id": before.cluster_id })),
                after: Some(json!({ "cluster_id": cluster_id })),
                ..told(
                    &before,
                    "cluster.identified",
                    "answered with its cluster id",
                )
            };
            events::append(&mut transaction, &event, by).await?;
            transaction.commit().await?;
            Ok(before.cluster_id)
        })
        .await
    }
}

/// Returns the cluster after a change, with the stored secrets where the change has none.
fn changed(before: &Cluster, spec: &ClusterSpec, now_ms: i64) -> Cluster {
    let mut spec = spec.clone();
    if let Some(sasl) = &mut spec.sasl
        && sasl.password.is_none()
    {
        sasl.password = before.password().cloned();
    }
    if let Some(shown) = &mut spec.client_certificate
        && shown.key_pem.is_none()
    {
        shown.key_pem = before.client_key().cloned();
    }
    Cluster {
        spec,
        revision: before.revision + 1,
        updated_at_ms: now_ms,
        ..before.clone()
    }
}

fn told(cluster: &Cluster, kind: &str, verb: &str) -> NewEvent {
    let text = format!("Cluster {} {verb}.", cluster.spec.name);
    NewEvent::new(Subject::Cluster(cluster.id.clone()), kind, text)
}

fn change_event(before: &Cluster, after: &Cluster) -> NewEvent {
    let mut shown = json!(after.view());
    if before.password() != after.password()
        && let Some(sasl) = shown.get_mut("sasl").and_then(Value::as_object_mut)
    {
        sasl.insert("password".to_owned(), json!("changed"));
    }
    if before.client_key() != after.client_key()
        && let Some(certificate) = shown
            .get_mut("client_certificate")
            .and_then(Value::as_object_mut)
    {
        certificate.insert("key_pem".to_owned(), json!("changed"));
    }
    NewEvent {
        before: Some(json!(before.view())),
        after: Some(shown),
        ..told(after, "cluster.changed", "was changed")
    }
}

#[cfg(test)]
mod tests;
