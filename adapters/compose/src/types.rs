//! A component without code, whose exports are plain types: without it a composition would go on importing them.

use std::path::Path;

use anyhow::{Context as _, Result};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// The folders with contracts, each after those that it builds on.
const CONTRACTS: [&str; 3] = ["wit", "wit/queue", "adapters/wit"];

/// The component of the world `types` in `adapters/wit/worlds.wit`.
pub(crate) fn component(project: &Path) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let mut last = None;
    for folder in CONTRACTS {
        let pushed = resolve.push_dir(project.join(folder));
        last = Some(pushed.with_context(|| format!("the contract in {folder} does not parse"))?.0);
    }
    let package = last.context("there is no contract")?;
    let world = resolve.select_world(&[package], Some("types"))?;
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(ComponentEncoder::encode)
        .context("the types do not make a component")
}
