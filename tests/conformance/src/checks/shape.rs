//! What the components are, before they run.

use std::fs;

use anyhow::{Context as _, Result};

use crate::{
    outcome::Outcome,
    tools::{Tools, has},
};

const WASM_TOOLS: &str = "target/tools/bin/wasm-tools";

/// The most that `forebay-queue.wasm` may take, in bytes: as it is, and compressed.
const BYTES_MAX: u64 = 700_000;
const COMPRESSED_MAX: usize = 260_000;

pub(crate) fn components_are_closed(tools: &Tools) -> Result<Outcome> {
    let logic = fs::read(&tools.logic).context("the shipped logic is not there")?;
    for name in ["forebay-queue.wasm", "forebay-cli.wasm"] {
        let path = tools.components.join(name);
        if !fs::read(&path)?.windows(logic.len()).any(|window| window == logic) {
            return Ok(Outcome::Short(format!("{name} does not hold the shipped logic byte for byte")));
        }
        if !has(WASM_TOOLS, &["--version"]) {
            return Ok(Outcome::Cannot(format!("there is no {WASM_TOOLS}: run ./setup")));
        }
        let wit = std::process::Command::new(WASM_TOOLS).args(["component", "wit"]).arg(&path).output()?;
        let wit = String::from_utf8(wit.stdout)?;
        let imports: Vec<_> = wit.lines().filter_map(|line| line.strip_prefix("  import ")).collect();
        let others: Vec<_> = imports.iter().filter(|import| !import.starts_with("wasi:")).collect();
        if imports.is_empty() || !others.is_empty() {
            return Ok(Outcome::Short(format!("{name} imports {others:?} besides WASI")));
        }
    }
    Ok(Outcome::Ok(String::new()))
}

pub(crate) fn components_are_small(tools: &Tools) -> Result<Outcome> {
    let path = tools.components.join("forebay-queue.wasm");
    let bytes = fs::metadata(&path)?.len();
    let compressed = std::process::Command::new("gzip").arg("-9c").arg(&path).output()?.stdout.len();
    let detail = format!("{bytes} bytes of {BYTES_MAX}, {compressed} compressed of {COMPRESSED_MAX}");
    let is_small = bytes <= BYTES_MAX && compressed <= COMPRESSED_MAX;
    Ok(if is_small { Outcome::Ok(detail) } else { Outcome::Short(detail) })
}
