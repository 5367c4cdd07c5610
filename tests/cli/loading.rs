//! What the binary makes of a component that another person made: what it may import and export, and what compiling it may
//! cost.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use forebay_test_components::CUSTOM_POLICY;
use tempfile::TempDir;

use crate::support::{
    cli::{Ended, Running, by_shell, forebay, run, run_with},
    fixtures::{contents, project_file},
    wasm::{leb, section},
};

/// A folder with a component, in which a buffer may be made.
struct Scene {
    root: TempDir,
}

impl Scene {
    fn with(component: &[u8]) -> Self {
        let root = TempDir::new().unwrap();
        fs::write(root.path().join("logic.wasm"), component).unwrap();
        Self { root }
    }

    fn path(&self, name: &str) -> String {
        self.root.path().join(name).to_str().unwrap().to_owned()
    }

    /// `forebay write`, with a record on stdin, on a buffer that is not there yet.
    fn write(&self) -> Ended {
        let [buffer, component] = ["buffer", "logic.wasm"].map(|name| self.path(name));
        run_with(["write", &buffer, "--component", &component, "--when-full=reject"], b"a record\n")
    }

    /// It is refused with these words, and the folder is as it was.
    #[track_caller]
    fn assert_refused(&self, words: &[&str]) {
        let before = contents(self.root.path());
        self.write().assert_refusal(words);
        assert!(contents(self.root.path()) == before, "something is left behind");
    }
}

/// The example's component with every mention of something replaced by something of the same length.
fn altered(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(CUSTOM_POLICY).unwrap();
    let found: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
    assert!(!found.is_empty(), "{from} is not in the component");
    for at in found {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

fn guest(name: &str) -> Vec<u8> {
    fs::read(project_file("tests/guests").join(name)).unwrap()
}

/// Logic that was built for a later 0.1 asks for nothing that is not there, as long as it uses only what is.
#[test]
fn storage_of_a_compatible_version_may_be_imported() {
    let scene = Scene::with(&altered("forebay:buffer/storage@0.1.0", "forebay:buffer/storage@0.1.7"));
    scene.write().assert_quiet_success();
}

/// Functions of the same name may do something else in another version, or another interface.
#[test]
fn functions_of_anything_else_are_refused_by_name() {
    for name in
        ["forebay:buffer/storage@0.2.0", "forebay:buffer/storagf@0.1.0", "forebaz:buffer/storage@0.1.0"]
    {
        Scene::with(&altered("forebay:buffer/storage@0.1.0", name)).assert_refused(&[name, "may import"]);
    }
    Scene::with(&guest("imports_a_function.wasm"))
        .assert_refused(&["acme:paint/colours@3.1.0", "may import"]);
}

/// Bindings import the interfaces whose types they use. Types ask nothing of the host, so it need not know them.
#[test]
fn types_alone_may_be_imported_from_anywhere() {
    let scene = Scene::with(&guest("imports_types.wasm"));
    let component = scene.path("logic.wasm");
    let summary = run(["component", &component]);
    let said = String::from_utf8(summary.assert_quiet_success().stdout.clone()).unwrap();
    assert!(said.contains("acme:paint/colours@3.1.0"), "{said}");
    // Its logic has room for nothing, and says so.
    let written = scene.write();
    assert_eq!(written.code, Some(1), "{written}");
}

/// A component that does something else would trap at its first call, with the buffer made and locked.
#[test]
fn a_component_must_export_the_logic_of_a_buffer() {
    let other = altered("forebay:buffer/buffer@0.1.0", "forebay:buffer/buffer@0.2.0");
    Scene::with(&other).assert_refused(&["forebay:buffer/buffer@0.1", "export"]);
    Scene::with(b"\0asm\x0d\0\x01\0").assert_refused(&["forebay:buffer/buffer@0.1", "export"]);
}

/// The contract changed before it was released, under the same version. A component of the former one gets no buffer, and its
/// author hears what to do.
#[test]
fn a_component_of_a_former_contract_is_refused_and_told_to_be_built_again() {
    Scene::with(&guest("old_contract.wasm")).assert_refused(&["logic.wasm", "build it again", "wit/"]);
}

/// The length is looked at before anything is read.
#[test]
fn a_component_of_more_than_8_mib_is_refused() {
    let scene = Scene::with(b"\0asm\x0d\0\x01\0");
    let file = fs::OpenOptions::new().write(true).open(scene.path("logic.wasm")).unwrap();
    file.set_len(8 * 1024 * 1024 + 1).unwrap();
    scene.assert_refused(&["8388609", "8388608"]);
}

/// What has no length and no end must neither fill the memory of the process that looks at it nor keep it waiting.
#[test]
fn a_component_that_is_no_regular_file_is_refused() {
    let root = TempDir::new().unwrap();
    let [fifo, link, buffer] = ["fifo", "link", "buffer"].map(|name| root.path().join(name));
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    std::os::unix::fs::symlink(&fifo, &link).unwrap();
    let directory = root.path().to_path_buf();
    for file in [&PathBuf::from("/dev/zero"), &fifo, &link, &directory] {
        let file = file.to_str().unwrap();
        run(["component", file]).assert_refusal(&[file, "not a regular file"]);
        for command in ["write", "pipe"] {
            let ended = run([command, buffer.to_str().unwrap(), "--component", file]);
            ended.assert_refusal(&[file, "not a regular file"]);
        }
    }
    assert!(!buffer.exists());
}

/// Machine code must not be written among files that a link leads to.
#[test]
fn no_image_is_written_through_a_linked_cache_directory() {
    let root = TempDir::new().unwrap();
    let target = root.path().join("target");
    fs::create_dir(&target).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(&target, root.path().join("forebay")).unwrap();
    let ended = Running::start(forebay(["component"]).env("XDG_CACHE_HOME", root.path())).wait();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.contains("its directory is a link"), "{ended}");
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
}

/// Each version of a component leaves an image: without a bound, a developer's disk fills up with them.
#[test]
fn the_cache_of_compiled_components_is_bounded() {
    const IMAGES_MAX: usize = 32;
    let root = TempDir::new().unwrap();
    let file = root.path().join("logic.wasm");
    for version in 0..40 {
        // A custom section, whose content says nothing.
        let component = [guest("always_full.wasm"), section(0, &[1, b'v', version])].concat();
        fs::write(&file, component).unwrap();
        let mut command = forebay([OsStr::new("component"), file.as_os_str()]);
        Running::start(command.env("XDG_CACHE_HOME", root.path())).wait().assert_quiet_success();
    }
    let images = fs::read_dir(root.path().join("forebay")).unwrap().count();
    assert_eq!(images, IMAGES_MAX);
}

/// A component of less than 8 MiB that holds so many functions, each of so many multiplications.
fn laborious(functions: usize, multiplications: usize) -> Vec<u8> {
    // No locals; the parameter; the parameter, times what came before; the end.
    let body = [&[0, 0x20, 0][..], &[0x20, 0, 0x6c].repeat(multiplications), &[0x0b]].concat();
    let code = [leb(body.len()), body].concat().repeat(functions);
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 1, 0x7f, 1, 0x7f]),
        section(3, &[leb(functions), vec![0; functions]].concat()),
        section(10, &[leb(functions), code].concat()),
    ];
    let component = [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module.concat())].concat();
    assert!(component.len() <= 8 * 1024 * 1024, "{}", component.len());
    component
}

