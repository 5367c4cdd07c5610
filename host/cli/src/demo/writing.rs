//! The demo's first half: a process writes, is killed, and another goes on where it stopped.

use std::{sync::Arc, thread};

use anyhow::Context as _;
use forebay::explain_missing_threads;

use super::{
    Demo,
    child::{Worker, feed},
    kills::{Kill, Kills},
};
use crate::records::Records;

impl Demo {
    /// Writes all records, however often the process that does so is killed.
    pub(super) fn write_all(&mut self) -> anyhow::Result<()> {
        let mut kills = Kills::new(self.kills);
        let mut done = 0;
        while done < self.total {
            let kill = kills.next(done, self.total);
            let confirmed = self.write_some(done, kill)?;
            let found = self.count_written()?;
            self.tally.confirmed += confirmed.saturating_sub(done);
            // What was confirmed is in the buffer, or it is lost. The records are sent again all the same.
            self.tally.lost += confirmed.saturating_sub(found);
            self.tally.written += found.saturating_sub(done);
            if let Some(kill) = kill {
                if found < kill.offered {
                    kills.land();
                    self.say(&format!(
                        "killed while writing, {} of {}: {confirmed} records confirmed, {found} found in the buffer",
                        kills.landed(),
                        self.kills
                    ));
                }
            } else if found < self.total {
                anyhow::bail!(
                    "the process that writes has ended early, after {found} of {} records",
                    self.total
                );
            }
            done = found;
        }
        self.say_misses(kills.landed());
        Ok(())
    }

    /// Writes from a record on, to the end or until the process is killed. Gives how many of all records are confirmed.
    fn write_some(&self, done: u64, kill: Option<Kill>) -> anyhow::Result<u64> {
        let mut worker = Worker::start("write", &self.dir, &["--confirm"], &self.buffer)?;
        let mut stdin = worker.take_stdin()?;
        let source = Arc::clone(&self.source);
        let end = kill.map_or(self.total, |kill| kill.offered);
        let feeder = thread::Builder::new()
            .spawn(move || {
                // A process that was killed takes no more.
                let _ = feed(&mut stdin, (done..end).map(|number| source.record(number)));
                // The end of stdin is the end of the process: where it is to be killed, stdin stays open until it is.
                kill.map(|_| stdin)
            })
            .map_err(explain_missing_threads)
            .context("cannot start a thread")?;
        let mut confirmed = done;
        let mut alive = true;
        while let Some(line) = worker.next_line()? {
            let id: u64 = std::str::from_utf8(line)?.parse().context("a confirmation is no id")?;
            confirmed = id.saturating_sub(self.base);
            self.bar.set_position(confirmed);
            if alive && kill.is_some_and(|kill| confirmed >= kill.at) {
                worker.kill()?;
                alive = false;
            }
        }
        worker.wait()?;
        drop(feeder.join());
        Ok(confirmed)
    }

    /// How many of the demo's records are in the buffer, by a look as after a crash.
    fn count_written(&self) -> anyhow::Result<u64> {
        let next_id = Records::of(&self.dir)?.end_id();
        let found = next_id.0.saturating_sub(1).saturating_sub(self.base);
        Ok(found)
    }
}
