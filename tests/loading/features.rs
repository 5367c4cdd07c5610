//! What is turned off in the engine: a component with any of it in it is refused.

use forebay::{Component, ComponentError};

use crate::support::wasm::{leb, section};

/// A type of a function without parameters and results.
const FUNCTION_TYPE: &[u8] = &[0x60, 0, 0];

fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
}

/// A core module with a function of these instructions.
fn function(instructions: &[u8]) -> Vec<u8> {
    let body = [&[0][..], instructions, &[0x0b]].concat();
    let code = [vec![1], leb(body.len()), body].concat();
    module(&[section(1, &[&[1], FUNCTION_TYPE].concat()), section(3, &[1, 0]), section(10, &code)])
}

/// A component with a core module in it and nothing else.
fn component(module: &[u8]) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0".to_vec(), section(1, module)].concat()
}

/// Less for the compiler to get wrong, fewer ways to behave differently on two machines, and no threads in a guest.
/// Without the feature the same component is refused for another reason: that it is no buffer's logic.
#[test]
fn a_component_with_a_feature_that_is_off_is_refused() {
    let memories = |entries: &[u8]| module(&[section(5, entries)]);
    let types = |entries: &[u8]| module(&[section(1, entries)]);
    let zeros = [&[0xfd, 0x0c][..], &[0; 16]].concat();
    for plain in [memories(&[1, 0, 1]), types(&[&[1], FUNCTION_TYPE].concat()), function(&[0x10, 0])] {
        let refused = Component::new(&component(&plain), "plain");
        assert!(matches!(&refused, Err(ComponentError::World { .. })), "{refused:?}");
    }
    let mut taken = Vec::new();
    for (feature, module, word) in [
        ("shared memory", memories(&[1, 3, 1, 1]), "threads"),
        ("memory64", memories(&[1, 4, 1]), "memory64"),
        ("multiple memories", memories(&[2, 0, 1, 0, 1]), "multiple memories"),
        ("pages of other sizes", memories(&[1, 8, 1, 0]), "custom page sizes"),
        ("garbage collection", types(&[1, 0x5f, 0]), "gc"),
        ("stack switching", types(&[&[2], FUNCTION_TYPE, &[0x5d, 0]].concat()), "stack switching"),
        (
            "exceptions",
            module(&[section(1, &[&[1], FUNCTION_TYPE].concat()), section(13, &[1, 0, 0])]),
            "exceptions",
        ),
        ("tail calls", function(&[0x12, 0]), "tail calls"),
        ("relaxed SIMD", function(&[&zeros[..], &zeros, &[0xfd, 0x80, 0x02, 0x1a]].concat()), "relaxed SIMD"),
        (
            "wide arithmetic",
            function(&[0x42, 0, 0x42, 0, 0x42, 0, 0x42, 0, 0xfc, 19, 0x1a, 0x1a]),
            "wide arithmetic",
        ),
    ] {
        match Component::new(&component(&module), feature) {
            Err(ComponentError::Invalid { reason, .. }) if reason.contains(word) => {}
            other => taken.push(format!("{feature}: {other:?}")),
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
}

/// Names in a component are its author's, and the errors about them go to a terminal.
#[test]
fn names_in_a_component_are_made_safe_to_print() {
    let name = "a\u{1b}[31m\u{9b}\r\nb\u{202e}";
    let text = [leb(name.len()), name.as_bytes().to_vec()].concat();
    // A core module that imports a function under this name, and its instance without any.
    let import = [&[1][..], &text, &text, &[0, 0]].concat();
    let importing = module(&[section(1, &[&[1], FUNCTION_TYPE].concat()), section(2, &import)]);
    let core_instance = [component(&importing), section(2, &[1, 0, 0, 0])].concat();
    // A component that imports a type under it.
    let imported =
        [b"\0asm\x0d\0\x01\0".to_vec(), section(10, &[&[1, 0][..], &text, &[3, 1]].concat())].concat();
    for bytes in [core_instance, imported] {
        let error = Component::new(&bytes, "it").unwrap_err().to_string();
        assert!(error.contains("u{1b}"), "{error:?}: the name is in it");
        assert!(error.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{error:?}");
    }
}
