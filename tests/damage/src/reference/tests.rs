//! The reference must notice what goes wrong, so here everything does once.

use std::path::PathBuf;

use super::*;
use crate::{
    base::{BaseKey, FileSize, Placed},
    frame::{self, TRAILER_BYTES},
    generator::Class,
    image::data_file,
    kinds::Kind,
    payloads::{Mix, Nested},
    random::Random,
};

/// Two files of ten records each, the first three of which are acknowledged. Record 15 holds a frame of record 16.
fn base() -> Base {
    let inner = frame::encode(16, b"no record of this buffer");
    let payloads: Vec<Vec<u8>> = (1..=20)
        .map(|id| if id == 15 { inner.clone() } else { format!("this is record {id:03}").into_bytes() })
        .collect();
    let (mut image, mut placed) = (Image::default(), Vec::new());
    for file in 0..2_u16 {
        let mut bytes = Vec::new();
        for id in u64::from(file) * 10 + 1..=u64::from(file) * 10 + 10 {
            let frame = frame::encode(id, &payloads[id as usize - 1]);
            placed.push(Placed { id, file, at: bytes.len(), bytes: frame.len() });
            bytes.extend(frame);
        }
        image.set(&data_file(file), bytes);
    }
    Base {
        key: BaseKey { size: FileSize::Small, number: 0 },
        mix: Mix::Nested,
        directory: PathBuf::new(),
        versions: vec![image],
        placed,
        acknowledged: 3,
        ledger: Ledger {
            writer_next_record: 21,
            writer_data_file: 1,
            reader_data_file: 0,
            reader_last_record: 3,
        },
        fingerprints: payloads.iter().map(|payload| fingerprint(payload)).collect(),
        nested: vec![Nested::inside(15, &inner, 16, b"no record of this buffer".to_vec(), 0)],
    }
}

/// What is delivered if these records come.
fn delivery(base: &Base, ids: impl IntoIterator<Item = u64>) -> Vec<Delivered> {
    let record = |id: u64| Delivered { id, events: 1, fingerprint: base.fingerprints[id as usize - 1] };
    ids.into_iter().map(record).collect()
}

fn judge(bed: &Bed<'_>, delivered: &[Delivered]) -> Judgement {
    Reference::new(bed, bed.base.image(), States::INTACT).judge(delivered)
}

/// Swapped and repeated frames leave more than one rising run; only the longest one's length is demanded.
#[test]
fn the_longest_rising_run_counts() {
    for (ids, length) in [
        (&[][..], 0),
        (&[1, 2, 3], 3),
        (&[1, 2, 4, 3, 5], 4),
        (&[9, 1, 2, 3], 3),
        (&[1, 1, 1], 1),
        (&[3, 2, 1], 1),
        (&[5, 6, 1, 2, 3, 7], 4),
    ] {
        assert_eq!(longest_rising_run(ids.iter().copied()), length, "{ids:?}");
    }
}

/// A reference that demands too little would find nothing.
#[test]
fn each_record_that_does_not_come_is_noticed() {
    let base = base();
    let bed = Bed::new(&base);
    let all = judge(&bed, &delivery(&base, 4..=20));
    assert_eq!(all, Judgement { deliverable: 17, ..Judgement::default() });
    for left_out in 4..=20 {
        let judgement = judge(&bed, &delivery(&base, (4..=20).filter(|&id| id != left_out)));
        assert_eq!(judgement, Judgement { not_delivered: 1, ..all }, "{left_out}");
    }
}

/// A record that was never written, that comes twice, that goes back, or that was acknowledged.
#[test]
fn each_record_that_must_not_come_is_noticed() {
    let base = base();
    let bed = Bed::new(&base);
    let right = Judgement { deliverable: 17, ..Judgement::default() };

    let mut other_payload = delivery(&base, 4..=20);
    other_payload[5].fingerprint ^= 1;
    assert_eq!(judge(&bed, &other_payload), Judgement { invented: 1, not_delivered: 1, ..right });
    let mut more_events = delivery(&base, 4..=20);
    more_events[5].events = 2;
    assert_eq!(judge(&bed, &more_events), Judgement { invented: 1, not_delivered: 1, ..right });
    let mut never_written = delivery(&base, 4..=20);
    never_written.push(Delivered { id: 21, ..never_written[0] });
    assert_eq!(judge(&bed, &never_written), Judgement { invented: 1, ..right });

    let twice = delivery(&base, (4..=9).chain(9..=20));
    assert_eq!(judge(&bed, &twice), Judgement { out_of_order: 1, ..right });
    let back = delivery(&base, (5..=20).chain([4]));
    assert_eq!(judge(&bed, &back), Judgement { out_of_order: 1, ..right });
    let acknowledged = delivery(&base, 3..=20);
    assert_eq!(judge(&bed, &acknowledged), Judgement { repeated: 1, ..right });
}

