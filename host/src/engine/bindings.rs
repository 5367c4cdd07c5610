//! What `bindgen!` makes of `wit/`: private, so that no generated type is part of the crate's API.

wasmtime::component::bindgen!({
    path: "wit",
    world: "logic",
    imports: { default: trappable },
});
