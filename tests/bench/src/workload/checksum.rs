//! The checksums of records whose bytes are in the page cache: no reader that verifies can be faster on one thread.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::Path,
    time::Instant,
};

use anyhow::Result;

use crate::{drive, payloads::Payloads, point::Sample, setup::Setup};

/// As much as Forebay reads at once.
const BLOCK_BYTES: usize = 256 << 10;

/// The figure has the name that it has for queues.
pub(super) fn measure(record_bytes: usize, setup: Setup) -> impl FnMut(&Path) -> Result<Sample> {
    let bytes = setup.bytes / 2;
    move |directory| {
        let path = directory.join("bytes");
        if !path.exists() {
            let payloads = Payloads::new(record_bytes, BLOCK_BYTES / record_bytes);
            let block = payloads.call(0, BLOCK_BYTES / record_bytes).concat();
            let mut file = File::create(&path)?;
            (0..bytes / BLOCK_BYTES).try_for_each(|_| file.write_all(&block))?;
        }
        let start = Instant::now();
        let file = File::open(&path)?;
        let (mut block, mut sum, mut at) = (vec![0; BLOCK_BYTES], 0_u64, 0_u64);
        while at < fs::metadata(&path)?.len() {
            file.read_exact_at(&mut block, at)?;
            at += u64::try_from(BLOCK_BYTES)?;
            for record in block.chunks(record_bytes) {
                sum = sum.wrapping_add(crc32fast::hash(record).into());
            }
        }
        std::hint::black_box(sum);
        let records = bytes / BLOCK_BYTES * (BLOCK_BYTES / record_bytes);
        Ok(vec![("consumed/s", drive::rate(records, start.elapsed()))])
    }
}
