//! What makes a buffer's logic a WebAssembly component: the world `logic` of `wit/` round any type that is a
//! [`Logic`](forebay_logic::Logic).
//!
//! Nothing is decided here. `storage` turns the logic's calls into imports, `exports` turns the host's calls into the
//! logic's, and [`export!`] makes the symbols.

mod exports;
mod storage;
#[doc(hidden)]
pub mod wit;

#[doc(hidden)]
pub use exports::{Exports, Slot};

/// Makes the program a component: its exports are answered by this type, which is a [`Logic`](forebay_logic::Logic).
///
/// Once in a program, which is a `cdylib`. On targets other than wasm it makes nothing, so that the crate can be
/// checked there.
#[macro_export]
macro_rules! export {
    ($logic:ty) => {
        const _: () = {
            ::std::thread_local! {
                static LOGIC: ::std::cell::RefCell<::core::option::Option<$logic>> =
                    const { ::std::cell::RefCell::new(::core::option::Option::None) };
            }

            struct Instance;

            impl $crate::Slot for Instance {
                type Logic = $logic;

                fn with<T>(call: impl FnOnce(&mut ::core::option::Option<$logic>) -> T) -> T {
                    LOGIC.with_borrow_mut(call)
                }
            }

            type Component = $crate::Exports<Instance>;

            // A native linker refuses the names of the symbols. What they call is checked on every target, and used.
            const _: () = $crate::used_by_symbols::<Component>();
            #[cfg(target_family = "wasm")]
    $crate::wit::export_symbols!(Component with_types_in $crate::wit);
        };
    };
}

/// Stands in for the symbols on targets where there are none.
#[doc(hidden)]
pub const fn used_by_symbols<C: wit::exports::forebay::buffer::buffer::Guest>() {}
