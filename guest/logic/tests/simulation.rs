//! Everything at once: thousands of lives of a buffer, with writes, reads, acknowledgements, ticks, ends of syncs, full disks,
//! deaths of the process, power losses, damage and take-overs in random order. A seed repeats its life. `LIVES` says how many
//! there are, and `FIRST_LIFE` is the first seed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;

use std::collections::VecDeque;

use disk::Disk;
use disk::bed::{Bed, OPTIONS, record};
use disk::random::Random;
use forebay_logic::{Logic as _, Options, WhenFull};

struct Life {
    random: Random,
    bed: Bed,
    /// The records that are to be delivered, in order.
    unread: VecDeque<(u64, u64)>,
    /// The id behind the last event that was delivered.
    read_to: u64,
    /// The id behind what the last flush covers, until its syncs have ended.
    flushed: Option<u64>,
    /// Everything below this id was answered `synced`.
    promised: u64,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let options = Options {
            max_bytes: 1_500 + random.below(20_000),
            file_bytes: 300 + random.below(1_200),
            max_events: random.below(2) * (20 + random.below(100)),
            when_full: if random.chance(3) { WhenFull::DropOldest } else { WhenFull::Block },
            ..OPTIONS
        };
        let mut bed = Bed::on(Disk::default(), options);
        bed.disk.passed_are_outside = random.chance(2);
        bed.disk.outside_is_unknown = random.chance(2);
        bed.disk.is_strict = random.chance(8);
        Self { random, bed, unread: VecDeque::new(), read_to: 1, flushed: None, promised: 1 }
    }

    fn live(&mut self, steps: usize) {
        for _ in 0..steps {
            match self.random.below(100) {
                0..=24 => self.write(),
                25..=44 => self.read(),
                45..=59 => self.acknowledge(),
                60..=69 => drop(self.bed.tick()),
                70..=76 => self.flush(),
                77..=89 => self.end_sync(),
                90..=93 => self.change_the_weather(),
                94..=95 => self.take_over(),
                96 => self.die(),
                97 if self.random.chance(3) => self.lose_file(),
                97 => self.suffer_damage(),
                _ => self.lose_power(),
            }
        }
    }

    fn write(&mut self) {
        if self.bed.disk.is_degraded() {
            // The host offers nothing until it has rewritten what a failed sync left in doubt.
            return;
        }
        let count = 1 + self.random.index(12);
        let sizes: Vec<_> =
            (0..count).map(|_| record(1 + self.random.below(3), 40 + 8 * self.random.below(30))).collect();
        let mut id = self.bed.disk.host.next_id;
        let accepted = self.bed.write(&sizes);
        for size in sizes.iter().take(usize::try_from(accepted).unwrap()) {
            self.unread.push_back((id, size >> 32));
            id += size >> 32;
        }
        assert_eq!(id, self.bed.disk.host.next_id);
        // What was dropped is not to be delivered any more.
        let first_unread = self.bed.disk.host.acknowledged + 1;
        self.unread.retain(|(id, events)| id + events > first_unread);
        self.read_to = self.read_to.max(first_unread);
        // Files that a power loss brought back may be more than there is room for: then nothing is accepted.
        assert!(accepted == 0 || self.bed.disk.bytes() <= self.bed.options.max_bytes);
    }

    fn read(&mut self) {
        let (records, bytes) = (1 + self.random.index(20), self.random.below(3_000));
        let read = self.bed.read(u32::try_from(records).unwrap(), bytes);
        assert_eq!(read.is_empty(), self.unread.is_empty());
        for record in read {
            assert_eq!(Some(record), self.unread.pop_front());
            self.read_to = record.0 + record.1;
        }
    }

    fn acknowledge(&mut self) {
        let first_unread = self.bed.disk.host.acknowledged + 1;
        let read = self.bed.disk.readable(first_unread).into_iter().map(|(_, id, events)| id + events);
        let read: Vec<_> = read.filter(|end| *end <= self.read_to).collect();
        if !read.is_empty() {
            let through = read[self.random.index(read.len())] - 1;
            self.bed.acknowledge(through);
        }
    }

    fn flush(&mut self) {
        self.bed.flush();
        // What stands outside is not synced, and may be in order the next time.
        let covers_all = !self.bed.disk.refuse_syncs && !self.bed.disk.is_contradictory();
        self.flushed = covers_all.then_some(self.bed.disk.host.next_id);
        self.note_what_is_synced();
    }

    fn end_sync(&mut self) {
        if self.random.chance(12) {
            self.bed.disk.fail_sync();
        } else {
            self.bed.end_sync();
            self.note_what_is_synced();
        }
    }

    fn note_what_is_synced(&mut self) {
        if self.bed.disk.syncs_under_way() == 0 && !self.bed.disk.refuse_syncs {
            self.promised = self.flushed.take().unwrap_or(self.promised);
        }
    }

    fn change_the_weather(&mut self) {
        let random = &mut self.random;
        let disk = &mut self.bed.disk;
        disk.room = if random.chance(2) { random.below(1_000) } else { u64::MAX };
        disk.refuse_files = random.chance(3);
        disk.refuse_syncs = random.chance(3);
        disk.refuse_removals = random.chance(3);
        let error = forebay_logic::StorageError::Io(5);
        disk.fail_truncate = random.chance(3).then_some(error);
        disk.truncates_before_it_fails = random.chance(2);
        if random.chance(8) {
            disk.break_last();
        }
        if disk.refuse_syncs {
            self.flushed = None;
        }
    }

    fn fair_weather(&mut self) {
        let disk = &mut self.bed.disk;
        disk.room = u64::MAX;
        (disk.refuse_files, disk.refuse_syncs, disk.refuse_removals) = (false, false, false);
        disk.fail_truncate = None;
    }

    fn take_over(&mut self) {
        let disk = self.bed.disk.clone();
        let former = std::mem::replace(&mut self.bed, Bed::on(Disk::default(), OPTIONS));
        self.bed = former.taken_over();
        assert_eq!(self.bed.disk.host.next_id, disk.host.next_id);
        assert_eq!(self.bed.disk.names, disk.names, "no file changes before it has opened");
        self.flushed = None;
    }

    fn die(&mut self) {
        let next_id = self.bed.disk.host.next_id;
        let unread = self.unread.clone();
        let was_contradictory = self.bed.disk.is_contradictory();
        self.reopen(self.bed.disk.clone());
        assert_eq!(self.bed.disk.host.next_id, next_id, "every record that was placed is there");
        for record in unread.into_iter().filter(|_| !was_contradictory) {
            assert!(self.unread.contains(&record), "record {} is read after the process has died", record.0);
        }
    }

    fn lose_power(&mut self) {
        let acknowledged = self.bed.disk.host.acknowledged;
        let mut promised = self.bed.disk.readable(acknowledged + 1);
        let was_contradictory = self.bed.disk.is_contradictory();
        promised.retain(|(_, id, _)| *id < self.promised && !was_contradictory);
        let mut disk = self.bed.disk.clone();
        disk.power_loss(&mut self.random);
        self.reopen(disk);
        for (file, id, events) in promised {
            let is_there = self.unread.contains(&(id, events));
            assert!(is_there, "record {id} of file {file} was answered synced");
        }
        self.promised = self.promised.min(self.bed.disk.host.next_id);
    }

    /// While the buffer is closed, a frame is damaged, a file removed, or the ledger lost.
    fn suffer_damage(&mut self) {
        let mut disk = self.bed.disk.clone();
        let files = disk.files();
        let Some(file) = files.get(self.random.index(files.len())).copied() else { return };
        match self.random.below(4) {
            0 => disk.vanish(file),
            1 => disk.ledger = None,
            _ => {
                let frames = &mut disk.file_mut(file).frames;
                if !frames.is_empty() {
                    let at = self.random.index(frames.len());
                    frames[at].record = None;
                    frames[at].is_short = self.random.chance(2);
                }
            }
        }
        self.reopen(disk);
        self.promised = 1;
    }

    /// While the buffer is open, another program removes a file.
    fn lose_file(&mut self) {
        let disk = &mut self.bed.disk;
        let Some((_, others)) = disk.order().split_last().map(|(last, others)| (*last, others.to_vec()))
        else {
            return;
        };
        let Some(file) = others.get(self.random.index(others.len())).copied() else { return };
        disk.vanish(file);
        let unread = disk.readable(self.read_to);
        self.unread = unread.into_iter().map(|(_, id, events)| (id, events)).collect();
        self.promised = 1;
    }

    fn reopen(&mut self, disk: Disk) {
        self.bed = Bed::on(disk, self.bed.options.clone());
        let first_unread = self.bed.disk.host.acknowledged + 1;
        let unread = self.bed.disk.readable(first_unread);
        self.unread = unread.into_iter().map(|(_, id, events)| (id, events)).collect();
        self.read_to = first_unread;
        self.flushed = None;
        self.note_what_is_synced();
    }

    /// Two ticks, and no unacknowledged record is unsynced.
    fn wait(&mut self) {
        self.fair_weather();
        self.bed.end_syncs();
        for _ in 0..2 {
            self.bed.tick();
            self.bed.end_syncs();
        }
        assert!(self.bed.all_durable());
    }

    /// Everything is read and acknowledged, and nothing is left but the file that is appended to.
    fn drain(&mut self) {
        self.wait();
        while !self.unread.is_empty() {
            self.read();
        }
        assert!(self.bed.read(1, 1).is_empty());
        self.bed.acknowledge(u64::MAX);
        self.bed.end_syncs();
        self.bed.buffer.close_writer(&mut self.bed.disk).unwrap();
        self.wait();
        assert_eq!(self.bed.figure(10), 0);
        assert_eq!(self.bed.disk.order().len(), 1);
        // An empty file that could not be removed is found by the next opening: its release looks as if it had gone.
        let last = self.bed.disk.order()[0];
        let others = self.bed.disk.files().into_iter().filter(|file| *file != last);
        assert_eq!(others.map(|file| self.bed.disk.file(file).bytes()).sum::<u64>(), 0);
        assert_eq!(self.bed.tick(), None);
    }
}

/// What no list of cases holds: the order in which things happen.
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