/// The reference goes by the bytes: one that overlooked a damage would demand what is not there any more.
#[test]
fn a_frame_that_any_byte_of_was_changed_is_not_demanded() {
    let base = base();
    let placed = base.placed[7];
    for at in placed.at..placed.at + placed.bytes {
        let mut bed = Bed::new(&base);
        let byte = bed.file(0)[at] ^ 1;
        bed.overwrite(0, at, &[byte]).unwrap();
        let judgement = judge(&bed, &delivery(&base, (4..=20).filter(|&id| id != 8)));
        assert_eq!(judgement, Judgement { deliverable: 16, ..Judgement::default() }, "{at}");
        let undamaged = judge(&Bed::new(&base), &delivery(&base, (4..=20).filter(|&id| id != 8)));
        assert_eq!(undamaged.not_delivered, 1);
    }
}

/// Frames move with what is inserted or removed before them, and are then still demanded.
#[test]
fn frames_that_have_moved_are_demanded() {
    let base = base();
    let mut bed = Bed::new(&base);
    bed.insert(0, base.placed[4].at, &[7; 5]).unwrap();
    let removed = base.placed[12];
    bed.remove(1, removed.at..removed.at + removed.bytes).unwrap();
    // Within record 7.
    let seventh = bed.range(bed.spots()[6]);
    bed.remove(0, seventh.start + 10..seventh.start + 11).unwrap();
    let judgement = judge(&bed, &delivery(&base, []));
    assert_eq!((judgement.deliverable, judgement.not_delivered), (15, 15));
}

/// Of two swapped frames a reader can deliver one, whichever it likes.
#[test]
fn swapped_frames_cost_one_record() {
    let base = base();
    let (fifth, sixth) = (base.placed[4], base.placed[5]);
    let mut bed = Bed::new(&base);
    let swapped = [base.frame(&sixth), base.frame(&fifth)].concat();
    bed.overwrite(0, fifth.at, &swapped).unwrap();
    bed.add_spot(Spot { frame: 5, file: 0, at: fifth.at });
    bed.add_spot(Spot { frame: 4, file: 0, at: fifth.at + sixth.bytes });
    for left_out in [5, 6] {
        let judgement = judge(&bed, &delivery(&base, (4..=20).filter(|&id| id != left_out)));
        assert_eq!(judgement, Judgement { deliverable: 16, ..Judgement::default() });
    }
    assert_eq!(judge(&bed, &delivery(&base, (4..=20).filter(|&id| id != 7))).not_delivered, 0);
    assert_eq!(judge(&bed, &delivery(&base, (4..=20).filter(|&id| !(5..=7).contains(&id)))).not_delivered, 2);
}

/// A frame in a payload that has the payload around it is no record, whatever became of the true one.
#[test]
fn a_frame_from_a_payload_counts_only_without_both_ends_around_it() {
    let base = base();
    let (outer, true_one) = (base.placed[14], base.placed[15]);
    let inner = Delivered { id: 16, events: 1, fingerprint: fingerprint(b"no record of this buffer") };
    let mut came = delivery(&base, (4..=20).filter(|&id| id != 15));
    came[11] = inner;
    for (prefix, trailer, gone, undecidable) in [
        (true, true, true, true),
        (true, true, false, false),
        (true, false, true, false),
        (false, true, true, false),
        (false, false, false, false),
    ] {
        let mut bed = Bed::new(&base);
        if prefix {
            bed.overwrite(1, outer.at, &[1]).unwrap();
        }
        if trailer {
            bed.overwrite(1, outer.at + outer.bytes - TRAILER_BYTES, &[!0; 4]).unwrap();
        }
        if gone {
            bed.overwrite(1, true_one.at + 9, b"!").unwrap();
        }
        let judgement = judge(&bed, &came);
        let expected = if undecidable { (1, 0) } else { (0, 1) };
        assert_eq!((judgement.undecidable, judgement.invented), expected, "{prefix} {trailer} {gone}");
    }
}

