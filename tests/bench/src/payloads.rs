//! The records that are written, and whether all of them have come out again.

use bytes::Bytes;

/// So much is made, and written again and again.
const BYTES: usize = 4 << 20;

/// Records of one length, all different, in a ring.
pub(crate) struct Payloads {
    ring: Vec<Bytes>,
    /// The sums of the first so many.
    sums: Vec<Sums>,
}

/// How records are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// At both ends: cheap enough not to be felt where it is timed.
    Ends,
    /// At every byte.
    Whole,
}

/// A count, and sums that do not depend on the order.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    ends: u64,
    whole: u64,
}

/// What has come out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    look: Look,
    pub(crate) records: usize,
    sum: u64,
}

impl Payloads {
    /// Records of so many bytes, for calls of so many.
    pub(crate) fn new(record_bytes: usize, batch: usize) -> Self {
        // Calls take whole batches of the ring.
        let records = (BYTES / record_bytes / batch).max(1) * batch;
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let ring: Vec<Bytes> = (0..records).map(|_| payload(&mut state, record_bytes)).collect();
        let mut sum = Sums::default();
        let mut sums = vec![sum];
        for record in &ring {
            sum = sum.plus(Sums { ends: Look::Ends.at(record), whole: Look::Whole.at(record) });
            sums.push(sum);
        }
        Self { ring, sums }
    }

    /// The records of a call, which begins at a multiple of the batch.
    pub(crate) fn call(&self, first: usize, records: usize) -> &[Bytes] {
        let start = first % self.ring.len();
        self.ring.get(start..start + records).unwrap_or_default()
    }

    /// What so many records come out as, from the first on.
    pub(crate) fn expected(&self, records: usize, look: Look) -> Tally {
        let of = |records: usize| {
            let sums = self.sums.get(records).copied().unwrap_or_default();
            if look == Look::Ends { sums.ends } else { sums.whole }
        };
        let rounds = u64::try_from(records / self.ring.len()).unwrap_or(u64::MAX);
        let sum = of(self.ring.len()).wrapping_mul(rounds).wrapping_add(of(records % self.ring.len()));
        Tally { look, records, sum }
    }
}

/// The next payload: bytes that do not repeat (xorshift).
fn payload(state: &mut u64, bytes: usize) -> Bytes {
    let mut payload = Vec::with_capacity(bytes + 8);
    while payload.len() < bytes {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        payload.extend_from_slice(&state.to_le_bytes());
    }
    payload.truncate(bytes);
    payload.into()
}

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self { ends: self.ends.wrapping_add(other.ends), whole: self.whole.wrapping_add(other.whole) }
    }
}

impl Look {
    fn at(self, record: &[u8]) -> u64 {
        if self == Self::Whole {
            return u64::from(crc32fast::hash(record)) + 1;
        }
        let first = record.first_chunk().copied().map_or(0, u64::from_le_bytes);
        let last = record.last_chunk().copied().map_or(0, u64::from_le_bytes);
        first ^ last.rotate_left(32)
    }
}

impl Tally {
    pub(crate) fn new(look: Look) -> Self {
        Self { look, records: 0, sum: 0 }
    }

    /// A record came out.
    pub(crate) fn add(&mut self, record: &[u8]) {
        self.records += 1;
        self.sum = self.sum.wrapping_add(self.look.at(record));
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { records: self.records + other.records, sum: self.sum.wrapping_add(other.sum), ..self }
    }

    /// Whether the same records came out.
    pub(crate) fn agrees(self, other: Self) -> bool {
        (self.records, self.sum) == (other.records, other.sum)
    }
}
