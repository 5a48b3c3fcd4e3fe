//! What `/clusters` shows.

use model::{
    cluster::{ClientCertificateView, ClusterView, Reach, Reachability, SaslView, Tls},
    draft::ClusterDraft,
    format::{self, grouped},
    problem::Problem,
    saved_draft::DraftKind,
    status::{LinkStatus, State},
};
use store::{Link, PageQuery};

use super::{
    CertificateEnd, ClusterCard, ClustersPageView, ClustersView, DraftLine, LinkOfCluster,
};
use crate::{
    Context,
    access::{Action, Actor, Resource, missing_role},
    api::{self, accounts::Person, cluster_forms},
    components::ladder::LadderView,
};

/// Most clusters on the page, and most drafts.
const MOST: u32 = 500;
const MOST_DRAFTS: usize = 5;

/// Returns what the page shows at first.
pub async fn page(context: &Context, person: &Person) -> Result<ClustersPageView, Problem> {
    Ok(ClustersPageView {
        view: view(context, &person.actor).await?,
        drafts: drafts(context, person).await?,
    })
}

/// Returns what the page shows and renews.
pub async fn view(context: &Context, actor: &Actor) -> Result<ClustersView, Problem> {
    let clusters = api::clusters::list(context, actor, &PageQuery::first(MOST)).await?;
    let links = links(context, actor).await?;
    let card = |cluster: ClusterView| (cluster.name.to_string(), card(context, &cluster, &links));
    let clusters: std::collections::BTreeMap<_, _> = clusters.items.into_iter().map(card).collect();
    Ok(ClustersView {
        order: clusters.keys().cloned().collect(),
        clusters,
    })
}

/// Returns what is shown of one cluster.
pub fn card(context: &Context, cluster: &ClusterView, links: &[LinkEnds]) -> ClusterCard {
    let test = context.ladders.last(&cluster.id);
    let reach = context.engine.reachability(cluster.name.as_str());
    let (version, certificate) = told(reach.as_ref(), context.now_ms);
    let warnings = ClusterDraft::of(cluster).warnings().into_iter();
    let shown = cluster.client_certificate.as_ref();
    let ending = shown.and_then(|shown| ending(shown, context.now_ms));
    ClusterCard {
        name: cluster.name.to_string(),
        title: cluster.title.clone(),
        bootstrap: cluster.bootstrap.clone(),
        security: security(&cluster.tls, cluster.sasl.as_ref()),
        client_certificate: shown.map(client_certificate).unwrap_or_default(),
        warnings: warnings
            .map(|warning| warning.message)
            .chain(ending)
            .collect(),
        cluster_id: cluster.cluster_id.clone(),
        links: links_of(cluster.name.as_str(), links),
        version,
        certificate,
        reach,
        test: test.map(|seen| LadderView::of(seen, cluster.revision, context.now_ms)),
        revision: cluster.revision,
    }
}

/// Returns what the brokers told of their release and certificate.
fn told(reach: Option<&Reachability>, now_ms: i64) -> (String, Option<CertificateEnd>) {
    let Some(Reach::Reachable {
        release,
        certificate_ends_ms,
        ..
    }) = reach.map(|reach| &reach.answer)
    else {
        return (String::new(), None);
    };
    let version = release.as_ref().map(|release| format!("Kafka {release}"));
    let certificate = certificate_ends_ms.map(|at_ms| certificate_end(at_ms, now_ms));
    (version.unwrap_or_default(), certificate)
}

/// A certificate that ends within two weeks is worth a warning (UX 4j).
fn certificate_end(at_ms: i64, now_ms: i64) -> CertificateEnd {
    const DAY_MS: i64 = 24 * 3_600_000;
    const SOON_DAYS: i64 = 14;
    let days = (at_ms - now_ms).div_euclid(DAY_MS);
    CertificateEnd {
        at_ms,
        words: match days {
            ..0 => "It has ended: renew it.".to_owned(),
            0 => "It ends today: renew it.".to_owned(),
            1 => "1 more day: renew it.".to_owned(),
            2..SOON_DAYS => format!("{days} more days: renew it."),
            days => format!("{} more days", grouped(days)),
        },
        soon: days < SOON_DAYS,
    }
}

/// How long before its end a certificate is worth a warning: 14 days.
const SOON_MS: i64 = 14 * 86_400_000;

/// Says whose a client certificate is and when it ends.
fn client_certificate(shown: &ClientCertificateView) -> String {
    match (&shown.subject, shown.ends_at_ms) {
        (Some(subject), Some(ends)) => {
            let ends = format::moment(ends);
            format!("Client certificate `{subject}`, good until {ends}.")
        }
        _ => "A client certificate that cannot be read here.".to_owned(),
    }
}

fn ending(shown: &ClientCertificateView, now_ms: i64) -> Option<String> {
    let left = shown.ends_at_ms? - now_ms;
    match left {
        ..=0 => Some("The client certificate has ended: replace it, brokers refuse it.".to_owned()),
        _ if left <= SOON_MS => {
            let left = format::span(left);
            Some(format!(
                "The client certificate ends in {left}: replace it before."
            ))
        }
        _ => None,
    }
}