/// One false length leaves a record whole, and so a frame in a payload.
#[test]
fn a_frame_is_the_same_with_one_false_length_and_another_with_two() {
    let frame = frame::encode(7, b"a payload");
    let trailer = frame.len() - TRAILER_BYTES;
    let lengths = [7, trailer + frame::POINTER_AT, trailer + frame::PAYLOAD_LENGTH_AT];
    for one in lengths {
        for other in lengths {
            let mut bytes = frame.clone();
            bytes[one] ^= 8;
            bytes[other] ^= 1;
            assert_eq!(frame::is_but_for_a_length(&bytes, &frame), one == other, "{one} {other}");
        }
    }
    for at in (8..frame.len()).filter(|at| !(trailer + frame::POINTER_AT..trailer + 28).contains(at)) {
        let mut bytes = frame.clone();
        bytes[at] ^= 1;
        let is_checksum_of_events = at >= trailer + 28;
        assert_eq!(frame::is_but_for_a_length(&bytes, &frame), is_checksum_of_events, "{at}");
    }
}

/// A false ledger of which no copy is left cannot be told from a true one; any other counts for nothing.
#[test]
fn only_a_false_ledger_without_a_copy_waives_records() {
    let base = base();
    let bed = Bed::new(&base);
    for (ledger, sidecar, next, last, deliverable) in [
        (State::Damaged, State::Missing, 21, 11, 9),
        (State::Damaged, State::Old, 21, 11, 9),
        (State::Damaged, State::Intact, 21, 11, 17),
        (State::Old, State::Missing, 21, 11, 17),
        (State::Damaged, State::Missing, 21, 21, 17),
        (State::Damaged, State::Missing, 21, 1, 17),
    ] {
        let mut image = base.image().clone();
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&u64::to_le_bytes(next));
        bytes[16..].copy_from_slice(&u64::to_le_bytes(last));
        image.set(crate::image::LEDGER, bytes.to_vec());
        let reference = Reference::new(&bed, &image, States { ledger, sidecar });
        assert_eq!(reference.deliverable(), deliverable, "{ledger} {sidecar} {last}");
        // Delivering what was acknowledged is forbidden only where the ledger says that it was.
        let all = reference.judge(&delivery(&base, 1..=20));
        assert_eq!((all.repeated, all.not_delivered), (0, 0));
    }
}

/// A kind of damage that changes nothing, or one whose class is milder than it is, would make the figures better than they are.
#[test]
fn each_kind_changes_the_files_and_says_where() {
    let base = base();
    for kind in Kind::ALL {
        let mut applied = 0;
        for seed in 0..200 {
            let mut bed = Bed::new(&base);
            let Some(damage) = kind.apply(&mut bed, &mut Random::new(&[seed])) else { continue };
            applied += 1;
            let undamaged = Bed::new(&base);
            assert_ne!(bed.files(), undamaged.files(), "{damage:?}");
            assert!(!damage.places.is_empty(), "{damage:?}");
            for (&file, bytes) in bed.files().iter().filter(|_| kind.moves_nothing()) {
                for (at, byte) in bytes.iter().enumerate() {
                    let is_told =
                        damage.places.iter().any(|place| place.file == file && place.bytes.contains(&at));
                    assert!(is_told || *byte == undamaged.file(file)[at], "{at}: {damage:?}");
                }
            }
        }
        assert!(applied > 20, "{kind:?} was done {applied} times");
    }
}

/// Two damages in one frame may lose more than two in different ones, and have no limit.
#[test]
fn damages_that_share_a_frame_are_a_class_of_their_own() {
    let base = base();
    let flip = |at: usize| {
        let mut bed = Bed::new(&base);
        let place = bed.overwrite(0, at, &[0xee]).unwrap();
        crate::bed::Damage { kind: Kind::Bit, places: vec![place], text: String::new() }
    };
    let (fifth, sixth) = (base.placed[4], base.placed[5]);
    let class = |damages: &[crate::bed::Damage]| Class::of(&base, damages);
    assert_eq!(class(&[flip(fifth.at)]), Class::FewValues);
    assert_eq!(class(&[flip(fifth.at), flip(sixth.at)]), Class::FewValues);
    assert_eq!(class(&[flip(fifth.at), flip(sixth.at - 1)]), Class::FewOthers);
    assert_eq!(class(&[flip(fifth.at), flip(sixth.at), flip(0)]), Class::Many);
}
