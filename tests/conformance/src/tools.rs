//! What the checks run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// The programs and components.
pub(crate) struct Tools {
    /// The folder of the components.
    pub(crate) components: PathBuf,
    /// `None` where there is none.
    pub(crate) wasmtime: Option<Wasmtime>,
    pub(crate) native: PathBuf,
    /// The shipped component of the logic.
    pub(crate) logic: PathBuf,
}

/// A stock wasmtime, with the command compiled for it.
pub(crate) struct Wasmtime {
    pub(crate) program: PathBuf,
    pub(crate) command: PathBuf,
    _folder: TempDir,
}

impl Tools {
    pub(crate) fn new(components: &Path, wasmtime: &Path, native: &Path, logic: &Path) -> Result<Self> {
        ensure!(native.is_file(), "there is no {}", native.display());
        let command = components.join("forebay-cli.wasm");
        ensure!(command.is_file(), "there is no {}: run `just components`", command.display());
        let wasmtime = if wasmtime.is_file() { Some(Wasmtime::compiling(wasmtime, &command)?) } else { None };
        let (components, native, logic) = (components.to_owned(), absolute(native)?, logic.to_owned());
        Ok(Self { components, wasmtime, native, logic })
    }
}

impl Wasmtime {
    /// Compiles the command once: it is run a hundred times.
    fn compiling(program: &Path, command: &Path) -> Result<Self> {
        let program = absolute(program)?;
        let folder = TempDir::new()?;
        let compiled = folder.path().join("forebay-cli.cwasm");
        let made = Command::new(&program).arg("compile").arg(command).arg("-o").arg(&compiled).status()?;
        ensure!(made.success(), "wasmtime does not compile {}", command.display());
        Ok(Self { program, command: compiled, _folder: folder })
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()))
}

/// Whether there is a program of this name that does this.
pub(crate) fn has(program: &str, arguments: &[&str]) -> bool {
    let tried = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}
