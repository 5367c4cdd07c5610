//! The interfaces of the components that make up a queue, generated when this crate is compiled: one module for each world of
//! `adapters/wit/worlds.wit`.
//!
//! What a component does not call leaves no trace in it, so that they can share one crate. The macros that make the symbols have
//! unsafe code, and stand here: what they expand to in another crate is not that crate's own.
#![allow(missing_docs, unreachable_pub)] // The contracts' own documentation is in `wit/`, `wit/queue/` and `adapters/wit/`.

pub mod command;
pub mod guard;
pub mod queue;
