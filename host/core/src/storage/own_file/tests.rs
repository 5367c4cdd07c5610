#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation
)]

use forebay_types::RecordId;
use proptest::prelude::*;

use super::*;
use crate::storage::{Amount, Checkpoint, FileBounds, FileId, Ledger, Usage};

const HERE: Identity = Identity { boot: [1; 16], owner: 7 };
const LATER_BOOT: Identity = Identity { boot: [2; 16], ..HERE };
const ELSEWHERE: Identity = Identity { owner: 8, ..HERE };
const OPENING: Opening = Opening { unix_seconds: 1_000, hides_ids: false };
const ID: RecordId = RecordId(7);

/// A file of which the disk may have an older version, block by block.
#[derive(Debug, Default)]
struct Fake(Mutex<Versions>);

#[derive(Debug, Default)]
struct Versions {
    live: Vec<u8>,
    on_disk: Vec<u8>,
    syncs_fail: bool,
}

impl Fake {
    /// The power fails: of each block that was written and not synced a part is on the disk, up to this share.
    fn lose_power(&self, shares: [u8; 3]) {
        let mut versions = self.0.lock().unwrap();
        let mut left = versions.on_disk.clone();
        left.resize(versions.live.len(), 0);
        for (block, share) in shares.into_iter().enumerate() {
            let start = (block * BLOCK_BYTES).min(left.len());
            let end = (start + BLOCK_BYTES * usize::from(share) / 255).min(left.len());
            left[start..end].copy_from_slice(&versions.live[start..end]);
        }
        (versions.live, versions.on_disk) = (left.clone(), left);
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().live.clone()
    }

    fn of(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Versions { live: bytes.clone(), on_disk: bytes, syncs_fail: false })))
    }
}

