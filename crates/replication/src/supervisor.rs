//! The supervisor: starts, changes and stops links as the ledger asks. One per process.
//!
//! It alone starts or stops a link's tasks. A link whose phase is running or paused has a task; a change of its
//! clusters' settings drains and starts it anew, any other change is handed to it. Slots come from one consumer group
//! per destination cluster (`supervisor/group.rs`).

mod group;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use model::{link::Phase, own, status::LinkStatus};
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    data_threads::DataThreads,
    ledger::{Desired, DesiredLink, Ledger},
    link::{self, LinkHandle, LinkNews},
};
use group::WorkerGroup;

/// Settings of one worker process.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Worker name; the process adds a random id of its own.
    pub worker: String,
    /// Bytes of batches held in memory, shared fairly over links.
    pub memory_bytes: usize,
    pub connect_timeout: Duration,
    pub request_timeout: Duration,
    pub produce_timeout: Duration,
    /// How long stopping waits for open acknowledgements.
    pub drain_timeout: Duration,
    /// Threads for the data of all links.
    pub data_threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            worker: "worker".to_owned(),
            memory_bytes: 64 << 20,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            produce_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(7),
            data_threads: 1,
        }
    }
}

/// Keeps links running. One per process.
#[derive(Debug)]
pub struct Supervisor {
    wake: Arc<Notify>,
    statuses: watch::Receiver<Arc<Vec<LinkStatus>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// How often the ledger is asked for a new revision, in other processes' changes too.
const POLL: Duration = Duration::from_secs(2);

impl Supervisor {
    /// Starts the supervisor's task.
    pub fn start(settings: Settings, ledger: Arc<dyn Ledger>) -> Self {
        let (sender, statuses) = watch::channel(Arc::new(Vec::new()));
        let stop = CancellationToken::new();
        let wake = Arc::new(Notify::new());
        let (news_sender, news) = mpsc::channel(64);
        let shown = Shown::default();
        let threads = DataThreads::start(settings.data_threads);
        let work = Work {
            process: uuid::Uuid::new_v4().simple().to_string(),
            settings,
            ledger,
            wake: wake.clone(),
            stop: stop.clone(),
            shown: shown.clone(),
            revision: None,
            links: BTreeMap::new(),
            threads,
            groups: BTreeMap::new(),
            news_sender,
            all_links: Arc::default(),
        };
        let publisher = tokio::spawn(publish(shown, sender, stop.clone()));
        let task = tokio::spawn(async move {
            work.run(news).await;
            if let Err(error) = publisher.await {
                warn!(%error, "statuses were not shown to the end");
            }
        });
        Self {
            wake,
            statuses,
            stop,
            task,
        }
    }

    /// Tells the supervisor that intent changed.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Returns the status of every link, renewed once a second.
    pub fn statuses(&self) -> watch::Receiver<Arc<Vec<LinkStatus>>> {
        self.statuses.clone()
    }

    /// Drains and stops every link, stores positions, leaves the groups.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            warn!(%error, "the supervisor ended badly");
        }
    }
}

type LinkWatch = watch::Receiver<LinkStatus>;
/// What is shown of the links that have a task, by id.
type Shown = Arc<Mutex<BTreeMap<String, LinkWatch>>>;

/// One link that has a task.
struct Running {
    desired: DesiredLink,
    handle: LinkHandle,
}

struct Work {
    /// Random id of this process, part of every claim.
    process: String,
    settings: Settings,
    ledger: Arc<dyn Ledger>,
    wake: Arc<Notify>,
    stop: CancellationToken,
    /// The statuses of `links`, for the task that shows them.
    shown: Shown,
    revision: Option<i64>,
    links: BTreeMap<String, Running>,
    threads: DataThreads,
    /// By destination cluster name.
    groups: BTreeMap<String, WorkerGroup>,
    news_sender: mpsc::Sender<LinkNews>,
    /// All links that were ever started, for each other's plans.
    all_links: Arc<RwLock<Vec<DesiredLink>>>,
}

