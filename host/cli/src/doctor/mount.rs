//! What the place is mounted from.

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{Check, Verdict};

const SUBJECT: &str = "file system";

/// One line of `/proc/self/mountinfo`.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    point: PathBuf,
    kind: String,
    options: String,
}

/// Looks at the mount that a directory is in.
pub(super) fn check(dir: &Path) -> anyhow::Result<Check> {
    let path = fs::canonicalize(dir).with_context(|| format!("cannot find {}", dir.display()))?;
    let Ok(table) = fs::read_to_string("/proc/self/mountinfo") else {
        return Ok(Check::new(SUBJECT, Verdict::Note, "unknown: /proc/self/mountinfo cannot be read"));
    };
    // Later mounts hide earlier ones at the same point.
    let above = table.lines().filter_map(Mount::parse).filter(|mount| path.starts_with(&mount.point));
    let Some(mount) = above.max_by_key(|mount| mount.point.components().count()) else {
        return Ok(Check::new(SUBJECT, Verdict::Note, "unknown: no mount holds the directory"));
    };
    Ok(mount.judge())
}

impl Mount {
    fn parse(line: &str) -> Option<Self> {
        let (first, second) = line.split_once(" - ")?;
        let mut first = first.split(' ').skip(4);
        let (point, own) = (first.next()?, first.next()?);
        let mut second = second.split(' ');
        let (kind, _, of_all) = (second.next()?, second.next()?, second.next()?);
        let point = PathBuf::from(OsString::from_vec(unescaped(point)));
        Some(Self { point, kind: kind.to_owned(), options: format!("{own},{of_all}") })
    }

    fn judge(self) -> Check {
        let has = |wanted: &str| self.options.split(',').any(|option| option == wanted);
        let (verdict, remark) = match &*self.kind {
            _ if has("ro") => {
                (Verdict::Bad, "it is mounted for reading only: remount it with `mount -o remount,rw`")
            }
            _ if has("nobarrier") || has("barrier=0") => (
                Verdict::Bad,
                "without barriers a power failure may take what was synced: mount it without that option",
            ),
            "tmpfs" | "ramfs" => (Verdict::Bad, "it is in memory: nothing survives a restart of the machine"),
            "overlay" => (Verdict::Note, "it may go with its container: mount a volume for the buffer"),
            "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "ceph" | "glusterfs" | "lustre" => {
                (Verdict::Bad, "locks and syncs over a network are not what a buffer needs: use a local disk")
            }
            kind if kind.starts_with("fuse") => {
                (Verdict::Note, "what a sync is worth depends on the program behind it")
            }
            "vfat" | "exfat" | "msdos" => {
                (Verdict::Note, "it keeps no journal: a power failure may damage it")
            }
            _ => (Verdict::Ok, ""),
        };
        let separator = if remark.is_empty() { "" } else { "; " };
        let Self { point, kind, options } = self;
        Check::new(SUBJECT, verdict, format!("{kind} at {} ({options}){separator}{remark}", point.display()))
    }
}

/// Undoes the octal escapes of blanks, tabs, newlines and backslashes.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        let escaped = others.first_chunk::<3>().filter(|_| *first == b'\\');
        let number = escaped.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(number.unwrap_or(*first));
        rest = if number.is_some() { others.get(3..).unwrap_or_default() } else { others };
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn verdict(line: &str) -> Verdict {
        Mount::parse(line).unwrap().judge().verdict
    }

    /// The columns before the hyphen vary in number.
    #[test]
    fn a_line_of_mountinfo_is_understood() {
        let line =
            r"36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue";
        let mount = Mount::parse(line).unwrap();
        assert_eq!(mount.point, Path::new("/mnt 2"));
        assert_eq!((&*mount.kind, &*mount.options), ("ext3", "rw,noatime,rw,errors=continue"));
        assert_eq!(Mount::parse("nonsense"), None);
    }

    #[test]
    fn memory_networks_and_missing_barriers_are_no_place_for_a_buffer() {
        assert_eq!(verdict("1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw"), Verdict::Ok);
        assert_eq!(verdict("1 0 8:1 / / ro,relatime - ext4 /dev/sda1 rw"), Verdict::Bad);
        assert_eq!(verdict("1 0 8:1 / / rw - ext4 /dev/sda1 rw,nobarrier"), Verdict::Bad);
        assert_eq!(verdict("1 0 0:9 / /tmp rw - tmpfs tmpfs rw"), Verdict::Bad);
        assert_eq!(verdict("1 0 0:9 / /mnt rw - nfs4 host:/export rw"), Verdict::Bad);
        assert_eq!(verdict("1 0 0:9 / / rw - overlay overlay rw"), Verdict::Note);
    }
}