/// What cards tell of a link.
#[derive(Debug)]
pub struct LinkEnds {
    name: String,
    source: String,
    destination: String,
    state: State,
}

/// Returns all links as far as cards tell of them.
pub async fn links(context: &Context, actor: &Actor) -> Result<Vec<LinkEnds>, Problem> {
    let ends = |link: &Link, status: &LinkStatus| LinkEnds {
        name: status.link.clone(),
        source: link.spec.source.to_string(),
        destination: link.spec.destination.to_string(),
        state: status.state,
    };
    api::status::with_all(context, actor, ends).await
}

fn links_of(cluster: &str, links: &[LinkEnds]) -> Vec<LinkOfCluster> {
    let role = |link: &LinkEnds| match () {
        () if link.source == cluster => Some("source"),
        () if link.destination == cluster => Some("destination"),
        () => None,
    };
    let used = links.iter().filter_map(|link| {
        Some(LinkOfCluster {
            name: link.name.clone(),
            role: role(link)?.to_owned(),
            state: link.state,
        })
    });
    used.collect()
}

/// Says in words how a cluster is reached: "TLS, own CA, SCRAM-SHA-512 as `causeway`".
pub fn security(tls: &Tls, sasl: Option<&SaslView>) -> String {
    let (mut parts, checked) = match tls {
        Tls::Off => (vec!["no TLS".to_owned()], true),
        Tls::System { verify_hostname } => (vec!["TLS".to_owned()], *verify_hostname),
        Tls::Ca {
            verify_hostname, ..
        } => (
            vec!["TLS".to_owned(), "own CA".to_owned()],
            *verify_hostname,
        ),
    };
    if !checked {
        parts.push("host names not checked".to_owned());
    }
    parts.push(match sasl {
        Some(sasl) => format!("{} as `{}`", sasl.mechanism.as_str(), sasl.username),
        None => "no sign-in".to_owned(),
    });
    let text = parts.join(", ");
    match text.strip_prefix("no ") {
        Some(rest) => format!("No {rest}"),
        None => text,
    }
}

async fn drafts(context: &Context, person: &Person) -> Result<Vec<DraftLine>, Problem> {
    let mut lines = Vec::new();
    for kind in [DraftKind::Cluster, DraftKind::ClusterEdit] {
        if missing_role(&person.actor, Action::Read, Resource::Drafts(kind)).is_some() {
            continue;
        }
        let known = cluster_forms::unfinished(context, person, kind).await?;
        lines.extend(known.into_iter().take(MOST_DRAFTS).map(|draft| DraftLine {
            id: draft.id,
            path: draft.path,
            is_edit: draft.is_edit,
            name: draft.form.name,
            updated_at_ms: draft.updated_at_ms,
        }));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::cluster::SaslMechanism;

    #[test]
    fn a_certificate_that_ends_within_two_weeks_is_worth_a_warning() {
        const DAY_MS: i64 = 24 * 3_600_000;
        let now_ms = 1_000 * DAY_MS;
        for (days, words, soon) in [
            (400, "400 more days", false),
            (14, "14 more days", false),
            (13, "13 more days: renew it.", true),
            (1, "1 more day: renew it.", true),
            (0, "It ends today: renew it.", true),
            (-1, "It has ended: renew it.", true),
        ] {
            let end = certificate_end(now_ms + days * DAY_MS + 5, now_ms);
            assert_eq!((end.words.as_str(), end.soon), (words, soon));
        }
    }

    #[test]
    fn a_client_certificate_is_told_with_its_end_and_warned_of_before() {
        let now = 1_700_000_000_000;
        let day = 86_400_000;
        let shown = |days: i64| ClientCertificateView {
            certificate_pem: String::new(),
            has_key: true,
            subject: Some("CN=causeway".to_owned()),
            ends_at_ms: Some(now + days * day),
        };
        assert!(client_certificate(&shown(100)).contains("`CN=causeway`, good until 2024-02-22"));
        assert_eq!(ending(&shown(15), now), None);
        assert!(ending(&shown(13), now).unwrap().contains("ends in 13"));
        assert!(ending(&shown(-1), now).unwrap().contains("has ended"));
    }

    #[test]
    fn security_is_told_in_words() {
        let sasl = SaslView {
            mechanism: SaslMechanism::ScramSha512,
            username: "causeway".to_owned(),
            has_password: true,
            oauth: None,
        };
        let own = |verify_hostname| Tls::Ca {
            ca_pem: String::new(),
            verify_hostname,
        };
        let table = [
            (Tls::Off, None, "No TLS, no sign-in"),
            (
                own(true),
                Some(&sasl),
                "TLS, own CA, SCRAM-SHA-512 as `causeway`",
            ),
            (
                own(false),
                None,
                "TLS, own CA, host names not checked, no sign-in",
            ),
        ];
        for (tls, sasl, text) in table {
            assert_eq!(security(&tls, sasl), text);
        }
    }
}
