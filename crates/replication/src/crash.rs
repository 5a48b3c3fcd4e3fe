//! Named points where a process can be made to end at once, so that tests see what a crash there does.
//!
//! In builds without debug assertions, which is every build that is shipped, the points do not exist.

/// Ends the process if the variable `CAUSEWAY_CRASH_AT` names this point.
#[cfg(debug_assertions)]
pub(crate) fn crash_point(point: &str) {
    use std::sync::OnceLock;
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| std::env::var("CAUSEWAY_CRASH_AT").ok());
    if wanted.as_deref() == Some(point) {
        tracing::error!("crashing at `{point}`");
        std::process::abort();
    }
}

/// Does nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn crash_point(_point: &str) {}
