//! The options that a buffer remembers, in `buffer.options` in its directory. What is chosen for one command goes before.

mod values;

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use anyhow::Context as _;
use forebay::Options;
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use tracing::warn;

use self::values::{Interval, Named, Size};
use crate::{
    args::{BufferArgs, Durability, SizeArgs, Term, WhenFull},
    options,
};

/// The name of the file. Forebay and Vector ignore names that begin with `buffer.` and are not theirs.
pub(crate) const NAME: &str = "buffer.options";

/// The name under which it is made ready.
const NEW_NAME: &str = "buffer.options.new";

/// The longest file that is read.
const BYTES_MAX: u64 = 64 << 10;

/// What stands above the options.
const HEAD: &str =
    "# The options of this buffer, by the names that they have on the command line. A flag goes before them.
# 'forebay init DIR --max-size 10GiB' changes one; this file may be edited or removed as well.

";

/// Options as the file has them: those that were chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Remembered {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_size: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_events: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_record: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when_full: Option<Named<WhenFull>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    durability: Option<Named<Durability>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_interval: Option<Interval>,
}

impl Remembered {
    /// What the buffer in a directory remembers; nothing if it has no such file.
    pub(crate) fn of(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(NAME);
        let fail = |what: String| {
            format!(
                "cannot use the options of the buffer, {}: {what}; correct the file, or remove it to go by flags and defaults",
                path.display()
            )
        };
        let file = match open_regular(&path) {
            // There is none. Where the directory itself cannot be had, its opening says why.
            Err(_) if path.symlink_metadata().is_err() => return Ok(Self::default()),
            opened => opened.map_err(|error| anyhow::anyhow!(fail(error.to_string())))?,
        };
        let mut text = String::new();
        io::Read::read_to_string(&mut io::Read::take(file, BYTES_MAX), &mut text)
            .map_err(|error| anyhow::anyhow!(fail(error.to_string())))?;
        Self::parse(&text).map_err(|error| anyhow::anyhow!(fail(error)))
    }

    /// The same where a damaged file must not be in the way: of a buffer whose records are taken elsewhere.
    pub(crate) fn of_or_none(dir: &Path) -> Self {
        Self::of(dir).unwrap_or_else(|error| {
            warn!(error = format!("{error:#}"), "the options of the buffer do not go along with its records");
            Self::default()
        })
    }

    /// Options from TOML. The error says in one line what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| in_one_line(&error, text))
    }

    /// These options as TOML.
    pub(crate) fn text(&self) -> anyhow::Result<String> {
        toml::to_string(self).context("cannot put the options into TOML")
    }

    /// What a new buffer remembers that gets the records of the buffer with these options; the size of its data files, and the most that
    /// all may hold, in bytes.
    pub(crate) fn of_new(mut self, given: &SizeArgs) -> anyhow::Result<(Self, (u64, u64))> {
        self.file_size = given.file_size.map(Size).or(self.file_size);
        self.max_size = given.max_size.map(Size).or(self.max_size);
        let bytes = |size: Option<Size>| size.map(|Size(bytes)| bytes);
        let mut options = Options::default();
        options.set_sizes(bytes(self.file_size), bytes(self.max_size));
        options.check()?;
        let most = bytes(self.max_size).unwrap_or(u64::MAX);
        Ok((self, (options.file_bytes, most)))
    }

    /// Makes the buffer in a directory remember these. Its lock is held.
    pub(crate) fn store(&self, dir: &Path) -> anyhow::Result<()> {
        let text = self.text()?;
        let store = || -> io::Result<()> {
            let new = dir.join(NEW_NAME);
            // What stands there may lead elsewhere.
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = File::create_new(&new)?;
            file.write_all(HEAD.as_bytes())?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(new, dir.join(NAME))?;
            // Not every file system can. A name that a power loss takes can be given again.
            let _ = File::open(dir)?.sync_all();
            Ok(())
        };
        store().with_context(|| format!("cannot write {}", dir.join(NAME).display()))
    }

    /// These options with those that were chosen for a command.
    #[must_use]
    pub(crate) fn with_chosen(&self, args: &BufferArgs) -> Self {
        let mut all = self.clone();
        for term in Term::ALL.into_iter().filter(|term| args.chosen.contains(term)) {
            match term {
                Term::FileSize => all.file_size = args.file_size.map(Size),
                Term::MaxSize => all.max_size = args.max_size.map(Size),
                Term::MaxEvents => all.max_events = Some(args.max_events),
                Term::MaxRecord => all.max_record = args.max_record.map(Size),
                Term::WhenFull => all.when_full = Some(Named(args.when_full)),
                Term::Durability => all.durability = Some(Named(args.durability)),
                Term::SyncInterval => all.sync_interval = Some(Interval(args.sync_interval)),
                // A file elsewhere is nothing of the buffer's, and what needs it goes with it.
                Term::Retain | Term::Component => {}
            }
        }
        all
    }

    /// Gives a command what is remembered and was not chosen for it.
    fn apply(&self, args: &mut BufferArgs) {
        let is_free = |term| !args.chosen.contains(&term);
        let (file_size, max_size) = (is_free(Term::FileSize), is_free(Term::MaxSize));
        let (max_events, max_record) = (is_free(Term::MaxEvents), is_free(Term::MaxRecord));
        let when_full = is_free(Term::WhenFull);
        let (durability, sync_interval) = (is_free(Term::Durability), is_free(Term::SyncInterval));
        set(&mut args.file_size, self.file_size.map(|Size(bytes)| Some(bytes)), file_size);
        set(&mut args.max_size, self.max_size.map(|Size(bytes)| Some(bytes)), max_size);
        set(&mut args.max_events, self.max_events, max_events);
        set(&mut args.max_record, self.max_record.map(|Size(bytes)| Some(bytes)), max_record);
        set(&mut args.when_full, self.when_full.map(|Named(value)| value), when_full);
        set(&mut args.durability, self.durability.map(|Named(value)| value), durability);
        set(&mut args.sync_interval, self.sync_interval.map(|Interval(time)| time), sync_interval);
    }

    /// What these have that differs from others, as lines of TOML: name, this value, the other.
    fn differences(&self, others: &Self) -> Vec<(String, String, String)> {
        let table = |options: &Self| toml::Table::try_from(options).unwrap_or_default();
        let (here, there) = (table(self), table(others));
        let differs = |(name, value): (String, toml::Value)| {
            let other = there.get(&name).filter(|other| **other != value)?;
            Some((name, plain(&value), plain(other)))
        };
        here.into_iter().filter_map(differs).collect()
    }

    /// Each option, by the name of its flag.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let table = toml::Table::try_from(self).unwrap_or_default();
        table.into_iter().map(|(name, value)| (name, plain(&value))).collect()
    }

    /// Whether nothing is.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Opens a file that must be a regular one: a symbolic link could lead anywhere, and a pipe would make us wait.
fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::LOOP) => return Err(io::Error::other("it is a symbolic link, and none is followed")),
        opened => File::from(opened?),
    };
    let is_file = file.metadata()?.is_file();
    if is_file { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

fn set<T>(option: &mut T, remembered: Option<T>, is_free: bool) {
    if let Some(value) = remembered.filter(|_| is_free) {
        *option = value;
    }
}

/// Completes the options of a command with those that the buffer remembers. Says where the two differ, unless the command is the one
/// that changes what is remembered.
pub(crate) fn recall(dir: &Path, args: &mut BufferArgs, changes_them: bool) -> anyhow::Result<()> {
    let remembered = Remembered::of(dir)?;
    let chosen = Remembered::default().with_chosen(args);
    for (name, here, there) in chosen.differences(&remembered).into_iter().filter(|_| !changes_them) {
        let flag = format!("--{name}");
        let term = Term::ALL.into_iter().find(|term| term.flag() == flag);
        let name = term.map_or(flag, |term| args.name_of(term));
        warn!(
            "{name} is {here} for this command; the buffer remembers {there} ('forebay init' changes that)"
        );
    }
    args.as_given = Some(Box::new(args.clone()));
    remembered.apply(args);
    let chosen = chosen.lines();
    let mut used = remembered.lines();
    used.retain(|(name, _)| chosen.iter().all(|(other, _)| other != name));
    if !used.is_empty() {
        let used: Vec<_> = used.into_iter().map(|(name, value)| format!("{name} = {value}")).collect();
        options::of(args).with_context(|| format!("the buffer remembers {} in {NAME}", used.join(", ")))?;
    }
    Ok(())
}

/// The options of a command that has waited for the buffer's lock: another one may have changed what the buffer remembers meanwhile.
/// `None` where it went by nothing that is remembered.
pub(crate) fn recall_again(dir: &Path, args: &BufferArgs) -> anyhow::Result<Option<BufferArgs>> {
    let Some(given) = &args.as_given else { return Ok(None) };
    let mut now = BufferArgs::clone(given);
    Remembered::of(dir)?.apply(&mut now);
    Ok(Some(now))
}

/// A buffer that was just made remembers what was chosen for it.
pub(crate) fn remember_first(dir: &Path, args: &BufferArgs) {
    let chosen = Remembered::default().with_chosen(args);
    if chosen.is_empty() || dir.join(NAME).symlink_metadata().is_ok() {
        return;
    }
    if let Err(error) = chosen.store(dir) {
        warn!(
            error = format!("{error:#}"),
            "the buffer does not remember its options: give them to each command"
        );
    }
}

/// A value without the quotes of TOML.
fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn in_one_line(error: &toml::de::Error, text: &str) -> String {
    let line =
        error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let said = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    line.map_or_else(|| said.clone(), |line| format!("line {line}: {said}"))
}
