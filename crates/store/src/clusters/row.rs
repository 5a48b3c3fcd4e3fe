//! Clusters as rows, their passwords and keys sealed.

use model::{
    Name, Secret,
    cluster::{ClientCertificate, ClusterSpec, ClusterView, OAuth, Sasl, SaslMechanism, Tls},
};
use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use super::{Cluster, KIND};
use crate::{
    Key, Store, StoreError,
    database::Transaction,
    json::{self, Place},
};

/// Columns that hold sealed secrets.
const PASSWORD: &str = "password";
const CLIENT_KEY: &str = "client_key";
const SECRETS: [&str; 2] = [PASSWORD, CLIENT_KEY];

/// The column `spec`.
#[derive(Serialize, Deserialize)]
struct StoredSpec {
    title: String,
    bootstrap: Vec<String>,
    tls: Tls,
    /// PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_certificate: Option<String>,
    sasl: Option<StoredSasl>,
}

#[derive(Serialize, Deserialize)]
struct StoredSasl {
    mechanism: SaslMechanism,
    username: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oauth: Option<OAuth>,
}

/// Returns the names of the links that use a cluster.
pub(super) async fn users(
    transaction: &mut Transaction,
    name: &str,
) -> Result<Vec<String>, StoreError> {
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
    cluster(&fetch_row(transaction, name).await?, key)
}

pub(super) async fn fetch_row(
    transaction: &mut Transaction,
    name: &str,
) -> Result<AnyRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, name, spec, password, client_key, cluster_id, revision, created_at_ms, updated_at_ms \
         FROM clusters WHERE name = $1",
    )
    .bind(name)
    .fetch_optional(&mut **transaction)
    .await?;
    row.ok_or_else(|| StoreError::NotFound {
        kind: KIND,
        name: name.to_owned(),
    })
}

/// Checks at opening that the key is the one that sealed the secrets.
pub(crate) async fn check_key(store: &Store) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT id, password, client_key FROM clusters WHERE password IS NOT NULL OR client_key IS NOT NULL LIMIT 1",
    )
    .fetch_optional(&store.pool)
    .await?;
    let Some(row) = row else { return Ok(()) };
    let id: String = row.try_get("id")?;
    for column in SECRETS {
        let sealed: Option<String> = row.try_get(column)?;
        if let Some(sealed) = sealed {
            store.key.check(&sealed, place(&id, column))?;
        }
    }
    Ok(())
}

pub(super) async fn insert(
    transaction: &mut Transaction,
    cluster: &Cluster,
    key: &Key,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO clusters (id, name, spec, password, client_key, revision, created_at_ms, updated_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (name) DO NOTHING",
    )
    .bind(&cluster.id)
    .bind(cluster.spec.name.as_str())
    .bind(stored_spec(&cluster.spec))
    .bind(sealed(cluster, PASSWORD, key)?)
    .bind(sealed(cluster, CLIENT_KEY, key)?)
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

pub(super) async fn save(
    transaction: &mut Transaction,
    cluster: &Cluster,
    key: &Key,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE clusters SET spec = $2, password = $3, client_key = $4, revision = $5, updated_at_ms = $6 WHERE id = $1",
    )
    .bind(&cluster.id)
    .bind(stored_spec(&cluster.spec))
    .bind(sealed(cluster, PASSWORD, key)?)
    .bind(sealed(cluster, CLIENT_KEY, key)?)
    .bind(cluster.revision)
    .bind(cluster.updated_at_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn place<'a>(id: &'a str, column: &'static str) -> Place<'a> {
    Place {
        table: "clusters",
        id,
        column,
    }
}

fn sealed(
    cluster: &Cluster,
    column: &'static str,
    key: &Key,
) -> Result<Option<String>, StoreError> {
    let secret = match column {
        PASSWORD => cluster.password(),
        _ => cluster.client_key(),
    };
    let place = place(&cluster.id, column);
    Ok(secret.map(|secret| key.seal(secret, place)).transpose()?)
}

fn stored_spec(spec: &ClusterSpec) -> String {
    json::write(&StoredSpec {
        title: spec.title.clone(),
        bootstrap: spec.bootstrap.clone(),
        tls: spec.tls.clone(),
        client_certificate: spec
            .client_certificate
            .as_ref()
            .map(|shown| shown.certificate_pem.clone()),
        sasl: spec.sasl.as_ref().map(|sasl| StoredSasl {
            mechanism: sasl.mechanism,
            username: sasl.username.clone(),
            oauth: sasl.oauth.clone(),
        }),
    })
}

pub(super) fn cluster(row: &AnyRow, key: &Key) -> Result<Cluster, StoreError> {
    let mut cluster = unopened(row)?;
    let id = cluster.id.clone();
    let open = |column| -> Result<Option<Secret>, StoreError> {
        let sealed: Option<String> = row.try_get(column)?;
        let secret = sealed.map(|sealed| key.open(&sealed, place(&id, column)));
        Ok(secret.transpose()?)
    };
    if let Some(sasl) = &mut cluster.spec.sasl {
        sasl.password = open(PASSWORD)?;
    }
    if let Some(shown) = &mut cluster.spec.client_certificate {
        shown.key_pem = open(CLIENT_KEY)?;
    }
    Ok(cluster)
}

/// Reads what is shown of a cluster; its secrets stay sealed.
pub(super) fn view(row: &AnyRow) -> Result<ClusterView, StoreError> {
    let mut view = unopened(row)?.view();
    let is_sealed = |column| -> Result<bool, StoreError> {
        let sealed: Option<String> = row.try_get(column)?;
        Ok(sealed.is_some())
    };
    if let Some(sasl) = &mut view.sasl {
        sasl.has_password = is_sealed(PASSWORD)?;
    }
    if let Some(shown) = &mut view.client_certificate {
        shown.has_key = is_sealed(CLIENT_KEY)?;
    }
    Ok(view)
}

/// Reads a cluster without its secrets.
fn unopened(row: &AnyRow) -> Result<Cluster, StoreError> {
    let id: String = row.try_get("id")?;
    let place = |column| place(&id, column);
    let name: String = row.try_get("name")?;
    let name = Name::try_from(name).map_err(|_| place("name").corrupt("not a legal name"))?;
    let stored: StoredSpec = json::read(row.try_get("spec")?, place("spec"))?;
    let spec = ClusterSpec {
        name,
        title: stored.title,
        bootstrap: stored.bootstrap,
        tls: stored.tls,
        client_certificate: stored
            .client_certificate
            .map(|certificate_pem| ClientCertificate {
                certificate_pem,
                key_pem: None,
            }),
        sasl: stored.sasl.map(|sasl| Sasl {
            mechanism: sasl.mechanism,
            username: sasl.username,
            password: None,
            oauth: sasl.oauth,
        }),
    };
    let cluster = Cluster {
        spec,
        cluster_id: row.try_get("cluster_id")?,
        revision: row.try_get("revision")?,
        created_at_ms: row.try_get("created_at_ms")?,
        updated_at_ms: row.try_get("updated_at_ms")?,
        id,
    };
    Ok(cluster)
}
