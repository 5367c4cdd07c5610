//! The loop of a queue as a component: between its guard, its logic and its caller, as "Driving a component" in `wit/README.md`
//! has it.
//!
//! It owns nothing but the order of calls. The guard (`adapters/guard-wasi`) has the directory, the payloads and the facts; the
//! logic decides; the caller waits.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `handle` | the resource `queue` |
//! | `turns` | the calls of an open queue, each a turn of the loop |
//! | `writing` | pushing, and what is durable of it |
//! | `options` | which options and messages are allowed |
//! | `packing` | messages as words, and back |
//! | `errors` | what the caller is told of an error |

mod errors;
mod handle;
mod options;
mod packing;
mod turns;
mod writing;

/// What the exports belong to.
struct Instance;

// A native linker refuses the names of the symbols. What they call is checked on every target, and used.
const _: () = used_by_symbols::<Instance>();
#[cfg(target_family = "wasm")]
forebay_adapter_bindings::queue::export_symbols_of_queue!(
    Instance with_types_in forebay_adapter_bindings::queue
);

/// Stands in for the symbols on targets where there are none.
const fn used_by_symbols<C: forebay_adapter_bindings::queue::exports::forebay::queue::queue::Guest>() {}
