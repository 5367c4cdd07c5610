//! Compiled components, kept in a directory of our own so that a program starts without compiling. One of the two modules
//! with `unsafe`: an image is machine code, and loading another user's image would run his program.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use sha2::{Digest, Sha256};
use tracing::{debug, warn};
use wasmtime::{Engine, component::Component};

use super::{
    child::{self, CompileError},
    printable::printable,
};

/// What an image file starts with: our mark, then a SHA-256.
const MAGIC: &[u8; 16] = b"forebay image 2\n";
const DIGEST_BYTES: usize = 32;

/// Only the owner may even look.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// How much is kept: the images that were written last.
const IMAGES_MAX: usize = 32;
const IMAGES_BYTES_MAX: u64 = 256 << 20;

/// What a process that was killed has left of an image is removed after this time.
const UNFINISHED: Duration = Duration::from_hours(1);

static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();

/// Keeps compiled components in a directory from now on, for the whole process; the first call counts. The directory is
/// made when it is first needed, and must belong to the user who runs the process. It may be no link, and no image in it may be
/// one; links above it are followed. The newest 32 images of at most 256 MiB stay. Without this call nothing is kept.
pub fn keep_images_in(directory: impl Into<PathBuf>) {
    let directory = directory.into();
    if DIRECTORY.set(directory).is_err() {
        debug!("the directory of compiled components was chosen before");
    }
}

/// The component with these bytes: from its image, or compiled and kept for the next time. What is not ours is compiled
/// in a child process, if that was asked for.
pub(super) fn load_or_compile(
    engine: &Engine,
    bytes: &[u8],
    is_ours: bool,
) -> Result<Component, CompileError> {
    let path = DIRECTORY.get().map(|directory| directory.join(file_name(engine, bytes)));
    if let Some(component) = path.as_deref().and_then(|path| load_kept(engine, path)) {
        return Ok(component);
    }
    let invalid = |error: wasmtime::Error| CompileError::Invalid(printable(&error.root_cause().to_string()));
    let image = if is_ours { None } else { child::compile(bytes).transpose()? };
    let image = match image {
        Some(image) => image,
        None => engine.precompile_component(bytes).map_err(invalid)?,
    };
    let component = load(engine, &image).map_err(invalid)?;
    if let Some(Err(error)) = path.as_deref().map(|path| keep(path, &image)) {
        debug!(path = ?path, %error, "the compiled component could not be kept");
    }
    Ok(component)
}

/// A component's image, if one was kept that may be used.
fn load_kept(engine: &Engine, path: &Path) -> Option<Component> {
    match read_own(path) {
        Ok(image) => load(engine, &image)
            .inspect_err(|error| {
                debug!(path = %path.display(), %error, "a compiled component does not fit: compiling it again");
            })
            .ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            warn!(path = %path.display(), %error, "a compiled component is not used: compiling it again");
            None
        }
    }
}

/// Names the component, the engine and the layout of the file, so that another version of any never meets the image.
fn file_name(engine: &Engine, bytes: &[u8]) -> String {
    let mut versions = DefaultHasher::new();
    MAGIC.hash(&mut versions);
    engine.precompile_compatibility_hash().hash(&mut versions);
    format!("{:x}-{:016x}.cwasm", Sha256::digest(bytes), versions.finish())
}

#[expect(unsafe_code, reason = "an image is machine code; below is said whose")]
fn load(engine: &Engine, image: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must come from `Engine::precompile_component`. Either this process has just called it; or a child
    // has, which is this same program, and the bytes came through a pipe that no other process has an end of; or `read_own`
    // has read them through one open file that belongs to this user and that no other may write to, in a directory of which
    // the same is true: they start with our mark, and their digest agrees, so that they are what `keep` wrote for this
    // component and engine, whole. A process that could have written them otherwise runs as this user already. That they fit this
    // engine, wasmtime checks itself.
    unsafe { Component::deserialize(engine, image) }
}