impl Work {
    /// Ends when the process stops; every link and group is then drained and gone.
    async fn run(mut self, mut news: mpsc::Receiver<LinkNews>) {
        let mut poll = ticks(POLL);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = self.wake.notified() => self.follow_ledger().await,
                _ = poll.tick() => self.follow_ledger().await,
                Some(news) = news.recv() => self.heed(news),
            }
        }
        self.stop_everything().await;
        self.threads.stop().await;
    }

    async fn follow_ledger(&mut self) {
        match self.ledger.revision().await {
            Ok(revision) if Some(revision) == self.revision && !self.link_has_ended() => {}
            Ok(_) => match self.ledger.desired().await {
                Ok(desired) => self.reconcile(desired).await,
                Err(error) => warn!(%error, "links go on with their last settings"),
            },
            Err(error) => warn!(%error, "links go on with their last settings"),
        }
    }

    /// Says whether a link's loop panicked; such a link is started anew, at most once every [`POLL`].
    fn link_has_ended(&self) -> bool {
        self.links
            .values()
            .any(|running| running.handle.has_ended())
    }

    async fn reconcile(&mut self, desired: Desired) {
        self.revision = Some(desired.revision);
        {
            let mut all = self
                .all_links
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            all.clone_from(&desired.links);
        }
        let wanted: BTreeMap<String, DesiredLink> = desired
            .links
            .into_iter()
            .filter(|link| matches!(link.phase, Phase::Running | Phase::Paused))
            .map(|link| (link.id.clone(), link))
            .collect();
        let ended: Vec<String> = self
            .links
            .iter()
            .filter(|(id, running)| {
                let change = |link| needs_restart(&running.desired, link);
                running.handle.has_ended() || wanted.get(*id).is_none_or(change)
            })
            .map(|(id, _)| id.clone())
            .collect();
        self.stop_links(ended).await;
        for (id, link) in wanted {
            match self.links.get_mut(&id) {
                Some(running)
                    if running.desired.revision == link.revision
                        && running.desired.decisions == link.decisions => {}
                Some(running) if running.handle.change(link.clone()) => running.desired = link,
                // It is told again with the next look at the ledger.
                Some(_) => self.revision = None,
                None => self.start_link(link, &desired.installation),
            }
        }
        self.share_memory();
    }

    fn start_link(&mut self, link: DesiredLink, installation: &str) {
        info!(link.name = %link.spec.name, "starting link");
        let context = link::Context {
            settings: self.settings.clone(),
            process: self.process.clone(),
            installation: installation.to_owned(),
            ledger: self.ledger.clone(),
            news: self.news_sender.clone(),
            control: Handle::current(),
            links: self.all_links.clone(),
        };
        let handle = LinkHandle::start(context, link.clone(), self.threads.seat());
        self.show(|shown| drop(shown.insert(link.id.clone(), handle.statuses())));
        self.links.insert(
            link.id.clone(),
            Running {
                desired: link,
                handle,
            },
        );
    }

    /// Drains links side by side, then takes their control topics out of the groups.
    async fn stop_links(&mut self, ids: Vec<String>) {
        let ended: Vec<Running> = ids.iter().filter_map(|id| self.links.remove(id)).collect();
        self.show(|shown| shown.retain(|id, _| !ids.contains(id)));
        let mut stops = tokio::task::JoinSet::new();
        for running in ended {
            let control_topic = running.handle.control_topic.clone();
            if let Some(group) = self
                .groups
                .get_mut(running.desired.destination.name.as_str())
            {
                group.forget(&control_topic);
            }
            info!(link.name = %running.desired.spec.name, "stopping link");
            stops.spawn(running.handle.stop());
        }
        stops.join_all().await;
        let unused: Vec<String> = self
            .groups
            .iter()
            .filter(|(_, group)| group.is_unused())
            .map(|(name, _)| name.clone())
            .collect();
        for name in unused {
            if let Some(group) = self.groups.remove(&name) {
                group.leave().await;
            }
        }
        for group in self.groups.values_mut() {
            group.resubscribe();
        }
    }

    fn share_memory(&self) {
        let share = self.settings.memory_bytes / self.links.len().max(1);
        for running in self.links.values() {
            running.handle.budget.set_limit(share);
        }
    }

    /// A link's control topic is ready to be worked on: join the group of its destination.
    fn heed(&mut self, news: LinkNews) {
        let Some(running) = self.links.get(&news.link_id) else {
            return; // the link was stopped meanwhile
        };
        let destination = &running.desired.destination;
        let group = self
            .groups
            .entry(destination.name.to_string())
            .or_insert_with(|| {
                let id = own::workers_group(&news.installation);
                WorkerGroup::join(destination, id, &self.settings.worker)
            });
        group.add(
            running.handle.control_topic.clone(),
            running.handle.commands(),
        );
    }

    fn show(&self, change: impl FnOnce(&mut BTreeMap<String, LinkWatch>)) {
        change(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn stop_everything(&mut self) {
        let started = Instant::now();
        let all: Vec<String> = self.links.keys().cloned().collect();
        self.stop_links(all).await;
        info!(
            took_ms = started.elapsed().as_millis() as u64,
            "all links stopped"
        );
    }
}

/// Shows all statuses once a second, whatever the supervisor waits for. Ends with the process.
async fn publish(
    shown: Shown,
    statuses: watch::Sender<Arc<Vec<LinkStatus>>>,
    stop: CancellationToken,
) {
    let mut seconds = ticks(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = seconds.tick() => {}
        }
        let now: Vec<LinkStatus> = {
            let shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            shown.values().map(|link| link.borrow().clone()).collect()
        };
        statuses.send_replace(Arc::new(now));
    }
}

/// Says whether a link's task cannot take the change and must be started anew.
fn needs_restart(old: &DesiredLink, new: &DesiredLink) -> bool {
    old.source != new.source
        || old.destination != new.destination
        || old.spec.slots != new.spec.slots
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::silent::Silent;

    #[tokio::test]
    async fn statuses_are_shown_while_the_supervisor_waits() {
        let supervisor = Supervisor::start(Settings::default(), Arc::new(Silent));
        let mut statuses = supervisor.statuses();
        // The first may come before the supervisor begins to wait for its ledger, the second may not.
        for _ in 0..2 {
            let shown = tokio::time::timeout(Duration::from_secs(30), statuses.changed());
            shown.await.expect("statuses are shown").unwrap();
        }
    }
}
