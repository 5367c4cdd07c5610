//! What an archive begins and ends with. Between the two are frames, as data files hold them.
//!
//! ```text
//! head, 48 bytes: "forebay dump  2\n" | first id u64 | length of the options u64 | their checksum u64 | checksum u32 | 0 u32
//! options, TOML, with newlines up to a multiple of 8
//! frames
//! end, 56 bytes:  "forebay dump end" | records u64 | events u64 | next id u64 | first id u64 | checksum u32 | 0 u32
//! ```
//!
//! An archive that begins with "forebay dump  1\n" has no options: its head is 32 bytes long, without the two numbers of theirs.
//!
//! All numbers are big-endian. A checksum is the CRC-32 of what stands before it.

/// How long the head is.
pub(super) const HEAD_BYTES: usize = 48;

/// How long the head of an archive without options is.
const FORMER_HEAD_BYTES: usize = 32;

/// How long the end is.
pub(super) const END_BYTES: usize = 56;

const HEAD_MAGIC: &[u8; 16] = b"forebay dump  2\n";
const FORMER_HEAD_MAGIC: &[u8; 16] = b"forebay dump  1\n";
const END_MAGIC: &[u8; 16] = b"forebay dump end";

/// What stands in front of the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The first event that was not acknowledged.
    pub(super) first_id: u64,
    /// How long the options are that follow.
    pub(super) options_bytes: u64,
    pub(super) options_checksum: u64,
}

/// What stands behind the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// How many records there are.
    pub(super) records: u64,
    /// How many events they hold. A frame's own checksum does not vouch for that.
    pub(super) events: u64,
    /// The id behind them.
    pub(super) next_id: u64,
    /// See [`Head::first_id`]. Higher where records were acknowledged while the archive was written.
    pub(super) first_id: u64,
}

impl Head {
    pub(super) fn encode(self) -> Vec<u8> {
        sealed(HEAD_MAGIC, &[self.first_id, self.options_bytes, self.options_checksum])
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if Self::bytes_of(bytes) == FORMER_HEAD_BYTES {
            let [first_id] = unsealed(bytes.get(..FORMER_HEAD_BYTES)?, FORMER_HEAD_MAGIC)?;
            return Some(Self { first_id, options_bytes: 0, options_checksum: 0 });
        }
        let [first_id, options_bytes, options_checksum] = unsealed(bytes.get(..HEAD_BYTES)?, HEAD_MAGIC)?;
        Some(Self { first_id, options_bytes, options_checksum })
    }

    /// How long a head is that begins like this, whole or not.
    pub(super) fn bytes_of(bytes: &[u8]) -> usize {
        if bytes.starts_with(FORMER_HEAD_MAGIC) { FORMER_HEAD_BYTES } else { HEAD_BYTES }
    }
}

impl End {
    pub(super) fn encode(self) -> Vec<u8> {
        sealed(END_MAGIC, &[self.records, self.events, self.next_id, self.first_id])
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let [records, events, next_id, first_id] = unsealed(bytes.get(..END_BYTES)?, END_MAGIC)?;
        Some(Self { records, events, next_id, first_id })
    }

    /// Whether these bytes were meant to be one.
    pub(super) fn is_meant(bytes: &[u8]) -> bool {
        bytes.starts_with(END_MAGIC)
    }
}

fn sealed(magic: &[u8; 16], numbers: &[u64]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    for number in numbers {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

fn unsealed<const N: usize>(bytes: &[u8], magic: &[u8; 16]) -> Option<[u64; N]> {
    let (sealed, rest) = bytes.split_at_checked(magic.len() + 8 * N)?;
    let (checksum, padding) = rest.split_first_chunk::<4>()?;
    if u32::from_be_bytes(*checksum) != crc32fast::hash(sealed) || padding != [0; 4] {
        return None;
    }
    let mut numbers = [0; N];
    let (chunks, _) = sealed.strip_prefix(magic)?.as_chunks::<8>();
    for (number, chunk) in numbers.iter_mut().zip(chunks) {
        *number = u64::from_be_bytes(*chunk);
    }
    Some(numbers)
}
