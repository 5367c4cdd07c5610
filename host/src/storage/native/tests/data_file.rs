//! Which files are ours, and for how long they stay open.

use super::*;

/// What is behind a link belongs to another program: it is not read, not written, and not made longer.
#[test]
fn a_data_file_that_is_a_link_is_not_followed() {
    let (above, path) = temporary();
    let mut native = open(&path);
    let elsewhere = above.path().join("elsewhere");
    fs::write(&elsewhere, b"precious").unwrap();
    symlink(&elsewhere, path.join("buffer-data-0.dat")).unwrap();
    symlink(above.path().join("nowhere"), path.join("buffer-data-1.dat")).unwrap();

    // A link within the directory is none the better.
    fs::write(path.join("notes"), b"precious").unwrap();
    symlink("notes", path.join("buffer-data-2.dat")).unwrap();

    let error = native.list_files().unwrap_err().to_string();
    assert!(error.contains("buffer-data-0.dat") && error.contains("symbolic link"), "{error}");
    for link in [file(0), file(2)] {
        assert!(native.read_at(link, 0, &mut [0; 8]).is_err());
        assert!(native.append(link, 0, b"forged").is_err());
        assert!(native.truncate_file(link, 0).is_err());
        assert!(native.prepare_sync(SyncTarget::Data(link)).and_then(|sync| sync()).is_err());
    }
    assert_eq!(fs::read(path.join("notes")).unwrap(), b"precious");
    assert!(matches!(native.create_file(file(1)), Err(StorageError::AlreadyExists { .. })));
    assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
    assert!(!above.path().join("nowhere").exists());
}

/// To open a pipe waits for its writer.
#[test]
fn a_data_file_that_is_a_pipe_is_refused_at_once() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    make_pipe(&path.join("buffer-data-0.dat"));
    assert!(native.read_at(file(0), 0, &mut [0; 8]).is_err());
    assert!(native.list_files().unwrap_err().to_string().contains("pipe"));
}

/// Another program's files lie in the same directory, and are none of ours.
#[test]
fn other_names_are_not_listed() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    for name in ["buffer-data-007.dat", "buffer-data-65535.dat", "buffer.forebay", "notes.txt"] {
        fs::write(path.join(name), b"x").unwrap();
    }
    fs::create_dir(path.join("buffer-data-8")).unwrap();
    for number in [10, 9, 65_534] {
        native.create_file(file(number)).unwrap();
    }
    native.append(file(9), 0, b"abc").unwrap();
    assert_eq!(native.list_files().unwrap(), [(file(9), 3), (file(10), 0), (file(65_534), 0)]);
}

/// Two writers that both made file 0 would each believe that its bytes are theirs.
#[test]
fn a_file_that_is_there_is_not_made_again() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    fs::write(path.join("buffer-data-0.dat"), b"kept").unwrap();
    assert!(matches!(native.create_file(file(0)), Err(StorageError::AlreadyExists { .. })));
    assert_eq!(fs::read(path.join("buffer-data-0.dat")).unwrap(), b"kept");
}

/// The ring of ids comes round: a handle of the old file 0 must not serve the new one.
#[test]
fn a_file_that_is_made_again_is_another_file() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    let mut into = [0; 8];
    for closed in [false, true] {
        native.create_file(file(0)).unwrap();
        native.append(file(0), 0, b"old").unwrap();
        if closed {
            sync(&mut native, SyncTarget::Data(file(0)));
            native.rest();
            assert_eq!(native.read_at(file(0), 0, &mut into).unwrap(), 3);
        }
        native.remove_file(file(0)).unwrap();
        assert!(matches!(native.read_at(file(0), 0, &mut into), Err(StorageError::NotFound { .. })));
        native.create_file(file(0)).unwrap();
        assert_eq!(native.read_at(file(0), 0, &mut into).unwrap(), 0);
        native.remove_file(file(0)).unwrap();
    }
}

fn renew(native: &mut Native, number: u16) -> Result<(), StorageError> {
    native.prepare_renewal(file(number))?()?;
    native.renew(file(number))
}

/// A rewritten file is another one under the same name, with the same bytes, and is written on to.
#[test]
fn a_file_is_rewritten_under_its_name() {
    use std::os::unix::fs::MetadataExt as _;

    let (_above, path) = temporary();
    let mut native = open(&path);
    native.create_file(file(7)).unwrap();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    native.append(file(7), 0, &bytes).unwrap();
    let at = path.join("buffer-data-7.dat");
    let before = fs::metadata(&at).unwrap();
    renew(&mut native, 7).unwrap();
    let after = fs::metadata(&at).unwrap();
    assert_ne!(before.ino(), after.ino());
    assert_eq!(before.mode(), after.mode());
    native.append(file(7), 3_000_000, b"more").unwrap();
    assert_eq!(fs::read(&at).unwrap(), [&bytes[..], b"more"].concat());
    assert_eq!(native.list_files().unwrap(), [(file(7), 3_000_004)]);
}

/// A process may die before a new file has taken the place of the old one, which has all that the new one has.
#[test]
fn a_new_file_that_took_no_place_is_removed() {
    let (_above, path) = temporary();
    let mut native = open(&path);
    native.create_file(file(7)).unwrap();
    native.append(file(7), 0, b"abc").unwrap();
    let new = path.join("buffer-data-7.dat.new");
    native.prepare_renewal(file(7)).unwrap()().unwrap();
    assert_eq!(fs::read(&new).unwrap(), b"abc");
    native.forget_renewal(file(7));
    assert!(!new.exists());

    let job = native.prepare_renewal(file(7)).unwrap();
    drop(native);
    let mut native = open(&path);
    assert!(!new.exists());
    // What is left of the one before does not disturb it.
    let renewal = native.prepare_renewal(file(7)).unwrap();
    job().unwrap();
    native.append(file(7), 3, b"def").unwrap();
    renewal().unwrap();
    assert_eq!(fs::read(&new).unwrap(), b"abc");
    native.remove_file(file(7)).unwrap();
    assert_eq!(native.list_files().unwrap(), []);
}
