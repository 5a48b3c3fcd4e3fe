//! How a page comes to its view: from the server function, on the server at once, in the browser by way of the page that
//! the server rendered or of a call.
//!
//! Whatever waits for a view is the same code for all pages: it knows no view's type. On the server a view stays the value
//! that it is, in the browser it stays text until it is shown.

use std::{convert::Infallible, fmt, future::Future, marker::PhantomData, pin::Pin, sync::Arc};

use leptos::{
    prelude::*,
    server::codee::{Decoder, Encoder},
    server_fn::ServerFn,
};
use serde::{Serialize, de::DeserializeOwned};

use super::overview::Failed;
use crate::{error::UiError, fns::call, live::View};

/// What a server function answered, of whatever type.
#[derive(Clone)]
struct Arrived(Result<Body, UiError>);

#[derive(Clone)]
enum Body {
    /// The view itself.
    #[cfg(not(feature = "hydrate"))]
    Value(Arc<dyn Value>),
    /// Its JSON.
    Text(Arc<str>),
}

/// A view whose type was left behind.
#[cfg(not(feature = "hydrate"))]
trait Value: std::any::Any + Send + Sync {
    fn json(&self) -> String;
}

#[cfg(not(feature = "hydrate"))]
impl<T: View> Value for T {
    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Arrived {
    /// Returns the view, which is of type `T`.
    fn view<T: View>(self) -> Result<T, UiError> {
        match self.0? {
            #[cfg(not(feature = "hydrate"))]
            Body::Value(value) => {
                let value: &dyn std::any::Any = &*value;
                let view = value.downcast_ref::<T>().cloned();
                Ok(view.expect("a page asks for the type that its function returns"))
            }
            Body::Text(text) => call::read(&text),
        }
    }
}

/// How views get from the server's page to the browser: their JSON behind a sign that tells views and errors apart.
struct Signed;

impl Encoder<Arrived> for Signed {
    type Error = Infallible;
    type Encoded = String;

    fn encode(arrived: &Arrived) -> Result<String, Infallible> {
        Ok(match &arrived.0 {
            #[cfg(not(feature = "hydrate"))]
            Ok(Body::Value(value)) => format!("+{}", value.json()),
            Ok(Body::Text(text)) => format!("+{text}"),
            Err(error) => format!("-{}", serde_json::to_string(error).unwrap_or_default()),
        })
    }
}

impl Decoder<Arrived> for Signed {
    type Error = Infallible;
    type Encoded = str;

    fn decode(text: &str) -> Result<Arrived, Infallible> {
        Ok(Arrived(match text.strip_prefix('+') {
            Some(view) => Ok(Body::Text(view.into())),
            None => {
                Err(call::read(text.get(1..).unwrap_or_default()).unwrap_or_else(|error| error))
            }
        }))
    }
}

type Answer = Pin<Box<dyn Future<Output = Arrived> + Send>>;
type Fetch = fn(String) -> Answer;

/// A view of type `T` on its way to its page.
pub struct Loading<T> {
    resource: Resource<Arrived, Signed>,
    view: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Loading<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Loading").finish_non_exhaustive()
    }
}

