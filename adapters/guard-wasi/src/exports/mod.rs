//! The component's exports: the guard behind each function.

mod staging;
mod storage;

/// What the exports belong to.
struct Instance;

// A native linker refuses the names of the symbols. What they call is checked on every target, and used.
const _: () = used_by_symbols::<Instance>();
#[cfg(target_family = "wasm")]
forebay_adapter_bindings::guard::export_symbols_of_guard!(Instance with_types_in forebay_adapter_bindings::guard);

/// Stands in for the symbols on targets where there are none.
const fn used_by_symbols<C>()
where
    C: forebay_adapter_bindings::guard::exports::forebay::buffer::storage::Guest
        + forebay_adapter_bindings::guard::exports::forebay::staging::staging::Guest,
{
}
