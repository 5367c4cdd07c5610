//! Everything at once: thousands of lives of a buffer, in which writes, reads, acknowledgements, ticks, ends of syncs, full
//! disks, deaths of the process, power losses and damage fall as the dice do. A seed repeats its life. `LIVES` says how
//! many there are, and `FIRST_LIFE` the first seed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use std::collections::VecDeque;

use disk::Disk;
use disk::bed::{Bed, OPTIONS, record};
use disk::dice::Dice;
use forebay_logic::{BufferError, Logic as _, Options, WhenFull};

struct Life {
    dice: Dice,
    bed: Bed,
    /// The records that are to be read, in order.
    unread: VecDeque<(u64, u64)>,
    /// The id behind the last event that was read.
    read_to: u64,
    /// The id behind what the last flush asked for, until its syncs have ended.
    flushed: Option<u64>,
    /// All below this id was answered `synced`.
    promised: u64,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let options = Options {
            max_bytes: 1_500 + dice.roll(20_000),
            file_bytes: 300 + dice.roll(1_200),
            max_events: dice.roll(2) * (20 + dice.roll(100)),
            when_full: if dice.chance(3) { WhenFull::DropOldest } else { WhenFull::Block },
            ..OPTIONS
        };
        let bed = Bed::on(Disk::default(), options);
        Self { dice, bed, unread: VecDeque::new(), read_to: 1, flushed: None, promised: 1 }
    }

    fn live(&mut self, steps: usize) {
        for _ in 0..steps {
            match self.dice.roll(100) {
                0..=24 => self.write(),
                25..=44 => self.read(),
                45..=59 => self.acknowledge(),
                60..=69 => drop(self.bed.tick()),
                70..=76 => self.flush(),
                77..=91 => self.end_sync(),
                92..=95 => self.change_the_weather(),
                96 => self.die(),
                97 => self.suffer_damage(),
                _ => self.lose_power(),
            }
        }
    }

    fn write(&mut self) {
        let count = 1 + self.dice.pick(12);
        let sizes: Vec<_> =
            (0..count).map(|_| record(1 + self.dice.roll(3), 40 + 8 * self.dice.roll(30))).collect();
        if self.bed.figure(11) == 1 {
            assert_eq!(self.bed.try_write(&sizes), Err(BufferError::Degraded));
            return;
        }
        let outcome = self.bed.try_write(&sizes).unwrap();
        let mut id = outcome.first_id.0;
        for size in sizes.iter().take(usize::try_from(outcome.accepted).unwrap()) {
            self.unread.push_back((id, size >> 32));
            id += size >> 32;
        }
        // What was dropped is not to be read any more.
        let first_unread = self.bed.disk.ledger.unwrap().reader_last_record.0 + 1;
        self.unread.retain(|(id, events)| id + events > first_unread);
        self.read_to = self.read_to.max(first_unread);
        // Files that a power loss brought back may be more than there is room for: then nothing is accepted.
        assert!(outcome.accepted == 0 || self.bed.disk.bytes() <= self.bed.options.max_bytes);
    }

    fn read(&mut self) {
        let (records, bytes) = (1 + self.dice.pick(20), self.dice.roll(3_000));
        let read = self.bed.read(u32::try_from(records).unwrap(), bytes);
        assert_eq!(read.is_empty(), self.unread.is_empty());
        for record in read {
            assert_eq!(Some(record), self.unread.pop_front());
            self.read_to = record.0 + record.1;
        }
    }

    fn acknowledge(&mut self) {
        let first_unread = self.bed.disk.ledger.unwrap().reader_last_record.0 + 1;
        let read: Vec<_> = self
            .bed
            .disk
            .records()
            .map(|(_, id, events)| id + events)
            .filter(|end| *end > first_unread && *end <= self.read_to)
            .collect();
        if !read.is_empty() {
            let through = read[self.dice.pick(read.len())] - 1;
            self.bed.acknowledge(through);
        }
    }

    fn flush(&mut self) {
        if self.bed.figure(11) == 1 {
            assert_eq!(self.bed.buffer.flush(&mut self.bed.disk), Err(BufferError::Degraded));
            return;
        }
        self.bed.flush();
        self.flushed = (!self.bed.disk.refuse_syncs).then_some(self.bed.disk.next_id.unwrap());
        self.note_what_is_synced();
    }

    fn end_sync(&mut self) {
        let fails = self.dice.chance(12);
        if fails {
            self.flushed = None;
        }
        self.bed.end_sync(!fails);
        self.note_what_is_synced();
    }

    fn note_what_is_synced(&mut self) {
        if self.bed.disk.syncs_under_way() == 0 && !self.bed.disk.refuse_syncs {
            self.promised = self.flushed.take().unwrap_or(self.promised);
        }
    }

    fn change_the_weather(&mut self) {
        let dice = &mut self.dice;
        let disk = &mut self.bed.disk;
        disk.room = if dice.chance(2) { dice.roll(1_000) } else { u64::MAX };
        disk.refuse_files = dice.chance(3);
        disk.refuse_syncs = dice.chance(3);
        disk.refuse_removals = dice.chance(3);
        disk.scan_bytes = if dice.chance(2) { 1 + dice.roll(500) } else { 8 << 20 };
        if disk.refuse_syncs {
            self.flushed = None;
        }
    }

    fn fair_weather(&mut self) {
        let disk = &mut self.bed.disk;
        disk.room = u64::MAX;
        (disk.refuse_files, disk.refuse_syncs, disk.refuse_removals) = (false, false, false);
    }

    fn die(&mut self) {
        let next_id = self.bed.disk.next_id.unwrap();
        let unread = self.unread.clone();
        let disk = self.bed.disk.clone();
        self.reopen(disk);
        assert_eq!(self.bed.report.next_id.0, next_id, "every record that was placed is there");
        for record in unread {
            assert!(self.unread.contains(&record), "record {} is read after the process has died", record.0);
        }
    }

    fn lose_power(&mut self) {
        let acknowledged = self.bed.disk.acknowledged;
        let mut promised = self.bed.disk.in_order(acknowledged + 1);
        promised.retain(|(_, id, _)| *id < self.promised && *id > acknowledged);
        let mut disk = self.bed.disk.clone();
        disk.power_loss(&mut self.dice);
        self.reopen(disk);
        for (file, id, events) in promised {
            let is_there = self.unread.contains(&(id, events));
            assert!(is_there, "record {id} of file {file} was answered synced");
        }
        self.promised = self.promised.min(self.bed.report.next_id.0);
    }

    /// While nobody has the buffer open, a frame is damaged, a file removed, or the ledger lost.
    fn suffer_damage(&mut self) {
        let mut disk = self.bed.disk.clone();
        let files = disk.file_ids();
        let file = files[self.dice.pick(files.len())];
        match self.dice.roll(4) {
            0 => disk.vanish(file),
            1 => disk.ledger = None,
            _ => {
                let frames = &mut disk.file_mut(file).frames;
                if !frames.is_empty() {
                    let at = self.dice.pick(frames.len());
                    frames[at].record = None;
                    frames[at].short = self.dice.chance(2);
                }
            }
        }
        self.reopen(disk);
        self.promised = 1;
    }

    fn reopen(&mut self, mut disk: Disk) {
        disk.refuse_files = false;
        self.bed = Bed::on(disk, self.bed.options);
        let first_unread = self.bed.report.first_unread.0;
        let unread = self.bed.disk.in_order(first_unread);
        self.unread = unread.into_iter().map(|(_, id, events)| (id, events)).collect();
        self.read_to = first_unread;
        self.flushed = None;
    }

    fn let_ticks_pass(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.bed.tick();
            self.bed.end_syncs();
        }
    }

    /// Two ticks, and no unacknowledged record is unsynced.
    fn wait(&mut self) {
        self.fair_weather();
        self.bed.end_syncs();
        self.let_ticks_pass(2);
        if self.bed.figure(11) == 1 {
            // After a failed sync the bytes come first, and then the names.
            self.let_ticks_pass(4);
        }
        assert_eq!(self.bed.figure(11), 0, "what a failed sync has left is mended");
        assert!(self.bed.all_durable());
    }

    /// All is read and acknowledged, and nothing is left but the file that is appended to.
    fn drain(&mut self) {
        self.wait();
        while !self.unread.is_empty() {
            self.read();
        }
        assert!(self.bed.read(1, 1).is_empty());
        self.bed.acknowledge(self.bed.disk.next_id.unwrap() - 1);
        self.bed.end_syncs();
        self.bed.buffer.close_writer(&mut self.bed.disk).unwrap();
        self.wait();
        assert_eq!(self.bed.figure(10), 0);
        assert_eq!(self.bed.disk.file_ids().len(), 1);
        assert_eq!(self.bed.tick(), None);
    }
}

// What no list of cases holds: the order in which things happen.
#[test]
fn pain_25639_no_life_loses_a_record_that_was_promised() {
    let lives = std::env::var("LIVES").map_or(4_000, |lives| lives.parse().unwrap());
    let first = std::env::var("FIRST_LIFE").map_or(0, |first| first.parse().unwrap());
    for seed in first..first + lives {
        let run = std::panic::catch_unwind(|| {
            let mut life = Life::new(seed);
            for _ in 0..3 {
                life.live(60);
                life.wait();
            }
            life.drain();
        });
        assert!(run.is_ok(), "seed {seed}");
    }
}
