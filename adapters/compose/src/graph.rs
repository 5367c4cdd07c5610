//! Which part's exports are which part's imports.
//!
//! The logic gets `storage` and plain types. It gets no `staging`, so that it sees no payload whatever it does; and neither the
//! guard nor the logic imports what comes after it, so that no call comes back to a component that is inside a call.

use anyhow::{Context as _, Result};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, types::Package};

use crate::parts::Component;

/// The interfaces between the parts.
const TYPES: &str = "forebay:buffer/types@0.1.0";
const STORAGE: &str = "forebay:buffer/storage@0.1.0";
const BUFFER: &str = "forebay:buffer/buffer@0.1.0";
const STAGING: &str = "forebay:staging/staging";
const QUEUE: &str = "forebay:queue/queue@0.1.0";
const RUN: &str = "wasi:cli/run@";

/// A composition that is being made.
#[derive(Default)]
struct Composition(CompositionGraph);

impl Composition {
    /// Puts a part in, with the exports of other parts as its imports. What is not named is imported by the whole.
    fn add(&mut self, part: &Component, imports: &[(&str, NodeId)]) -> Result<NodeId> {
        let package = Package::from_bytes(part.name, None, part.bytes.clone(), self.0.types_mut())
            .with_context(|| format!("{} is no component", part.name))?;
        let package = self.0.register_package(package)?;
        let instance = self.0.instantiate(package);
        for (interface, provider) in imports {
            let export = self.0.alias_instance_export(*provider, interface)?;
            self.0
                .set_instantiation_argument(instance, interface, export)
                .with_context(|| format!("{} does not take {interface}", part.name))?;
        }
        Ok(instance)
    }

    fn export(&mut self, part: NodeId, interface: &str) -> Result<()> {
        let export = self.0.alias_instance_export(part, interface)?;
        Ok(self.0.export(export, interface)?)
    }

    fn encode(&self) -> Result<Vec<u8>> {
        Ok(self.0.encode(EncodeOptions::default())?)
    }
}

/// The queue: guard, then logic over the guard's storage, then the loop over both.
pub(crate) fn queue_of(
    types: &Component,
    guard: &Component,
    logic: &Component,
    looped: &Component,
) -> Result<Vec<u8>> {
    let mut composition = Composition::default();
    let types = composition.add(types, &[])?;
    let guard = composition.add(guard, &[(TYPES, types)])?;
    let logic = composition.add(logic, &[(TYPES, types), (STORAGE, guard)])?;
    let looped = composition.add(looped, &[(TYPES, types), (BUFFER, logic), (STAGING, guard)])?;
    composition.export(looped, QUEUE)?;
    composition.encode()
}

/// A command over a queue.
pub(crate) fn command_over(queue: &Component, command: &Component) -> Result<Vec<u8>> {
    let run = crate::parts::exports_of(&command.bytes)?.into_iter().find(|export| export.starts_with(RUN));
    let run = run.context("the command exports no wasi:cli/run")?;
    let mut composition = Composition::default();
    let queue = composition.add(queue, &[])?;
    let command = composition.add(command, &[(QUEUE, queue)])?;
    composition.export(command, &run)?;
    composition.encode()
}
