//! What a process holds in memory for records that were delivered and are not acknowledged, as the kernel counts it.

use std::{fs, process::Command};

use forebay::{Buffer, Limits};

use super::{attacks::Attack, component};
use crate::support::storage::options;

/// In the process that measures: many tests share the one that starts it.
const MEASURES: &str = "FOREBAY_TEST_MEASURES_HELD_MEMORY";

/// Records of 150 bytes, each in a data file of its own, as logic may place them. With a block of 256 KiB for each they held
/// 250 MiB.
const RECORDS: usize = 1000;

/// What is documented.
const MOST_KIB: u64 = 80 << 10;

/// The memory that this process has, in KiB.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap()
}

/// A consumer that holds its records must not take the machine's memory with them.
#[test]
fn small_records_of_many_files_hold_little_memory() {
    if std::env::var_os(MEASURES).is_some() {
        return measure();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "--nocapture",
        "containment::holding::small_records_of_many_files_hold_little_memory",
    ]);
    let output = child.env(MEASURES, "1").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let grown = told.split_whitespace().find_map(|word| word.strip_prefix("grown_kib="));
    print!("{told}");
    let grown: u64 = grown.unwrap_or_else(|| panic!("{output:?}")).parse().unwrap();
    println!("{RECORDS} records of 150 bytes, each in a data file of its own: {} MiB", grown >> 10);
    assert!(output.status.success() && grown < MOST_KIB, "{grown} KiB");
}

fn measure() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    (options.max_bytes, options.file_bytes) = (64 << 20, 4 << 10);
    options.max_unacknowledged_records = RECORDS;
    let build = || Buffer::builder_with(directory.path(), options);
    let buffer = build().component(component(Attack::Files)).limits(Limits::default()).open().unwrap();
    for _ in 0..RECORDS / 100 {
        let records = (0..100).map(|_| forebay::NewRecord::new(vec![b'x'; 150])).collect::<Vec<_>>();
        assert_eq!(buffer.writer().write_batch(records).unwrap().records, 100);
    }
    drop(buffer);
    let buffer = build().open().unwrap();
    assert!(buffer.status().unwrap().files >= RECORDS);
    let before = resident_kib();
    let reader = buffer.reader();
    let held: Vec<_> = (0..RECORDS).flat_map(|_| reader.try_next_batch(1).unwrap()).collect();
    assert_eq!(held.len(), RECORDS);
    let after = resident_kib();
    println!("grown_kib={} of {after} KiB", after.saturating_sub(before));
    assert!(buffer.status().unwrap().unacknowledged_memory_bytes <= 80 << 20);
}
