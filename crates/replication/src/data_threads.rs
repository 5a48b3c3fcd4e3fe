//! The threads of the data plane. Each runs the loops and data connections of the links that sit on it, one task at a
//! time; control work, web and SQL run elsewhere.
//!
//! A record's way from a fetch connection to a produce connection thus crosses no thread: handing it on is a push to a
//! queue, where workers of a shared runtime would wake each other through the kernel.
//!
//! Guarantees: a task that panics ends alone; a thread lives until [`DataThreads::stop`], or until the threads are dropped.
//! Whoever runs here must not block.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::error;

/// All data threads of the process.
#[derive(Debug)]
pub(crate) struct DataThreads {
    threads: Vec<DataThread>,
    /// Ends the threads, at the latest when this is dropped.
    stop: DropGuard,
}

#[derive(Debug)]
struct DataThread {
    handle: Handle,
    /// Links that sit on it.
    links: Arc<AtomicUsize>,
    thread: thread::JoinHandle<()>,
}

/// A link's place on a data thread; dropping it leaves the place to others.
#[derive(Debug)]
pub(crate) struct Seat {
    handle: Handle,
    links: Arc<AtomicUsize>,
}

impl DataThreads {
    /// Starts up to `count` threads. Fewer when the machine gives no more; without any, links run where everything else
    /// does.
    pub(crate) fn start(count: usize) -> Self {
        let stop = CancellationToken::new();
        let start = |number| {
            DataThread::start(number, stop.clone())
                .inspect_err(|error| error!(%error, "a data thread could not be started"))
                .ok()
        };
        Self {
            threads: (0..count).filter_map(start).collect(),
            stop: stop.clone().drop_guard(),
        }
    }

    /// Takes a place on the thread with the fewest links.
    pub(crate) fn seat(&self) -> Seat {
        let load = |thread: &&DataThread| thread.links.load(Ordering::Relaxed);
        let (handle, links) = match self.threads.iter().min_by_key(load) {
            Some(thread) => (thread.handle.clone(), thread.links.clone()),
            None => (Handle::current(), Arc::default()),
        };
        links.fetch_add(1, Ordering::Relaxed);
        Seat { handle, links }
    }

    /// Ends the threads and all that still runs on them, and waits for it.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        for thread in self.threads {
            let joined = tokio::task::spawn_blocking(move || thread.thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                error!("a data thread ended by a fault");
            }
        }
    }
}

impl DataThread {
    fn start(number: usize, stop: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let thread = thread::Builder::new()
            .name(format!("data-{number}"))
            .spawn(move || {
                runtime.block_on(stop.cancelled());
                // A name that is being looked up blocks a thread of its own; nobody waits for it any more.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            handle,
            links: Arc::default(),
            thread,
        })
    }
}

impl Seat {
    /// Returns the runtime of the thread.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.links.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn name_of(seat: &Seat) -> String {
        let name = async { thread::current().name().unwrap().to_owned() };
        seat.handle().spawn(name).await.unwrap()
    }

    #[tokio::test]
    async fn links_sit_where_the_fewest_others_do() {
        let threads = DataThreads::start(2);
        let (first, second) = (threads.seat(), threads.seat());
        assert_eq!(name_of(&first).await, "data-0");
        assert_eq!(name_of(&second).await, "data-1");
        drop(second);
        assert_eq!(name_of(&threads.seat()).await, "data-1");
        threads.stop().await;
    }

    #[tokio::test]
    async fn a_task_that_panics_ends_alone() {
        let threads = DataThreads::start(1);
        let seat = threads.seat();
        let neighbour = seat.handle().spawn(std::future::pending::<()>());
        let broken = seat.handle().spawn(async { panic!("as if by a fault") });
        assert!(broken.await.unwrap_err().is_panic());
        assert!(!neighbour.is_finished());
        assert_eq!(name_of(&seat).await, "data-0");
        threads.stop().await;
        assert!(neighbour.await.unwrap_err().is_cancelled());
    }

    #[tokio::test]
    async fn links_run_with_everything_else_where_no_thread_could_be_started() {
        let threads = DataThreads::start(0);
        assert_eq!(threads.seat().handle().id(), Handle::current().id());
        threads.stop().await;
    }
}