impl OwnBytes for Fake {
    fn read(&self) -> io::Result<Vec<u8>> {
        Ok(self.bytes())
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut versions = self.0.lock().unwrap();
        let at = offset as usize;
        let length = versions.live.len().max(at + bytes.len());
        versions.live.resize(length, 0);
        versions.live[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        let mut versions = self.0.lock().unwrap();
        if versions.syncs_fail {
            return Err(io::Error::other("no"));
        }
        versions.on_disk = versions.live.clone();
        Ok(())
    }
    fn ledger_changed_ns(&self) -> u64 {
        1
    }
}

/// A memo that is told from others by its number.
fn memo(number: u64) -> Memo {
    let file = FileId::new(3).unwrap();
    let amount = Amount::new(number, number * 48);
    let ledger = Ledger { writer_next_record: RecordId(number + 7), writer_data_file: file, ..Ledger::EMPTY };
    Memo {
        ledger,
        usage: Usage { received: amount, sent_or_dropped: amount, rejected: amount, ..Usage::default() },
        place: Some((file, 48)),
        checkpoints: vec![Checkpoint { file, offset: 48, next_id: RecordId(2) }],
        bounds: vec![
            FileBounds { file, bytes: 96, min: Some(RecordId(number + 1)), end: None },
            FileBounds { file, bytes: 0, min: Some(RecordId(0)), end: Some(RecordId(number + 2)) },
            FileBounds { file, bytes: 48, min: None, end: Some(RecordId(u64::MAX)) },
        ],
        is_degraded: number % 2 == 1,
        may_drop: number % 3 == 1,
    }
}

fn open(bytes: &Arc<Fake>, identity: Identity) -> OwnFile {
    OwnFile::open(Arc::clone(bytes) as Arc<dyn OwnBytes>, identity)
}

fn number(bytes: &Arc<Fake>, identity: Identity) -> Option<u64> {
    open(bytes, identity).recall().map(|recalled| {
        let number = recalled.memo.usage.received.events;
        assert_eq!(recalled.memo, memo(number));
        number
    })
}

/// The process died and the machine did not: nothing is lost, so nothing is to be told apart.
#[test]
fn a_killed_process_leaves_the_incarnation_as_it_was() {
    let bytes = Arc::default();
    let before = open(&bytes, HERE).opened(&memo(0), OPENING);
    assert_eq!(open(&bytes, HERE).opened(&memo(0), OPENING), before);
}

/// The machine went down without a close: ids may be given a second time.
#[test]
fn an_unclean_stop_and_another_boot_make_a_new_incarnation() {
    let bytes = Arc::default();
    let before = open(&bytes, HERE).opened(&memo(0), OPENING).of(ID);
    assert!(open(&bytes, LATER_BOOT).opened(&memo(0), OPENING).of(ID) > before);
}

/// After a clean close everything is durable: a reboot changes nothing.
#[test]
fn a_clean_stop_and_another_boot_keep_the_incarnation() {
    let bytes = Arc::default();
    let mut file = open(&bytes, HERE);
    let before = file.opened(&memo(0), OPENING);
    file.closed(&memo(1));
    assert_eq!(open(&bytes, LATER_BOOT).opened(&memo(1), OPENING), before);
}

/// A copy of the file beside another buffer's data must not say what is acknowledged there; a number of an incarnation
/// that it knows must not be given a second time, even by a clock that went back.
#[test]
fn a_file_from_elsewhere_is_not_believed_and_its_numbers_are_passed() {
    let bytes = Arc::default();
    let mut file = open(&bytes, ELSEWHERE);
    let before = file.opened(&memo(0), OPENING).of(ID);
    file.closed(&memo(1));
    let mut file = open(&bytes, HERE);
    assert_eq!(file.recall(), None);
    assert!(file.opened(&memo(0), OPENING).of(ID) > before);
}

/// What is written between syncs is there after the death of the process, and after a reboot it is not known what is.
#[test]
fn what_was_not_synced_is_believed_during_the_same_boot_only() {
    let bytes = Arc::default();
    let mut file = open(&bytes, HERE);
    file.opened(&memo(1), OPENING);
    file.remember(&memo(2));
    assert_eq!(number(&bytes, HERE), Some(2));
    assert_eq!(number(&bytes, LATER_BOOT), Some(1));
    file.prepare_sync()();
    assert_eq!(number(&bytes, LATER_BOOT), Some(2));
}

/// The operator has gone back to an older program: what the newer one remembers is not for this one to destroy.
#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let bytes: Arc<Fake> = Arc::default();
    open(&bytes, HERE).opened(&memo(1), OPENING);
    let mut later = bytes.bytes();
    later[8] = 3;
    let checksum = crc32fast::hash(&later[..BLOCK_BYTES - 4]).to_le_bytes();
    later[BLOCK_BYTES - 4..BLOCK_BYTES].copy_from_slice(&checksum);
    let bytes = Fake::of(later.clone());
    let mut file = open(&bytes, HERE);
    assert_eq!(file.recall(), None);
    assert!(file.opened(&memo(2), OPENING).of(ID) > 0, "records have names all the same");
    file.remember(&memo(3));
    file.prepare_sync()();
    file.closed(&memo(4));
    assert!(bytes.bytes() == later);
}

/// A disk may be full when there is something to note. Then the file must not need any more room.
#[test]
fn the_file_is_as_long_as_it_ever_is_from_the_opening_on() {
    for length in [0, 1, BLOCK_BYTES, 3 * BLOCK_BYTES] {
        let bytes = Fake::of(vec![7; length]);
        open(&bytes, HERE).opened(&memo(1), OPENING);
        assert_eq!(bytes.bytes().len(), 3 * BLOCK_BYTES, "{length}");
        assert_eq!(number(&bytes, HERE), Some(1), "{length}");
    }
}

