//! The world `queue`.
#![expect(clippy::same_length_and_capacity, reason = "the canonical ABI passes lists so; wit-bindgen's code")]

wit_bindgen::generate!({
    world: "forebay:staging/queue",
    path: ["../../wit", "../../wit/queue", "../wit"],
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_symbols_of_queue",
    default_bindings_module: "forebay_adapter_bindings::queue",
});
