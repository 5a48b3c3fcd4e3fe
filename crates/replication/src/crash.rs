//! Named points where a process can be made to end at once, or a task to panic, so that tests see what that does.
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

/// Panics, once in the life of the process, if the variable `CAUSEWAY_PANIC_AT` names this point.
#[cfg(debug_assertions)]
pub(crate) fn panic_point(point: &str) {
    use std::sync::OnceLock;
    static WANTED: OnceLock<std::sync::Mutex<Option<String>>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| std::env::var("CAUSEWAY_PANIC_AT").ok().into());
    let mut wanted = wanted
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if wanted.take_if(|wanted| wanted == point).is_some() {
        drop(wanted);
        panic!("panicking at `{point}`");
    }
}

/// Does nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn crash_point(_point: &str) {}

/// Does nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn panic_point(_point: &str) {}
