//! Sees to it that no test hangs with a process that does.

use std::{
    process::Child,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// How long a process may take. Far more than any needs: only one that would never end is killed by it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Kills a process that has not ended after a long time.
pub struct Watchdog {
    pid: Pid,
    ended: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watchdog {
    /// Watches over a process, which must not be waited for until [`watch_until_dead`](Self::watch_until_dead) returns.
    pub fn over(child: &Child) -> Self {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
        let (ended, end) = channel();
        let thread = thread::spawn(move || {
            if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("process {pid:?} has not ended by itself: killed");
                // It may have ended just now: its number is its own until it was waited for.
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Self { pid, ended, thread }
    }

    /// Waits for the end of the process, and leaves its exit code to be fetched.
    pub fn watch_until_dead(self) {
        waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        // It has gone if it has killed.
        let _ = self.ended.send(());
        self.thread.join().unwrap();
    }
}