/// Reads an image of which only this user can be the author.
fn read_own(path: &Path) -> io::Result<Vec<u8>> {
    check_directory(directory_of(path)?)?;
    let mut file = OpenOptions::new().read(true).custom_flags(plain()).open(path)?;
    let metadata = file.metadata()?;
    check_own(&metadata, FILE_MODE)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let image = bytes.split_off((MAGIC.len() + DIGEST_BYTES).min(bytes.len()));
    if bytes != header(path, &image) {
        return Err(io::Error::other("it is not whole, or another component's"));
    }
    Ok(image)
}

/// What stands before an image in its file: our mark, and a digest of the file's name and the image.
fn header(path: &Path, image: &[u8]) -> Vec<u8> {
    let name = path.file_name().unwrap_or_default();
    let digest = Sha256::new().chain_update(name.as_encoded_bytes()).chain_update(image).finalize();
    [&MAGIC[..], digest.as_slice()].concat()
}

fn directory_of(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| io::Error::other("it is in no directory"))
}

/// A link could lead to a place that the user never meant for machine code.
fn check_directory(directory: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() {
        return Err(io::Error::other("its directory is a link, or no directory"));
    }
    check_own(&metadata, DIRECTORY_MODE)
}

fn check_own(metadata: &fs::Metadata, mode: u32) -> io::Result<()> {
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user"));
    }
    if metadata.permissions().mode() & 0o777 & !mode != 0 {
        return Err(io::Error::other("others may use it: its mode must be 0600, and its directory's 0700"));
    }
    Ok(())
}

/// Writes an image under another name and moves it into place: no process ever sees half of one.
fn keep(path: &Path, image: &[u8]) -> io::Result<()> {
    let directory = directory_of(path)?;
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
    check_directory(directory)?;
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written =
        write_new(&temporary, [&header(path, image), image]).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    remove_old(directory)
}

