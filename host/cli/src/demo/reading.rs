//! The demo's second half: a process delivers, is killed, and another goes on where it stopped.

use anyhow::Context as _;

use super::{
    Demo,
    child::Worker,
    kills::{Kill, Kills},
};
use crate::framing::JsonRecord;

impl Demo {
    /// Takes all records out of the buffer, however often the process that does so is killed, and compares them with what
    /// went in.
    pub(super) fn read_all(&mut self) -> anyhow::Result<()> {
        let mut kills = Kills::new(self.kills);
        let mut done = 0;
        loop {
            let kill = kills.next(done, self.total);
            done = self.read_some(done, kill)?;
            if kill.is_none() {
                break;
            }
            if done < self.total {
                kills.land();
                self.say(&format!(
                    "killed while delivering, {} of {}: {done} records had come out",
                    kills.landed(),
                    self.kills
                ));
            }
        }
        self.tally.lost += self.total.saturating_sub(done);
        self.say_misses(kills.landed());
        Ok(())
    }

    /// Reads to the end or until the process is killed. Gives the number of the record that is to come next.
    fn read_some(&mut self, mut done: u64, kill: Option<Kill>) -> anyhow::Result<u64> {
        let mut worker = Worker::start("read", &self.dir, &["--framing", "json"], &self.buffer)?;
        let mut alive = true;
        // What it printed before it was killed may be acknowledged: it all counts.
        while let Some(line) = worker.next_line()? {
            let record: JsonRecord = serde_json::from_slice(line).context("this is not a record in JSON")?;
            done = self.compare(&record, done)?;
            self.bar.set_position(done);
            if alive && kill.is_some_and(|kill| done >= kill.at) {
                worker.kill()?;
                alive = false;
            }
        }
        worker.wait()?;
        Ok(done)
    }

    /// Compares a record that came out with the one that went in under its id. Gives the number of the next.
    fn compare(&mut self, record: &JsonRecord, done: u64) -> anyhow::Result<u64> {
        let number = record.id.checked_sub(self.base + 1).filter(|&number| number < self.total);
        let Some(number) = number else { anyhow::bail!("record {} came out, and was never sent", record.id) };
        let payload = record.payload().context("a payload is not in base64")?;
        let is_same = record.metadata == self.buffer.metadata && payload == self.source.record(number);
        if !is_same {
            self.tally.lost += 1;
        } else if number < done {
            self.tally.redelivered += 1;
        } else {
            self.tally.delivered += 1;
        }
        // Ids rise: what was passed over does not come any more.
        self.tally.lost += number.saturating_sub(done);
        Ok(done.max(number + 1))
    }
}