/// The binary, under limits that are lower than its own, set by the shell.
fn under(limit: &str, scene: &Scene, arguments: &[&str]) -> Ended {
    let cache = scene.path("cache");
    let mut command = by_shell(&format!("ulimit {limit} && exec \"$0\" \"$@\""), arguments);
    Running::start(command.env("XDG_CACHE_HOME", cache).current_dir(scene.root.path())).end()
}

/// A few MiB can keep a compiler busy for minutes. The operator gets an answer, and nothing of it stays.
#[test]
fn a_component_that_takes_too_long_to_compile_is_refused() {
    let scene = Scene::with(&laborious(10, 270_000));
    let before = contents(scene.root.path());
    let ended = under("-S -t 2", &scene, &["write", "buffer", "--component", "logic.wasm"]);
    ended.assert_refusal(&["logic.wasm", "20 s of processor time"]);
    assert!(contents(scene.root.path()) == before, "something is left behind");
}

/// The limits in the tests beside this one are the shell's. These are its own, and it must not begin without them.
#[test]
fn the_process_that_compiles_bounds_itself() {
    let mut compiler = Running::start(&mut forebay(["__compile"]));
    // It waits for a component, and gets none.
    let _stdin = compiler.take_stdin();
    let limits = Path::new("/proc").join(compiler.pid().to_string()).join("limits");
    let soft = |name: &str| {
        let limits = fs::read_to_string(&limits).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    // Set one after the other, the last of them last.
    while soft("Max core file size") != "0" || soft("Max file size") != "0" {
        std::thread::yield_now();
    }
    assert_eq!(soft("Max address space"), (2_u64 << 30).to_string());
    assert_eq!(soft("Max cpu time"), "20");
}

/// What the compiler takes is given back when it dies; this process never had it.
#[test]
fn a_component_that_takes_too_much_memory_to_compile_is_refused() {
    let scene = Scene::with(&laborious(1, 2_500_000));
    let before = contents(scene.root.path());
    let ended = under("-S -v 400000", &scene, &["write", "buffer", "--component", "logic.wasm"]);
    ended.assert_refusal(&["logic.wasm", "2048 MiB of memory"]);
    assert!(contents(scene.root.path()) == before, "something is left behind");
}

/// The only file in a cache of compiled components.
fn image(cache: &Path) -> PathBuf {
    let files: Vec<_> =
        fs::read_dir(cache.join("forebay")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// An image is machine code: one that is not as it was written is another program. The component is compiled again.
#[test]
fn an_image_that_was_tampered_with_is_made_again() {
    let scene = Scene::with(&guest("imports_types.wasm"));
    let look = || {
        let mut command = forebay(["component", "logic.wasm"]);
        let mut running = Running::start(
            command.current_dir(scene.root.path()).env("XDG_CACHE_HOME", scene.root.path().join("cache")),
        );
        running.end()
    };
    look().assert_quiet_success();
    let path = image(&scene.root.path().join("cache"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let good = fs::read(&path).unwrap();

    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for (what, bytes) in [("flipped", &flipped[..]), ("cut", &good[..good.len() - 1]), ("empty", &[])] {
        fs::write(&path, bytes).unwrap();
        let ended = look();
        assert!(ended.code == Some(0) && ended.stderr.contains("compiling it again"), "{what}: {ended}");
        assert!(fs::read(&path).unwrap() == good, "{what}: not made again");
        look().assert_quiet_success();
    }
    for (what, mode) in [("others may write", 0o602), ("a group may read", 0o640)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let ended = look();
        assert!(ended.code == Some(0) && ended.stderr.contains("compiling it again"), "{what}: {ended}");
        look().assert_quiet_success();
    }
}
