//! The world `command`.
#![expect(clippy::same_length_and_capacity, reason = "the canonical ABI passes lists so; wit-bindgen's code")]

wit_bindgen::generate!({
    world: "forebay:staging/command",
    path: ["../../wit", "../../wit/queue", "../wit"],
    generate_all,
});