/// Removes the images that were written longest ago, where there are too many, and what was never finished. Another process
/// may do the same.
fn remove_old(directory: &Path) -> io::Result<()> {
    let now = SystemTime::now();
    let mut images = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else { continue };
        let written = metadata.modified()?;
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("cwasm") => images.push((written, metadata.len(), path)),
            Some("tmp") if now.duration_since(written).is_ok_and(|age| age > UNFINISHED) => {
                let _ = fs::remove_file(path);
            }
            _ => {}
        }
    }
    images.sort_by_key(|(written, ..)| std::cmp::Reverse(*written));
    let mut bytes = 0_u64;
    for (number, (_, length, path)) in images.into_iter().enumerate() {
        bytes = bytes.saturating_add(length);
        if number > 0 && (number >= IMAGES_MAX || bytes > IMAGES_BYTES_MAX) {
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

fn write_new(path: &Path, contents: [&[u8]; 2]) -> io::Result<()> {
    let mut file: File =
        OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).custom_flags(plain()).open(path)?;
    contents.iter().try_for_each(|part| file.write_all(part))
}

/// No link is followed, and no process at the other end of a pipe is waited for.
fn plain() -> i32 {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    i32::try_from(flags.bits()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn kept() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("images");
        let path = directory.join("one.cwasm");
        keep(&path, b"machine code").unwrap();
        (parent, path)
    }

    /// What was kept must come back as it was, or the cache is of no use.
    #[test]
    fn an_image_comes_back_as_it_was_kept() {
        let (_parent, path) = kept();
        assert_eq!(read_own(&path).unwrap(), b"machine code");
    }

    /// Machine code with a flipped bit must not be run.
    #[test]
    fn a_changed_image_is_refused() {
        let (_parent, path) = kept();
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(read_own(&path).unwrap_err().to_string(), "it is not whole, or another component's");
    }

    /// An image that others could have written is another's program.
    #[test]
    fn an_image_that_others_may_write_is_refused() {
        for (target, mode) in [("images/one.cwasm", 0o620), ("images", 0o770)] {
            let (parent, path) = kept();
            fs::set_permissions(parent.path().join(target), fs::Permissions::from_mode(mode)).unwrap();
            assert!(read_own(&path).is_err(), "{target} with mode {mode:o}");
        }
    }

    /// A link could lead to a file of which the owner never meant to be the author.
    #[test]
    fn a_link_is_not_followed() {
        let (_parent, path) = kept();
        let link = path.with_file_name("link.cwasm");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read_own(&link).is_err());
    }

    /// A user may keep caches on another disk, and link to them.
    #[test]
    fn a_link_above_the_directory_is_followed() {
        let (parent, _) = kept();
        let real = parent.path().join("real");
        let link = parent.path().join("linked");
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        keep(&link.join("forebay/one.cwasm"), b"machine code").unwrap();
        assert_eq!(read_own(&real.join("forebay/one.cwasm")).unwrap(), b"machine code");
        assert_eq!(read_own(&link.join("forebay/one.cwasm")).unwrap(), b"machine code");
    }

    /// A link in the directory's place could have machine code written among files that are not ours.
    #[test]
    fn nothing_is_kept_through_a_linked_directory() {
        let (parent, path) = kept();
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(directory_of(&path).unwrap(), &link).unwrap();
        assert!(keep(&link.join("two.cwasm"), b"machine code").is_err());
        assert!(read_own(&link.join("one.cwasm")).is_err());
        assert_eq!(fs::read_dir(directory_of(&path).unwrap()).unwrap().count(), 1);
    }

    /// Each version of a component has an image of its own, and so has each version of this program: the disk would fill up.
    #[test]
    fn old_images_make_room_for_new_ones() {
        let (_parent, path) = kept();
        let days_ago = |days: u64| SystemTime::now() - Duration::from_hours(24 * days);
        let age =
            |path: &Path, days| File::options().write(true).open(path).unwrap().set_modified(days_ago(days));
        age(&path, 100).unwrap();
        let unfinished = path.with_extension("1.tmp");
        fs::write(&unfinished, "half").unwrap();
        age(&unfinished, 1).unwrap();
        for number in 0..40 {
            let path = path.with_file_name(format!("{number}.cwasm"));
            keep(&path, b"machine code").unwrap();
            age(&path, 40 - number).unwrap();
        }
        let kept = fs::read_dir(directory_of(&path).unwrap()).unwrap().count();
        assert!(kept <= IMAGES_MAX + 1 && !path.exists() && !unfinished.exists(), "{kept}");
        assert!(read_own(&path.with_file_name("39.cwasm")).is_ok());
        // One that is larger than all may be stays alone.
        let large = path.with_file_name("large.cwasm");
        keep(&large, b"machine code").unwrap();
        File::options().write(true).open(&large).unwrap().set_len(IMAGES_BYTES_MAX).unwrap();
        keep(&large.with_file_name("next.cwasm"), b"machine code").unwrap();
        assert!(!large.exists() || fs::read_dir(directory_of(&path).unwrap()).unwrap().count() <= 2);
    }

    /// The image of another component, put in the place of this one's, is whole and ours, and the wrong program.
    #[test]
    fn an_image_under_another_name_is_refused() {
        let (_parent, path) = kept();
        let other = path.with_file_name("two.cwasm");
        fs::rename(&path, &other).unwrap();
        assert!(read_own(&other).is_err());
    }

    /// What another user wrote is his program, even where we may read it. Only root can give a file away.
    #[test]
    fn an_image_of_another_user_is_refused() {
        const OTHER_USER: u32 = 65_534;
        for target in ["images/one.cwasm", "images"] {
            let (parent, path) = kept();
            if std::os::unix::fs::chown(parent.path().join(target), Some(OTHER_USER), None).is_err() {
                println!("skipped: only root can give a file to another user");
                return;
            }
            let error = read_own(&path).unwrap_err();
            assert_eq!(error.to_string(), "it belongs to another user", "{target}");
        }
    }
}
