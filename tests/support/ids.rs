//! The ids in data files that hold nothing but whole frames. The host's own tests of instances that trap use it too.

use std::collections::BTreeSet;

/// The ids in all these data files, none of them twice.
#[track_caller]
pub(crate) fn ids_once(files: impl IntoIterator<Item = Vec<u8>>, at: &str) -> BTreeSet<u64> {
    let mut ids = BTreeSet::new();
    for bytes in files {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let frame = forebay_frame::decode(rest).expect("every frame is whole");
            assert!(ids.insert(frame.id.0), "{at}: {} is there twice", frame.id.0);
            rest = &rest[usize::try_from(frame.bytes).unwrap()..];
        }
    }
    ids
}
