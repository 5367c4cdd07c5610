//! Makes `forebay-queue.wasm` and `forebay-cli.wasm` of their parts: `forebay-compose PROJECT MODULES LOGIC OUT`.
//!
//! `PROJECT` is the project's folder, for its contracts; `MODULES` the folder with the core modules of the adapters; `LOGIC` the
//! component of the buffer's logic, which goes in as it is.

mod graph;
mod parts;
mod types;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    graph::{command_over, queue_of},
    parts::{Component, component_of, exports_of, imports_of},
};

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [project, modules, logic, out] = arguments.as_slice() else {
        bail!("usage: forebay-compose PROJECT MODULES LOGIC OUT");
    };
    let module = |name: &str| component_of(&modules.join(format!("{name}.wasm")));
    let guard = Component { name: "forebay:guard", bytes: module("forebay_guard_wasi")? };
    let logic = Component { name: "forebay:logic", bytes: read(logic)? };
    let looped = Component { name: "forebay:loop", bytes: module("forebay_queue")? };
    let command = Component { name: "forebay:command", bytes: module("forebay_command")? };
    let types = Component { name: "forebay:types", bytes: types::component(project)? };

    let queue = queue_of(&types, &guard, &logic, &looped)?;
    check("forebay-queue.wasm", &queue, "forebay:queue/queue@")?;
    let queue = Component { name: "forebay:composed", bytes: queue };
    let command = command_over(&queue, &command)?;
    check("forebay-cli.wasm", &command, "wasi:cli/run@")?;

    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    write(&out.join("forebay-queue.wasm"), &queue.bytes)?;
    write(&out.join("forebay-cli.wasm"), &command)
}

/// Whether a component imports WASI alone, and exports what it is for and nothing else.
fn check(name: &str, component: &[u8], export: &str) -> Result<()> {
    let imports = imports_of(component)?;
    let others: Vec<_> = imports.iter().filter(|import| !import.starts_with("wasi:")).collect();
    ensure!(!imports.is_empty() && others.is_empty(), "{name} imports more than WASI: {others:?}");
    let exports = exports_of(component)?;
    ensure!(
        exports.len() == 1 && exports.iter().all(|found| found.starts_with(export)),
        "{name} exports {exports:?}, where it should export {export} alone"
    );
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, component: &[u8]) -> Result<()> {
    fs::write(path, component).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} ({} bytes)", path.display(), component.len());
    Ok(())
}
