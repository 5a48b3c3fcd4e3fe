//! Kafka clusters.

use model::{
    Name, Secret,
    cluster::{ClusterSpec, ClusterView, Sasl, SaslMechanism, SaslView, Tls},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{Row, any::AnyRow};

use crate::{
    By, Expect, Key, NewEvent, Page, PageQuery, Store, StoreError, Subject,
    database::Transaction,
    events,
    json::{self, Place},
    new_id,
};

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
            sasl: self.spec.sasl.as_ref().map(|sasl| SaslView {
                mechanism: sasl.mechanism,
                username: sasl.username.clone(),
                has_password: sasl.password.is_some(),
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
}

/// The column `spec`.
#[derive(Serialize, Deserialize)]
struct StoredSpec {
    title: String,
    bootstrap: Vec<String>,
    tls: Tls,
    sasl: Option<StoredSasl>,
}

#[derive(Serialize, Deserialize)]
struct StoredSasl {
    mechanism: SaslMechanism,
    username: String,
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

    /// Lists clusters by name.
    pub async fn clusters(&self, query: &PageQuery) -> Result<Page<Cluster>, StoreError> {
        self.within(async {
            let rows = sqlx::query(
                "SELECT id, name, spec, password, cluster_id, revision, created_at_ms, updated_at_ms \
                 FROM clusters WHERE name > $1 ORDER BY name LIMIT $2",
            )
            .bind(query.after_name())
            .bind(query.rows())
            .fetch_all(&self.pool)
            .await?;
            let items = rows.iter().map(|row| cluster(row, &self.key)).collect::<Result<_, _>>()?;
            Ok(Page::cut(items, query, |cluster: &Cluster| cluster.spec.name.to_string()))
        })
        .await
    }

    /// Changes a cluster. A sign-in without password keeps the stored one; a change that changes nothing keeps the
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

/// Returns the cluster after a change, with the stored password where the change has none.
fn changed(before: &Cluster, spec: &ClusterSpec, now_ms: i64) -> Cluster {
    let mut spec = spec.clone();
    if let Some(sasl) = &mut spec.sasl
        && sasl.password.is_none()
    {
        sasl.password = before.password().cloned();
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
    NewEvent {
        before: Some(json!(before.view())),
        after: Some(shown),
        ..told(after, "cluster.changed", "was changed")
    }
}

/// Returns the names of the links that use a cluster.
async fn users(transaction: &mut Transaction, name: &str) -> Result<Vec<String>, StoreError> {
    let rows =
        sqlx::query("SELECT name FROM links WHERE source = $1 OR destination = $1 ORDER BY name")
            .bind(name)
            .fetch_all(&mut **transaction)
            .await?;
    rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
}

/// Reads one cluster inside a transaction.
pub(crate) async fn fetch(
    transaction: &mut Transaction,
    name: &str,
    key: &Key,
) -> Result<Cluster, StoreError> {
    let row = sqlx::query(
        "SELECT id, name, spec, password, cluster_id, revision, created_at_ms, updated_at_ms \
         FROM clusters WHERE name = $1",
    )
    .bind(name)
    .fetch_optional(&mut **transaction)
    .await?;
    let row = row.ok_or_else(|| StoreError::NotFound {
        kind: KIND,
        name: name.to_owned(),
    })?;
    cluster(&row, key)
}

/// Checks at opening that the key is the one that sealed the secrets.
pub(crate) async fn check_key(store: &Store) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT id, password FROM clusters WHERE password IS NOT NULL LIMIT 1")
        .fetch_optional(&store.pool)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let (id, sealed): (String, String) = (row.try_get("id")?, row.try_get("password")?);
    Ok(store.key.check(&sealed, password_place(&id))?)
}

async fn insert(
    transaction: &mut Transaction,
    cluster: &Cluster,
    key: &Key,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO clusters (id, name, spec, password, revision, created_at_ms, updated_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (name) DO NOTHING",
    )
    .bind(&cluster.id)
    .bind(cluster.spec.name.as_str())
    .bind(stored_spec(&cluster.spec))
    .bind(sealed_password(cluster, key)?)
    .bind(cluster.revision)
    .bind(cluster.created_at_ms)
    .execute(&mut **transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Exists {
            kind: KIND,
            name: cluster.spec.name.to_string(),
        });
    }
    Ok(())
}

async fn save(
    transaction: &mut Transaction,
    cluster: &Cluster,
    key: &Key,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE clusters SET spec = $2, password = $3, revision = $4, updated_at_ms = $5 WHERE id = $1",
    )
    .bind(&cluster.id)
    .bind(stored_spec(&cluster.spec))
    .bind(sealed_password(cluster, key)?)
    .bind(cluster.revision)
    .bind(cluster.updated_at_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn password_place(id: &str) -> Place<'_> {
    Place {
        table: "clusters",
        id,
        column: "password",
    }
}

fn sealed_password(cluster: &Cluster, key: &Key) -> Result<Option<String>, StoreError> {
    let place = password_place(&cluster.id);
    Ok(cluster
        .password()
        .map(|password| key.seal(password, place))
        .transpose()?)
}

fn stored_spec(spec: &ClusterSpec) -> String {
    json::write(&StoredSpec {
        title: spec.title.clone(),
        bootstrap: spec.bootstrap.clone(),
        tls: spec.tls.clone(),
        sasl: spec.sasl.as_ref().map(|sasl| StoredSasl {
            mechanism: sasl.mechanism,
            username: sasl.username.clone(),
        }),
    })
}

fn cluster(row: &AnyRow, key: &Key) -> Result<Cluster, StoreError> {
    let id: String = row.try_get("id")?;
    let place = |column| Place {
        table: "clusters",
        id: &id,
        column,
    };
    let name: String = row.try_get("name")?;
    let name = Name::try_from(name).map_err(|_| place("name").corrupt("not a legal name"))?;
    let stored: StoredSpec = json::read(row.try_get("spec")?, place("spec"))?;
    let sealed: Option<String> = row.try_get("password")?;
    let password = sealed
        .map(|sealed| key.open(&sealed, password_place(&id)))
        .transpose()?;
    let spec = ClusterSpec {
        name,
        title: stored.title,
        bootstrap: stored.bootstrap,
        tls: stored.tls,
        sasl: stored.sasl.map(|sasl| Sasl {
            mechanism: sasl.mechanism,
            username: sasl.username,
            password,
        }),
    };
    Ok(Cluster {
        spec,
        cluster_id: row.try_get("cluster_id")?,
        revision: row.try_get("revision")?,
        created_at_ms: row.try_get("created_at_ms")?,
        updated_at_ms: row.try_get("updated_at_ms")?,
        id,
    })
}

#[cfg(test)]
mod tests;
