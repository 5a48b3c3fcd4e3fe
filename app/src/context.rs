//! What every service function needs besides its input.

use std::sync::Arc;

use store::{By, Store};

use crate::{access::Actor, engine::Engine, ladders::Ladders};

/// The surroundings of one request.
#[derive(Clone)]
pub struct Context {
    pub store: Store,
    pub engine: Arc<dyn Engine>,
    /// Connection tests of this process.
    pub ladders: Arc<Ladders>,
    /// Time of the request, milliseconds since the epoch, UTC.
    pub now_ms: i64,
}

impl Context {
    /// Returns who does something now, for the audit log.
    pub fn by<'a>(&self, actor: &'a Actor) -> By<'a> {
        By {
            actor: &actor.name,
            now_ms: self.now_ms,
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("now_ms", &self.now_ms)
            .finish_non_exhaustive()
    }
}
