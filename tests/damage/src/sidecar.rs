//! The sidecar's layout, as far as damage at the same place must hit the same thing.

/// The length of a block. The first two of the file are the slots, which are written in turn.
const BLOCK_BYTES: usize = 4096;
/// Where in a block its sequence number stands: the higher one is the newer.
const SEQUENCE_AT: usize = 16;

/// The same sidecar with the newer of its two slots in front.
///
/// How often a process writes them depends on the time that its syncs take. So which slot is the newer one is not the same each
/// time that a base directory is made, and damage of the newer one is worse.
pub fn newer_slot_first(bytes: &[u8]) -> Vec<u8> {
    let mut sidecar = bytes.to_vec();
    if let Some(slots) = sidecar.get_mut(..2 * BLOCK_BYTES)
        && sequence(&slots[..BLOCK_BYTES]) < sequence(&slots[BLOCK_BYTES..])
    {
        slots.rotate_left(BLOCK_BYTES);
    }
    sidecar
}

fn sequence(block: &[u8]) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|at| block[SEQUENCE_AT + at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sidecar(sequences: [u64; 3]) -> Vec<u8> {
        let block = |sequence: u64| {
            let mut block = vec![7; BLOCK_BYTES];
            block[SEQUENCE_AT..SEQUENCE_AT + 8].copy_from_slice(&sequence.to_le_bytes());
            block
        };
        sequences.map(block).concat()
    }

    /// The third block is no slot: it stays where it is, however new it is.
    #[test]
    fn only_the_two_slots_change_places() {
        assert_eq!(newer_slot_first(&sidecar([4, 5, 6])), sidecar([5, 4, 6]));
        assert_eq!(newer_slot_first(&sidecar([5, 4, 6])), sidecar([5, 4, 6]));
    }

    #[test]
    fn a_sidecar_that_is_cut_short_stays_as_it_is() {
        let cut = &sidecar([4, 5, 6])[..2 * BLOCK_BYTES - 1];
        assert_eq!(newer_slot_first(cut), cut);
    }
}
