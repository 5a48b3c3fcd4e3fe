//! Service functions, one file per noun. Pages, API and command line call the same ones.

pub mod accounts;
pub mod cluster_forms;
pub mod clusters;
pub mod counts;
pub mod drafts;
pub mod events;
pub mod findings;
pub mod link_forms;
pub mod links;
pub mod plans;
mod secrets;
pub mod status;
pub mod tokens;

use model::problem::Problem;
use serde::Serialize;
use store::PageQuery;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Cursor of the next page, `null` on the last one.
    pub next: Option<String>,
}

impl<T> List<T> {
    fn of<S>(page: store::Page<S>, view: impl FnMut(S) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(view).collect(),
            next: page.next,
        }
    }
}

/// Longest cursor that a list gives out, bytes.
const LONGEST_CURSOR: usize = 200;

/// Checks a cursor's form before it reaches SQL, where Postgres would refuse a NUL as a fault.
fn check_page(page: &PageQuery) -> Result<(), Problem> {
    let legal = |cursor: &String| {
        cursor.len() <= LONGEST_CURSOR && cursor.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match &page.after {
        Some(cursor) if !legal(cursor) => {
            Err(crate::problems::from_store(store::StoreError::Cursor))
        }
        _ => Ok(()),
    }
}

/// Length of a UUID's text.
const ID_LENGTH: usize = 36;

/// Returns an id from an address or form if it could be one, before it reaches SQL.
///
/// # Errors
/// The same as for an id that is not there, `<kind>.not_found`; it quotes nothing that could not be one.
fn legal_id<'a>(id: &'a str, kind: &'static str) -> Result<&'a str, Problem> {
    let legal = id.len() == ID_LENGTH
        && id
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if legal {
        return Ok(id);
    }
    Err(crate::problems::from_store(store::StoreError::NotFound {
        kind,
        name: "of that id".to_owned(),
    }))
}
