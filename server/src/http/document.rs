//! The console's documents: pages made by Leptos, the files they load, and the page that stands while nothing else can.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

use app::{console::App, shell, shell::Assets};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use leptos::{config::LeptosOptions, nonce::use_nonce, prelude::use_context};
use leptos_axum::{AxumRouteListing, LeptosRoutes, ResponseOptions, generate_route_list};
use model::problem::Problem;
use sha2::{Digest, Sha256};
use tower_http::{compression::CompressionLayer, services::ServeDir};

use super::{Api, calls, gate, live};

/// The addresses of the pages. They are listed once, before anything is served: while Leptos lists them no page of the
/// process loads its view, and one that begins to load then never does.
static PAGES: LazyLock<Vec<AxumRouteListing>> = LazyLock::new(|| generate_route_list(App));

/// Returns the routes of the console. `site` is the folder with the browser's files.
pub fn routes(api: &Api, site: &Path) -> Router<Api> {
    let options = LeptosOptions::builder()
        .output_name("causeway")
        .site_root(site.to_string_lossy().into_owned())
        .build();
    let assets = assets_of(site);
    let document = move || shell::document(&assets);
    let pages = Router::new()
        .leptos_routes_with_context(&options, PAGES.clone(), secure_page, document)
        .route("/fn/{*name}", any(leptos_axum::handle_server_fns))
        .with_state(options)
        // Leptos gives each server function a route of its own among those of the pages.
        .layer(middleware::from_fn(calls::pass));
    let files = ServeDir::new(site).precompressed_br().precompressed_gzip();
    Router::new()
        .merge(pages)
        .layer(CompressionLayer::new())
        .route("/live", get(live::stream))
        .layer(middleware::from_fn_with_state(api.clone(), gate::enter))
        .nest_service(
            "/pkg",
            tower::ServiceBuilder::new()
                .layer(middleware::from_fn(keep_versions))
                .service(
                    ServeDir::new(site.join("pkg"))
                        .precompressed_br()
                        .precompressed_gzip(),
                ),
        )
        .route_service("/favicon.svg", files)
}

/// Gives a page its policy: scripts and styles of this console only, inline ones by the request's nonce.
fn secure_page() {
    let (Some(options), Some(nonce)) = (use_context::<ResponseOptions>(), use_nonce()) else {
        return;
    };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(value) = HeaderValue::from_str(&policy) {
        options.insert_header(header::CONTENT_SECURITY_POLICY, value);
    }
}

/// Lets browsers keep a file whose address names its version.
async fn keep_versions(request: Request, next: Next) -> Response {
    let versioned = request.uri().query().is_some_and(|q| q.starts_with("v="));
    let mut response = next.run(request).await;
    if response.status().is_success() {
        let rule = match versioned {
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        };
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static(rule));
    }
    response
}

fn assets_of(site: &Path) -> Assets {
    let address = |name: &str| {
        let path: PathBuf = site.join("pkg").join(name);
        let version = std::fs::read(&path).map(|bytes| {
            let digest = Sha256::digest(&bytes);
            digest[..6].iter().map(|b| format!("{b:02x}")).collect()
        });
        let version: String = version.unwrap_or_else(|error| {
            tracing::warn!(file = %path.display(), %error, "a file of the console is missing");
            String::new()
        });
        format!("/pkg/{name}?v={version}")
    };
    Assets {
        css: address("main.css"),
        js: address("causeway.js"),
        wasm: address("causeway_bg.wasm"),
    }
}

/// The page that stands while the control database does not answer.
pub fn unavailable(problem: &Problem) -> Response {
    const AGAIN: &str = "<p class=\"muted\">This page tries again every 5 s.</p>";
    let refresh = "<meta http-equiv=\"refresh\" content=\"5\">";
    let mut response = bare_page(problem, refresh, AGAIN);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// The page that answers a form while the control database does not: to load it again is to send the form again.
pub fn send_again(problem: &Problem) -> Response {
    const AGAIN: &str =
        "<p>What you typed is not lost: load this page again, and it is sent once more.</p>";
    bare_page(problem, "", AGAIN)
}

/// The page that answers what was not even looked at.
pub fn refused(problem: &Problem) -> Response {
    bare_page(problem, "", "<p><a href=\"/\">Go to Causeway</a></p>")
}

/// A page without the frame and without script, for when neither can be made; `head` and `foot` are HTML.
fn bare_page(problem: &Problem, head: &str, foot: &str) -> Response {
    let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let body = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">{head}\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{} · Causeway</title>\
         <link rel=\"stylesheet\" href=\"/pkg/main.css\"></head><body><main class=\"gate\"><h1>{}</h1><p>{}</p>\
         <p>{}</p>{foot}</main></body></html>",
        text(problem.title.trim_end_matches('.')),
        text(&problem.title),
        text(&problem.detail),
        text(problem.next_step.as_deref().unwrap_or_default()),
    );
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (status, headers, Body::from(body)).into_response()
}
