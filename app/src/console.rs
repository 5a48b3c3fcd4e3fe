//! The console's routes: which address shows which page.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{ParentRoute, Route, Router, Routes},
    path,
};

use crate::{components::frame::Frame, pages, visitor::Visitor};

/// The whole console.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    // Read by the server from the request, by the browser from the page.
    let visitor = SharedValue::new(visitor_of_request).into_inner();
    provide_context::<Visitor>(visitor);
    #[cfg(feature = "hydrate")]
    mark_hydrated();
    view! {
        <Title formatter=titled />
        <Router>
            <Routes fallback=pages::not_found::NotFound>
                <Route path=path!("/sign-in") view=pages::sign_in::SignInPage ssr=SsrMode::Async />
                <Route path=path!("/setup") view=pages::setup::SetupPage ssr=SsrMode::Async />
                <ParentRoute path=path!("") view=Frame ssr=SsrMode::Async>
                    <Route path=path!("") view=pages::overview::OverviewPage />
                    <Route path=path!("/links/new") view=pages::link_form::NewLinkPage />
                    <Route path=path!("/links/new/:draft/:step") view=pages::link_form::LinkFormPage />
                    <Route path=path!("/links") view=pages::links::LinksPage />
                    <Route path=path!("/links/:name/first") view=pages::first::FirstPage />
                    <Route path=path!("/links/:name/edit") view=pages::link_form::EditLinkPage />
                    <Route path=path!("/links/:name/edit/:draft/:step") view=pages::link_form::LinkFormPage />
                    <Route path=path!("/links/:name") view=pages::link::LinkOverviewPage />
                    <Route path=path!("/links/:name/topics") view=pages::link::LinkTopicsPage />
                    <Route path=path!("/links/:name/config") view=pages::link::LinkConfigPage />
                    <Route path=path!("/links/:name/findings") view=pages::link::LinkFindingsPage />
                    <Route path=path!("/links/:name/events") view=pages::link::LinkEventsPage />
                    <Route path=path!("/links/:name/delete") view=pages::link::DeleteLinkPage />
                    <Route path=path!("/search") view=pages::search::SearchPage />
                    <Route path=path!("/events") view=pages::events::EventsPage />
                    <Route path=path!("/clusters") view=pages::clusters::ClustersPage />
                    <Route path=path!("/clusters/new") view=pages::cluster_form::NewClusterPage />
                    <Route path=path!("/clusters/new/:draft") view=pages::cluster_form::ClusterFormPage />
                    <Route path=path!("/clusters/:name") view=pages::cluster::ClusterPage />
                    <Route path=path!("/clusters/:name/edit") view=pages::cluster_form::EditClusterPage />
                    <Route path=path!("/clusters/:name/edit/:draft") view=pages::cluster_form::ClusterFormPage />
                    <Route path=path!("/clusters/:name/remove") view=pages::cluster::RemoveClusterPage />
                    <Route path=path!("/account") view=pages::account::AccountPage />
                    <Route path=path!("*any") view=pages::not_found::NotFound />
                </ParentRoute>
            </Routes>
        </Router>
    }
}

/// Returns what a browser's tab says.
///
/// `leptos_meta` writes the title into the page without escaping it, and titles name what an address asks for.
fn titled(title: String) -> String {
    format!("{} · Causeway", title.replace(['<', '>'], ""))
}

#[cfg(feature = "ssr")]
fn visitor_of_request() -> Visitor {
    // The list of routes is made outside of any request.
    crate::caller::caller()
        .map(|caller| caller.visitor)
        .unwrap_or_default()
}

#[cfg(not(feature = "ssr"))]
fn visitor_of_request() -> Visitor {
    Visitor::default()
}

/// Tells tests and styles that events are listened to now.
#[cfg(feature = "hydrate")]
fn mark_hydrated() {
    Effect::new(|| {
        if let Some(body) = document().body() {
            let _ = body.set_attribute("data-hydrated", "true");
        }
    });
}
