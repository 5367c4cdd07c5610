//! Components, before and after they are composed.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::{Resolve, WorldItem, WorldKey};

/// A component that is to be composed, under the name that it has in the graph.
pub(crate) struct Component {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Makes a component of a core module that says in itself what it imports and exports.
pub(crate) fn component_of(module: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(ComponentEncoder::encode)
        .with_context(|| format!("{} does not make a component", module.display()))
}

/// The names of what a component imports.
pub(crate) fn imports_of(component: &[u8]) -> Result<Vec<String>> {
    names(component, |world| &world.imports)
}

/// The names of what a component exports.
pub(crate) fn exports_of(component: &[u8]) -> Result<Vec<String>> {
    names(component, |world| &world.exports)
}

type Items = wit_parser::IndexMap<WorldKey, WorldItem>;

fn names(component: &[u8], of: impl Fn(&wit_parser::World) -> &Items) -> Result<Vec<String>> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        bail!("it is a package of contracts, and no component");
    };
    let world = resolve.worlds.get(world).context("it has no world")?;
    Ok(of(world).keys().map(|key| Resolve::name_world_key(&resolve, key)).collect())
}
