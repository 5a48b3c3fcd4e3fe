//! Child processes that never outlive this one, and signals to them.
//!
//! A child is started through `setpriv --pdeathsig KILL`, so the kernel ends it even when we are killed. That signal
//! is tied to the *thread* that started the child, therefore one thread that lives as long as the process starts all.

use std::{
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command},
    sync::{OnceLock, mpsc},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

type Order = (Command, mpsc::SyncSender<io::Result<Child>>);

/// Signals this crate sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Freezes a process.
    Stop,
    /// Lets a frozen process go on.
    Cont,
    /// Asks a process to end.
    Term,
    /// Ends a process at once.
    Kill,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Stop => "STOP",
            Self::Cont => "CONT",
            Self::Term => "TERM",
            Self::Kill => "KILL",
        }
    }
}

/// Returns a command that runs `program` and is killed when this process ends, however it ends.
pub fn bound_command(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]);
    // A group of its own: Ctrl-C reaches us alone, and we end the children in order.
    command.process_group(0);
    command
}

/// Starts a command made by [`bound_command`].
///
/// # Errors
/// Fails when `setpriv` is missing or the process cannot be made.
pub fn spawn_bound(command: Command) -> Result<Child> {
    static SPAWNER: OnceLock<mpsc::SyncSender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        // Bounded: a starter waits for its answer anyway.
        let (orders, inbox) = mpsc::sync_channel::<Order>(16);
        // Lives until the process ends: that is its purpose.
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // A starter that went away takes its child with it.
                if let Err(mpsc::SendError(Ok(mut orphan))) = answer.send(command.spawn()) {
                    let _ = orphan.kill();
                    let _ = orphan.wait();
                }
            }
        });
        orders
    });
    let (answer, result) = mpsc::sync_channel(1);
    spawner
        .send((command, answer))
        .context("the thread that starts processes is gone")?;
    result
        .recv()?
        .context("cannot start a process through setpriv (package util-linux)")
}

/// Sends a signal to one process by its id.
///
/// # Errors
/// Fails when the process does not exist or is not ours.
pub fn signal(pid: u32, signal: Signal) -> Result<()> {
    // The shell's own `kill` exists on every machine; no unsafe call is needed.
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{} {pid}", signal.name())])
        .status()?;
    if !status.success() {
        bail!("process {pid} did not take signal {}", signal.name());
    }
    Ok(())
}

/// Stops a process and waits until none of its threads runs any more, at most 10 s.
///
/// # Errors
/// Fails when there is no such process, or a thread runs on.
pub fn freeze(pid: u32) -> Result<()> {
    signal(pid, Signal::Stop)?;
    // The signal is taken in its own time: on a busy machine a broker has answered after `kill` returned.
    let deadline = Instant::now() + Duration::from_secs(10);
    while !stands_still(pid)? {
        if Instant::now() > deadline {
            bail!("process {pid} does not stand still");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn stands_still(pid: u32) -> Result<bool> {
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread that ended meanwhile runs no more.
        let stat = std::fs::read_to_string(thread?.path().join("stat")).unwrap_or_default();
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
        if !state.is_empty() && !state.starts_with(['T', 'Z', 'X']) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Asks a child to end, waits up to `patience`, then kills it. Returns whether it ended by itself.
pub fn end(child: &mut Child, patience: Duration) -> bool {
    let _ = signal(child.id(), Signal::Cont);
    let _ = signal(child.id(), Signal::Term);
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Ok(Some(_)) | Err(_) => return true,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// Returns the last lines of a log file, empty where there is none.
pub fn log_tail(file: &Path, count: usize) -> String {
    let log = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// CPU time and memory of a process, from `/proc`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time in seconds.
    pub cpu_seconds: f64,
    /// User time alone, in seconds.
    pub user_seconds: f64,
    /// Highest resident size so far in bytes.
    pub peak_rss_bytes: u64,
    /// Resident size now in bytes.
    pub rss_bytes: u64,
}

/// CPU time of a process or a thread, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuTimes {
    pub user_seconds: f64,
    pub system_seconds: f64,
}

impl CpuTimes {
    /// Returns user and system time together, in seconds.
    pub fn total(self) -> f64 {
        self.user_seconds + self.system_seconds
    }
}

/// Reads the CPU time from a file `stat` of `/proc` (proc(5), fields `utime` and `stime`).
///
/// # Errors
/// Fails when that is not what such a file holds.
pub fn cpu_times(stat: &str) -> Result<CpuTimes> {
    // Linux reports these times in ticks of 1/100 s on every architecture (USER_HZ).
    const TICKS_PER_SECOND: f64 = 100.0;
    // The command's name may hold spaces: count the fields behind its closing parenthesis.
    let (_, fields) = stat.rsplit_once(')').context("unreadable stat")?;
    let seconds = |i: usize| -> Result<f64> {
        let ticks = fields.split_whitespace().nth(i).context("a short stat")?;
        Ok(ticks.parse::<f64>()? / TICKS_PER_SECOND)
    };
    Ok(CpuTimes {
        user_seconds: seconds(11)?,
        system_seconds: seconds(12)?,
    })
}

/// Reads what a process has used.
///
/// # Errors
/// Fails when the process is gone.
pub fn usage(pid: u32) -> Result<Usage> {
    let cpu = cpu_times(&std::fs::read_to_string(format!("/proc/{pid}/stat"))?)?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let bytes = |name: &str| {
        status
            .lines()
            .find_map(|l| {
                l.strip_prefix(name)?
                    .split_whitespace()
                    .next()?
                    .parse::<u64>()
                    .ok()
            })
            .map_or(0, |kib| kib * 1024)
    };
    Ok(Usage {
        cpu_seconds: cpu.total(),
        user_seconds: cpu.user_seconds,
        peak_rss_bytes: bytes("VmHWM:"),
        rss_bytes: bytes("VmRSS:"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_times_are_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 90 0 0 0 250 125 0 0 20 0";
        let times = cpu_times(stat).unwrap();
        assert_eq!((times.user_seconds, times.total()), (2.5, 3.75));
        assert!(cpu_times("7 (a) S 1").is_err());
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let mut child = std::thread::spawn(|| {
            let mut command = bound_command("sleep");
            command.arg("60");
            spawn_bound(command).unwrap()
        })
        .join()
        .unwrap();
        assert!(child.try_wait().unwrap().is_none());
        assert!(usage(child.id()).unwrap().rss_bytes > 0);
        assert!(end(&mut child, Duration::from_secs(5)));
    }
}
