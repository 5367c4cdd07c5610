//! Compiled components, kept in a directory of our own so that a program starts without compiling. One of the two modules
//! with `unsafe`: an image is machine code, and loading one that somebody else wrote would be running his program.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use sha2::{Digest, Sha256};
use tracing::{debug, warn};
use wasmtime::{Engine, component::Component};

use super::compatibility;

/// What an image file starts with: our mark, then the SHA-256 of all that follows.
const MAGIC: &[u8; 16] = b"forebay image 1\n";
const DIGEST_BYTES: usize = 32;

/// Nobody but the owner may even look.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();

/// Keeps compiled components in a directory from now on, for the whole process; the first call counts. The directory is
/// made when it is first needed, and must belong to the user who runs the process. Without this call nothing is kept.
pub fn keep_images_in(directory: impl Into<PathBuf>) {
    let directory = directory.into();
    if DIRECTORY.set(directory).is_err() {
        debug!("the directory of compiled components was chosen before");
    }
}

/// The component with these bytes: from its image, or compiled and kept for the next time.
pub(super) fn load_or_compile(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
    let Some(directory) = DIRECTORY.get() else { return Component::from_binary(engine, bytes) };
    let path = directory.join(file_name(engine, bytes));
    match read_own(directory, &path) {
        Ok(image) => match load(engine, &image) {
            Ok(component) => return Ok(component),
            Err(error) => {
                debug!(path = %path.display(), %error, "a compiled component does not fit: compiling anew");
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            warn!(path = %path.display(), %error, "a compiled component is not used: compiling anew");
        }
    }
    let component = Component::from_binary(engine, bytes)?;
    let kept =
        component.serialize().map_err(io::Error::other).and_then(|image| keep(directory, &path, &image));
    if let Err(error) = kept {
        debug!(path = %path.display(), %error, "the compiled component could not be kept");
    }
    Ok(component)
}

/// Names the component and the engine, so that another version of either never meets the image.
fn file_name(engine: &Engine, bytes: &[u8]) -> String {
    format!("{:x}-{:016x}.cwasm", Sha256::digest(bytes), compatibility(engine))
}

#[expect(unsafe_code, reason = "an image is machine code; `read_own` says whose")]
fn load(engine: &Engine, image: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must come from `Component::serialize`. `read_own` has just read them through one open file that
    // belongs to this user and that nobody else may write to, in a directory of which the same is true; they start with
    // our mark, and their digest agrees, so that they are what `keep` wrote, whole. Whoever could have written them
    // otherwise runs as this user already. That they fit this engine, wasmtime checks itself.
    unsafe { Component::deserialize(engine, image) }
}

/// Reads an image of which only this user can be the author.
fn read_own(directory: &Path, path: &Path) -> io::Result<Vec<u8>> {
    check_own(&fs::symlink_metadata(directory)?, DIRECTORY_MODE)?;
    let mut file = OpenOptions::new().read(true).custom_flags(no_follow()).open(path)?;
    let metadata = file.metadata()?;
    check_own(&metadata, FILE_MODE)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let image = bytes.split_off((MAGIC.len() + DIGEST_BYTES).min(bytes.len()));
    let expected = [&MAGIC[..], Sha256::digest(&image).as_slice()].concat();
    if bytes != expected {
        return Err(io::Error::other("it is not whole"));
    }
    Ok(image)
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

/// Writes an image under another name and moves it into place: nobody ever sees half of one.
fn keep(directory: &Path, path: &Path, image: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = write_new(&temporary, image).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new(path: &Path, image: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .custom_flags(no_follow())
        .open(path)?;
    file.write_all(MAGIC)?;
    file.write_all(&Sha256::digest(image))?;
    file.write_all(image)
}

fn no_follow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn kept() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("images");
        let path = directory.join("one.cwasm");
        keep(&directory, &path, b"machine code").unwrap();
        (parent, path)
    }

    /// What was kept must come back as it was, or the cache is of no use.
    #[test]
    fn an_image_comes_back_as_it_was_kept() {
        let (_parent, path) = kept();
        assert_eq!(read_own(path.parent().unwrap(), &path).unwrap(), b"machine code");
    }

    /// Machine code with a flipped bit must not be run.
    #[test]
    fn a_changed_image_is_refused() {
        let (_parent, path) = kept();
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(read_own(path.parent().unwrap(), &path).unwrap_err().to_string(), "it is not whole");
    }

    /// An image that others could have written is another's program.
    #[test]
    fn an_image_that_others_may_write_is_refused() {
        for (target, mode) in [("images/one.cwasm", 0o620), ("images", 0o770)] {
            let (parent, path) = kept();
            fs::set_permissions(parent.path().join(target), fs::Permissions::from_mode(mode)).unwrap();
            assert!(read_own(path.parent().unwrap(), &path).is_err(), "{target} with mode {mode:o}");
        }
    }

    /// A link could lead to a file of which the owner never meant to be the author.
    #[test]
    fn a_link_is_not_followed() {
        let (_parent, path) = kept();
        let link = path.with_file_name("link.cwasm");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read_own(path.parent().unwrap(), &link).is_err());
    }
}
