//! Who holds a buffer, found without taking a lock: asking by trying to lock keeps others out for that moment.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, BorrowedFd};

use cap_std::fs::MetadataExt as _;

use super::directory::Directory;
use super::lock::LOCK_NAME;

/// How often a list of locks that came in several pieces is read before a lock that is not in it counts as free.
const LISTINGS_MAX: usize = 8;

/// Who holds a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// No process that can be seen from here. The kernel does not show those of other PID namespaces, nor of other
    /// machines that share the directory.
    Free,
    /// A process, with its PID if the kernel told it.
    Held(Option<u32>),
    /// The system does not say: it has no readable `/proc/locks`.
    Unknown,
}

/// Who holds the buffer in a directory at this moment.
pub fn holder(directory: &Directory) -> Holder {
    let lock_file = directory.metadata(LOCK_NAME).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let itself = directory.itself().ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let mount = mount_device(directory.handle());
    for _ in 0..LISTINGS_MAX {
        let Ok(listing) = Listing::read() else { return Holder::Unknown };
        // The lock file first: a program that follows Vector's habit locks nothing else.
        let held = [lock_file, itself].into_iter().flatten().find_map(|(device, inode)| {
            // Btrfs and overlayfs tell user space of another device than the kernel itself goes by.
            let devices = [Some(split(device)), mount];
            let is_ours = |lock: &Lock| lock.inode == inode && devices.contains(&Some(lock.device));
            parse_locks(&listing.text).find(is_ours)
        });
        match held {
            Some(lock) => return Holder::Held(lock.pid),
            None if listing.is_of_one_instant => break,
            None => {}
        }
    }
    Holder::Free
}

/// The text of `/proc/locks`.
struct Listing {
    text: String,
    /// It came in one piece. Where it comes in several, locks that end meanwhile make others slip from the next piece into
    /// the one that was read before.
    is_of_one_instant: bool,
}

impl Listing {
    fn read() -> io::Result<Self> {
        let mut file = File::open("/proc/locks")?;
        let mut bytes = Vec::new();
        let mut pieces = 0;
        // The kernel gives a page at most, whole lines only, and less if it is asked for less.
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
            pieces += 1;
        }
        Ok(Self { text: String::from_utf8_lossy(&bytes).into_owned(), is_of_one_instant: pieces <= 1 })
    }
}

/// A lock that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lock {
    pid: Option<u32>,
    device: (u32, u32),
    inode: u64,
}

/// The whole-file locks in the text of `/proc/locks`. Those who wait for one are not holders.
fn parse_locks(text: &str) -> impl Iterator<Item = Lock> + '_ {
    text.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let kind = fields.next()?;
        let (pid, place) = (fields.nth(2)?, fields.next()?);
        let mut place = place.split(':');
        let major = u32::from_str_radix(place.next()?, 16).ok()?;
        let minor = u32::from_str_radix(place.next()?, 16).ok()?;
        let inode = place.next()?.parse().ok()?;
        let pid = pid.parse().ok().filter(|pid| *pid != 0);
        (kind == "FLOCK").then_some(Lock { pid, device: (major, minor), inode })
    })
}

/// The device that the kernel goes by for the file system that a file is on.
fn mount_device(file: BorrowedFd<'_>) -> Option<(u32, u32)> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    let mount = info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim();
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    parse_mounts(&mounts, mount)
}

/// The device of a mount in the text of `/proc/self/mountinfo`.
fn parse_mounts(text: &str, mount: &str) -> Option<(u32, u32)> {
    let mut fields = text
        .lines()
        .map(str::split_ascii_whitespace)
        .find_map(|mut fields| (fields.next() == Some(mount)).then_some(fields))?;
    let (major, minor) = fields.nth(1)?.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Linux's major and minor number.
#[cfg(target_os = "linux")]
fn split(device: u64) -> (u32, u32) {
    (rustix::fs::major(device), rustix::fs::minor(device))
}

/// There is no `/proc/locks` to compare them with.
#[cfg(not(target_os = "linux"))]
fn split(_device: u64) -> (u32, u32) {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel prints devices in hex and inodes in decimal; a mistake here names no process or the wrong one.
    #[test]
    fn locks_are_read_as_the_kernel_prints_them() {
        let text = "1: FLOCK  ADVISORY  WRITE 712 fe:10:655368 0 EOF\n\
                    2: POSIX  ADVISORY  WRITE 800 fe:10:655369 0 EOF\n\
                    3: OFDLCK ADVISORY  READ -1 fe:10:9 128 128\n\
                    4: FLOCK  ADVISORY  WRITE 0 00:2f:77 0 EOF\n";
        let locks: Vec<_> = parse_locks(text).collect();
        let first = Lock { pid: Some(712), device: (0xfe, 0x10), inode: 655_368 };
        assert_eq!(locks, [first, Lock { pid: None, device: (0, 0x2f), inode: 77 }]);
    }

    /// A process that waits for the lock does not hold it.
    #[test]
    fn who_waits_for_a_lock_is_no_holder() {
        let text = "1: -> FLOCK  ADVISORY  WRITE 9 fe:00:5 0 EOF\n";
        assert_eq!(parse_locks(text).count(), 0);
    }

    /// Whatever the kernel prints one day, asking must not fail.
    #[test]
    fn lines_of_another_form_are_passed_over() {
        let text = "\n1:\nFLOCK\n1: FLOCK ADVISORY WRITE\n1: FLOCK ADVISORY WRITE 5 zz:00:5\n1: FLOCK A W 5 fe:00 0 EOF\n";
        assert_eq!(parse_locks(text).count(), 0);
    }

    /// On btrfs and overlayfs this number, not the one from stat, is found in `/proc/locks`.
    #[test]
    fn the_device_of_a_mount_is_found_by_its_id() {
        let text =
            "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n220 22 0:45 /sub /mnt rw - btrfs /dev/vdb rw\n";
        assert_eq!(parse_mounts(text, "220"), Some((0, 45)));
        assert_eq!(parse_mounts(text, "2"), None);
    }
}
