//! The inputs of a cluster's form. Those that a choice makes needless are hidden by style sheet, and posted all the same.

use leptos::prelude::*;
use model::{draft::error_for, problem::FieldError};

use super::ClusterFormView;
use crate::components::field::{AreaField, CheckField, Choice, SelectField, TextField};

/// All inputs.
#[component]
pub fn Fields(view: ClusterFormView) -> impl IntoView {
    let faults = view.faults.clone();
    let of = move |input: &str| fault(&faults, input);
    let is_new = view.subject.is_none();
    let form = view.form.clone();
    let name = is_new.then(|| {
        view! {
            <TextField
                name="name"
                label="Name"
                hint="Lower-case letters, digits and -. It cannot be changed later."
                value=form.name.clone()
                placeholder="east"
                required=true
                mono=true
                error=of("name")
            />
        }
    });
    view! {
        <div class="pair">
            {name}
            <TextField
                name="title"
                label="Title"
                hint="What people call it, if you like."
                value=form.title
                error=of("title")
            />
        </div>
        <AreaField
            name="bootstrap"
            label="Bootstrap addresses"
            hint="host:port of one broker or more, between commas, spaces or line ends."
            value=form.bootstrap
            rows=3
            placeholder="kafka-1:9092"
            error=of("bootstrap")
        />
        <SelectField
            name="security"
            label="Encryption"
            value=form.security
            choices=Choice::list(&[
                ("none", "None"),
                ("tls_system", "TLS, authorities of the operating system"),
                ("tls_ca", "TLS, own certificate authority"),
            ])
            error=of("security")
        />
        <div class="only-ca">
            <AreaField
                name="ca_pem"
                label="Certificates of the authority"
                hint="One or more, in PEM."
                value=form.ca_pem
                rows=6
                placeholder="-----BEGIN CERTIFICATE-----"
                error=of("ca_pem")
            />
        </div>
        <div class="only-tls">
            <CheckField
                name="skip_hostname"
                label="Do not check host names"
                hint="A last resort: it lets whoever holds a certificate of this authority pose as a broker."
                checked=form.skip_hostname
            />
            <AreaField
                name="client_certificate"
                label="Client certificate"
                hint="Only where brokers ask for one: the certificate and those between it and its authority, in PEM."
                value=form.client_certificate
                rows=4
                placeholder="-----BEGIN CERTIFICATE-----"
                error=of("client_certificate")
            />
            <ClientKey has_key=view.has_client_key error=of("client_key") />
        </div>
        <SelectField
            name="mechanism"
            label="Sign-in"
            value=form.mechanism
            choices=Choice::list(&[
                ("", "None"),
                ("SCRAM-SHA-512", "SCRAM-SHA-512"),
                ("SCRAM-SHA-256", "SCRAM-SHA-256"),
                ("PLAIN", "PLAIN"),
                ("OAUTHBEARER", "OAUTHBEARER"),
            ])
            error=of("mechanism")
        />
        <div class="pair only-sasl">
            <TextField
                name="username"
                label="User"
                hint="With OAUTHBEARER the client's id; its secret is the password."
                value=form.username
                error=of("username")
            />
            <Password has_password=view.has_password error=of("password") />
        </div>
        <div class="only-oauth">
            <TextField
                name="token_url"
                label="Token endpoint"
                hint="Its host must be in this server's setting token_hosts."
                value=form.token_url
                placeholder="https://login.example.com/oauth2/token"
                mono=true
                error=of("token_url")
            />
            <TextField
                name="scope"
                label="Scope"
                hint="Several with spaces between; empty for the endpoint's own."
                value=form.scope
                error=of("scope")
            />
            <AreaField
                name="extensions"
                label="Extensions"
                hint="Sent to the broker beside the token, one name=value a line; most brokers need none."
                value=form.extensions
                rows=2
                error=of("extensions")
            />
        </div>
    }
}

/// A password goes in and never comes out.
#[component]
fn Password(has_password: bool, error: Signal<Option<String>>) -> impl IntoView {
    let (label, hint) = match has_password {
        true => (
            "Password (stored)",
            "Stored and never shown. Leave this empty to keep it, or type to replace it.",
        ),
        false => ("Password", "Stored encrypted, never shown again."),
    };
    view! {
        <TextField
            name="password"
            label=label
            hint=hint
            kind="password"
            autocomplete="new-password"
            error=error
        />
    }
}

/// A private key goes in and never comes out.
#[component]
fn ClientKey(has_key: bool, error: Signal<Option<String>>) -> impl IntoView {
    let (label, hint) = match has_key {
        true => (
            "Its private key (stored)",
            "Stored and never shown. Leave this empty to keep it, or paste to replace it.",
        ),
        false => (
            "Its private key",
            "In PEM, not encrypted. Stored encrypted, never shown again.",
        ),
    };
    view! {
        <AreaField
            name="client_key"
            label=label
            hint=hint
            value=String::new()
            rows=4
            placeholder="-----BEGIN PRIVATE KEY-----"
            error=error
        />
    }
}

fn fault(faults: &[FieldError], input: &str) -> Signal<Option<String>> {
    Signal::stored(error_for(faults, input).map(str::to_owned))
}
