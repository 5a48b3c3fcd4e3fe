//! Two people changed one cluster: what differs, and one's changes on top of the other's.

use model::draft::ClusterDraft;

use super::Base;

/// An input whose value differs between the form and the stored cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Name of the input.
    pub input: &'static str,
    pub theirs: String,
    pub mine: String,
    /// I changed it: it wins when the form is laid on top.
    pub by_me: bool,
    /// They changed it too.
    pub by_them: bool,
}

/// Returns where the form and what is stored now differ. `base` is what both began with.
pub fn differences(base: &Base, mine: &ClusterDraft, theirs: &ClusterDraft) -> Vec<Difference> {
    let values = |form: &ClusterDraft| texts(form);
    let rows = values(&base.form)
        .into_iter()
        .zip(values(mine))
        .zip(values(theirs));
    rows.filter(|((_, (_, mine)), (_, theirs))| mine != theirs)
        .map(|(((input, base), (_, mine)), (_, theirs))| Difference {
            input,
            by_me: mine != base,
            by_them: theirs != base,
            theirs,
            mine,
        })
        .collect()
}

/// Returns `theirs` with the inputs that I changed.
pub(super) fn on_top(base: &Base, mine: ClusterDraft, theirs: &ClusterDraft) -> ClusterDraft {
    let base = &base.form;
    let pick = |base: &str, mine: String, theirs: &str| {
        if normal(&mine) == normal(base) {
            theirs.to_owned()
        } else {
            mine
        }
    };
    ClusterDraft {
        title: pick(&base.title, mine.title, &theirs.title),
        bootstrap: pick(&base.bootstrap, mine.bootstrap, &theirs.bootstrap),
        security: pick(&base.security, mine.security, &theirs.security),
        ca_pem: pick(&base.ca_pem, mine.ca_pem, &theirs.ca_pem),
        skip_hostname: match mine.skip_hostname == base.skip_hostname {
            true => theirs.skip_hostname,
            false => mine.skip_hostname,
        },
        client_certificate: pick(
            &base.client_certificate,
            mine.client_certificate,
            &theirs.client_certificate,
        ),
        mechanism: pick(&base.mechanism, mine.mechanism, &theirs.mechanism),
        username: pick(&base.username, mine.username, &theirs.username),
        token_url: pick(&base.token_url, mine.token_url, &theirs.token_url),
        scope: pick(&base.scope, mine.scope, &theirs.scope),
        extensions: pick(&base.extensions, mine.extensions, &theirs.extensions),
        name: theirs.name.clone(),
    }
}

/// Texts by input, as they compare.
fn texts(form: &ClusterDraft) -> [(&'static str, String); 11] {
    let check = match form.skip_hostname {
        true => "not checked",
        false => "checked",
    };
    [
        ("title", normal(&form.title)),
        ("bootstrap", normal(&form.bootstrap)),
        ("security", normal(&form.security)),
        ("ca_pem", normal(&form.ca_pem)),
        ("skip_hostname", check.to_owned()),
        ("client_certificate", normal(&form.client_certificate)),
        ("mechanism", normal(&form.mechanism)),
        ("username", normal(&form.username)),
        ("token_url", normal(&form.token_url)),
        ("scope", normal(&form.scope)),
        ("extensions", normal(&form.extensions)),
    ]
}

/// Browsers post other line ends than they were given.
fn normal(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(title: &str, username: &str) -> ClusterDraft {
        ClusterDraft {
            name: "east".to_owned(),
            title: title.to_owned(),
            username: username.to_owned(),
            ..ClusterDraft::default()
        }
    }

    #[test]
    fn on_top_keeps_theirs_where_i_changed_nothing() {
        let base = Base {
            form: form("a", "u"),
            revision: 1,
        };
        let (mine, theirs) = (form("mine", "u"), form("theirs", "v"));
        let found = differences(&base, &mine, &theirs);
        let told: Vec<_> = found
            .iter()
            .map(|d| (d.input, d.by_me, d.by_them))
            .collect();
        assert_eq!(told, [("title", true, true), ("username", false, true)]);
        assert_eq!(on_top(&base, mine, &theirs), form("mine", "v"));
    }

    #[test]
    fn line_ends_are_no_difference() {
        let lines = |text: &str| ClusterDraft {
            bootstrap: text.to_owned(),
            ..ClusterDraft::default()
        };
        let base = Base {
            form: lines("a:1\nb:2"),
            revision: 1,
        };
        let mine = lines("a:1\r\nb:2\r\n");
        assert!(differences(&base, &mine, &base.form).is_empty());
        assert_eq!(on_top(&base, mine, &lines("c:3")), lines("c:3"));
    }
}
