//! Undamaged directories: made with the binary, and remembered with where each frame stands.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    binary::{Binary, Ended},
    frame,
    image::{Image, SIDECAR},
    ledger::Ledger,
    payloads::{Mix, Nested, payloads},
    random::Random,
    sidecar::newer_slot_first,
};

/// How long the data files of a directory become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileSize {
    /// 16 KiB.
    Small,
    /// 16 MiB.
    Large,
}

impl FileSize {
    /// In bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::Small => 16 << 10,
            Self::Large => 16 << 20,
        }
    }

    /// The arguments that every command gets.
    pub fn arguments(self) -> [String; 3] {
        ["--file-size".to_owned(), self.bytes().to_string(), "--small-files".to_owned()]
    }

    /// How many bytes of frames are written to a directory.
    fn total_bytes(self) -> Range<usize> {
        match self {
            Self::Small => 3 * self.bytes()..8 * self.bytes(),
            Self::Large => 3 * self.bytes() / 2..5 * self.bytes() / 2,
        }
    }
}

/// Which base directory of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BaseKey {
    /// How long its data files become.
    pub size: FileSize,
    /// Its number among those.
    pub number: u64,
}

/// Where a frame stands in an undamaged file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The record's id.
    pub id: u64,
    /// The data file's number.
    pub file: u16,
    /// Where the frame starts, in bytes.
    pub at: usize,
    /// How long the frame is, in bytes.
    pub bytes: usize,
}

/// An undamaged directory.
#[derive(Debug)]
pub struct Base {
    /// Which one it is.
    pub key: BaseKey,
    /// What its records hold.
    pub mix: Mix,
    /// Its path. It is damaged in this place, because a sidecar that was copied elsewhere counts as missing.
    pub directory: PathBuf,
    /// Its files after each command that made it, the oldest first. The last version is damaged.
    pub versions: Vec<Image>,
    /// All frames of the last version, in the order in which they are read. Their ids rise by one.
    pub placed: Vec<Placed>,
    /// The last record that is acknowledged.
    pub acknowledged: u64,
    /// The ledger of the last version.
    pub ledger: Ledger,
    /// Fingerprints of the payloads of all records that were ever written, the first record's first.
    pub fingerprints: Vec<u64>,
    /// Frames inside payloads.
    pub nested: Vec<Nested>,
}

/// Identifies a payload within a run: 64 bits of a hash.
pub fn fingerprint(payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    payload.hash(&mut hasher);
    hasher.finish()
}

impl Base {
    /// Makes one in a new directory below `root`.
    pub fn make(binary: &Binary, root: &Path, seed: u64, key: BaseKey) -> Result<Self> {
        let mut random = Random::new(&[seed, 0xba5e, key.size as u64, key.number]);
        let mix = Mix::ALL[(key.number % 3) as usize];
        let total_bytes = random.within(key.size.total_bytes());
        let (payloads, nested) = payloads(mix, key.size.bytes(), total_bytes, &mut random);
        let directory = root.join(format!("{:?}-{}", key.size, key.number).to_lowercase());
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }

        let maker = Maker { binary, directory: &directory, size: key.size };
        let mut versions = Vec::new();
        let first_part = random.within(payloads.len() / 4..payloads.len());
        maker.write(&payloads[..first_part], &mut versions)?;
        let mut acknowledged = 0;
        if random.percent(60) {
            acknowledged += random.within(1..first_part.max(2));
            maker.acknowledge(acknowledged, &mut versions)?;
        }
        maker.write(&payloads[first_part..], &mut versions)?;
        if random.percent(40) {
            let more = random.within(1..((payloads.len() - acknowledged) / 3).max(2));
            maker.acknowledge(more, &mut versions)?;
            acknowledged += more;
        }

        let last = versions.last().context("nothing was written")?;
        let placed = placed(last, &payloads)?;
        let ledger = Ledger::of(last).context("no ledger was written")?;
        ensure!(
            ledger.reader_last_record == acknowledged as u64
                && ledger.writer_next_record == payloads.len() as u64 + 1,
            "the ledger {ledger:?} is not that of {} records, {acknowledged} of them acknowledged",
            payloads.len()
        );
        let fingerprints = payloads.iter().map(|payload| fingerprint(payload)).collect();
        let acknowledged = acknowledged as u64;
        Ok(Self { key, mix, directory, versions, placed, acknowledged, ledger, fingerprints, nested })
    }

    /// The last version.
    pub fn image(&self) -> &Image {
        &self.versions[self.versions.len() - 1]
    }

    /// The bytes of an undamaged frame.
    pub fn frame(&self, placed: &Placed) -> &[u8] {
        let file = self.image().bytes(&crate::image::data_file(placed.file)).unwrap_or_default();
        &file[placed.at..placed.at + placed.bytes]
    }
}

/// Finds all frames. An error if they are not those of the last records, without a gap.
fn placed(image: &Image, payloads: &[Vec<u8>]) -> Result<Vec<Placed>> {
    let mut all: Vec<Placed> = Vec::new();
    for (file, bytes) in image.data_files() {
        for parsed in frame::parse(bytes).with_context(|| format!("data file {file} is not whole"))? {
            ensure!(
                all.last().is_none_or(|last| last.id + 1 == parsed.id),
                "record {} comes early",
                parsed.id
            );
            let payload = payloads.get(parsed.id as usize - 1).context("a record that was not written")?;
            ensure!(*payload == bytes[parsed.payload], "record {} has another payload", parsed.id);
            all.push(Placed { id: parsed.id, file, at: parsed.frame.start, bytes: parsed.frame.len() });
        }
    }
    ensure!(all.last().is_some_and(|last| last.id == payloads.len() as u64), "the last record is not there");
    Ok(all)
}

/// Makes a directory with the binary.
struct Maker<'a> {
    binary: &'a Binary,
    directory: &'a Path,
    size: FileSize,
}

impl Maker<'_> {
    fn write(&self, payloads: &[Vec<u8>], versions: &mut Vec<Image>) -> Result<()> {
        let mut input = Vec::new();
        for payload in payloads {
            input.extend_from_slice(&u32::try_from(payload.len())?.to_be_bytes());
            input.extend_from_slice(payload);
        }
        self.command(&["write", "--framing", "length"], &input, versions)
    }

    fn acknowledge(&self, records: usize, versions: &mut Vec<Image>) -> Result<()> {
        self.command(&["read", "--count", &records.to_string()], b"", versions)
    }

    /// Runs a command, and remembers what is in the directory then.
    fn command(&self, words: &[&str], input: &[u8], versions: &mut Vec<Image>) -> Result<()> {
        let arguments = arguments(words, self.directory, self.size)?;
        let ended: Ended = self.binary.run(&arguments, input)?;
        ensure!(
            ended.code == Some(0) && ended.stderr.is_empty(),
            "`{}`: {}",
            words.join(" "),
            ended.summary()
        );
        let none = Image::default();
        let mut image = Image::read(self.directory, versions.last().unwrap_or(&none))?;
        if let Some(sidecar) = image.bytes(SIDECAR).map(newer_slot_first) {
            image.set(SIDECAR, sidecar);
        }
        versions.push(image);
        Ok(())
    }
}

/// The arguments for a command on a buffer.
pub fn arguments(words: &[&str], directory: &Path, size: FileSize) -> Result<Vec<String>> {
    let directory = directory.to_str().context("the directory's name is no text")?;
    let words = words.iter().map(|word| (*word).to_owned());
    Ok(words.chain([directory.to_owned()]).chain(size.arguments()).collect())
}