/// Any byte may be damaged, in any block: what is believed was written once, and the next opening goes on from there.
#[test]
fn a_damaged_byte_costs_the_block_that_it_is_in() {
    let bytes: Arc<Fake> = Arc::default();
    let mut file = open(&bytes, HERE);
    file.opened(&memo(1), OPENING);
    file.remember(&memo(2));
    file.prepare_sync()();
    file.remember(&memo(3));
    let whole = bytes.bytes();
    assert_eq!(whole.len(), 3 * BLOCK_BYTES);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        let damaged = Fake::of(damaged);
        let expected = if at < 2 * BLOCK_BYTES { 3 } else { 2 };
        assert_eq!(number(&damaged, HERE), Some(expected), "byte {at}");
        let expected = if (BLOCK_BYTES..2 * BLOCK_BYTES).contains(&at) { 1 } else { 2 };
        assert_eq!(number(&damaged, LATER_BOOT), Some(expected), "byte {at}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Remember,
    Sync {
        ok: bool,
    },
    Close,
    /// The process dies.
    Kill,
    PowerLoss([u8; 3]),
}

/// Each with whether the disk can sync when another process opens the buffer after it.
fn steps() -> impl Strategy<Value = Vec<(Step, bool)>> {
    prop::collection::vec(
        (
            prop_oneof![
                4 => Just(Step::Remember),
                4 => any::<bool>().prop_map(|ok| Step::Sync { ok }),
                1 => Just(Step::Close),
                2 => Just(Step::Kill),
                2 => any::<[u8; 3]>().prop_map(Step::PowerLoss),
            ],
            any::<bool>(),
        ),
        1..40,
    )
}

proptest! {
    /// Wherever the power fails, in the middle of which write, after which failed syncs: what was synced last is there, or
    /// something later that was written too. What survives a kill is what was noted last.
    #[test]
    fn what_was_synced_last_survives_any_power_loss(steps in steps()) {
        let bytes: Arc<Fake> = Arc::default();
        let mut identity = HERE;
        let mut file = open(&bytes, identity);
        let (mut noted, mut synced) = (1, 1);
        let number_of = |incarnations: Incarnations| incarnations.starts().last().map(|start| start.1);
        let mut incarnation = number_of(file.opened(&memo(noted), OPENING));
        // The disk says that the buffer is open.
        let mut is_open_durable = true;
        for (step, can_sync_then) in steps {
            bytes.0.lock().unwrap().syncs_fail = matches!(step, Step::Sync { ok: false });
            match step {
                Step::Remember => {
                    noted += 1;
                    file.remember(&memo(noted));
                }
                Step::Sync { ok } => {
                    file.prepare_sync()();
                    synced = if ok { noted } else { synced };
                    is_open_durable |= ok;
                }
                Step::Close => {
                    file.closed(&memo(noted));
                    synced = noted;
                    is_open_durable = false;
                }
                Step::Kill => {}
                Step::PowerLoss(shares) => {
                    bytes.lose_power(shares);
                    identity.boot[0] += 1;
                }
            }
            if matches!(step, Step::Close | Step::Kill | Step::PowerLoss(_)) {
                let found = number(&bytes, identity).unwrap_or(0);
                let least = if matches!(step, Step::PowerLoss(_)) { synced } else { noted };
                prop_assert!((least..=noted).contains(&found), "{found} of {least} to {noted}");
                let was_open = is_open_durable && matches!(step, Step::PowerLoss(_));
                bytes.0.lock().unwrap().syncs_fail = !can_sync_then;
                file = open(&bytes, identity);
                let before = std::mem::replace(&mut incarnation, number_of(file.opened(&memo(found), OPENING)));
                prop_assert!(!was_open || before != incarnation, "records may be lost, and no one can tell");
                let was_killed = matches!(step, Step::Kill);
                // An opening waits for the disk only where the disk does not say yet that the buffer is open.
                synced = if was_killed || !can_sync_then { synced.min(found) } else { found };
                is_open_durable = can_sync_then || is_open_durable && was_killed;
                noted = found;
            }
        }
    }
}

/// A sync waits for much of what the killed process has written: an opening that needs none asks for none.
#[test]
fn an_opening_after_a_kill_syncs_nothing() {
    let bytes: Arc<Fake> = Arc::default();
    open(&bytes, HERE).opened(&memo(1), OPENING);
    let after_the_first = bytes.0.lock().unwrap().on_disk.clone();
    let mut file = open(&bytes, HERE);
    file.opened(&memo(2), OPENING);
    assert!(after_the_first == bytes.0.lock().unwrap().on_disk, "it was synced");
    assert_eq!(number(&bytes, HERE), Some(2));
    file.prepare_sync()();
    assert_eq!(number(&bytes, LATER_BOOT), Some(2));
}