/// Begins to load what a server function answers; asks anew when `asked` changes.
pub fn load<F>(asked: impl Fn() -> F + Send + Sync + 'static) -> Loading<F::Output>
where
    F: ServerFn<Error = UiError> + Serialize + DeserializeOwned + 'static,
    F::Output: View,
{
    // The function's input as it goes over the wire is also what tells whether anything else is asked for.
    let fields = move || serde_qs::to_string(&asked()).unwrap_or_default();
    Loading {
        resource: resource(Box::new(fields), fetch::<F>),
        view: PhantomData,
    }
}

fn resource(
    fields: Box<dyn Fn() -> String + Send + Sync>,
    fetch: Fetch,
) -> Resource<Arrived, Signed> {
    Resource::new_with_options(fields, fetch, false)
}

#[cfg(feature = "hydrate")]
fn fetch<F: ServerFn>(fields: String) -> Answer {
    fetch_from(F::PATH, fields)
}

#[cfg(feature = "hydrate")]
fn fetch_from(path: &'static str, fields: String) -> Answer {
    Box::pin(async move {
        let answer = call::post(path, &fields).await;
        Arrived(answer.map(|text| Body::Text(text.into())))
    })
}

#[cfg(not(feature = "hydrate"))]
fn fetch<F>(fields: String) -> Answer
where
    F: ServerFn<Error = UiError> + DeserializeOwned + 'static,
    F::Output: View,
{
    Box::pin(async move {
        let answer = match call::input::<F>(&fields) {
            Ok(asked) => asked.run_body().await,
            Err(error) => Err(error),
        };
        Arrived(answer.map(|view| Body::Value(Arc::new(view))))
    })
}

/// Shows a view as soon as it is there, until then what was there before; and what went wrong where there is none.
pub fn shown<T: View>(
    loading: Loading<T>,
    show: impl Fn(T) -> AnyView + Send + Sync + 'static,
) -> AnyView {
    shown_or(loading, show, |error| view! { <Failed error /> }.into_any())
}

/// Shows a view like [`shown`], and what went wrong by way of `failed`.
pub fn shown_or<T: View>(
    loading: Loading<T>,
    show: impl Fn(T) -> AnyView + Send + Sync + 'static,
    failed: fn(UiError) -> AnyView,
) -> AnyView {
    let show = move |arrived: Arrived| match arrived.view() {
        Ok(view) => show(view),
        Err(error) => failed(error),
    };
    awaited(loading.resource, Arc::new(show))
}

fn awaited(
    resource: Resource<Arrived, Signed>,
    show: Arc<dyn Fn(Arrived) -> AnyView + Send + Sync>,
) -> AnyView {
    view! {
        <Transition>
            {move || {
                let show = Arc::clone(&show);
                Suspend::new(async move { show(resource.await) })
            }}
        </Transition>
    }
    .into_any()
}

#[cfg(all(test, not(feature = "hydrate")))]
mod tests {
    use model::problem::Problem;

    use super::*;
    use crate::{fns::link_forms::LinkForm, pages::link_form::view::FormQuery};

    /// Takes an answer from the server's page to the browser.
    fn carried(answer: Result<Vec<String>, UiError>) -> Result<Vec<String>, UiError> {
        let made = Arrived(answer.map(|view| Body::Value(Arc::new(view))));
        let text = Signed::encode(&made).unwrap();
        Signed::decode(&text).unwrap().view()
    }

    #[test]
    fn a_view_and_an_error_arrive_as_they_were_made() {
        for view in [vec![], vec!["-".to_owned(), "+ \"<\u{202e}".to_owned()]] {
            assert_eq!(carried(Ok(view.clone())), Ok(view));
        }
        let problem = Problem {
            code: "link.not_found".to_owned(),
            status: 404,
            ..Problem::default()
        };
        let error = UiError::from(problem).keep("name", "orders-dr");
        assert_eq!(carried(Err(error.clone())), Err(error));
    }

    #[test]
    fn what_arrives_broken_is_an_error_and_no_panic() {
        for text in ["", "+", "-", "+{", "x", "ü"] {
            let arrived = Signed::decode(text).unwrap();
            assert!(arrived.view::<Vec<String>>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_function_reads_its_input_as_it_was_asked() {
        let asked = LinkForm {
            id: "a b&c=d".to_owned(),
            step: "topics".to_owned(),
            query: FormQuery {
                check: true,
                filter: "50% <日本>".to_owned(),
                at: 100,
                ..FormQuery::default()
            },
        };
        let fields = serde_qs::to_string(&asked).unwrap();
        let read: LinkForm = call::input(&fields).unwrap();
        assert_eq!(
            (read.id, read.step, read.query),
            (asked.id, asked.step, asked.query)
        );
    }
}
