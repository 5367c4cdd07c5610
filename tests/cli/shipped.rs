//! What ships: a binary that has the buffer's logic in it as a component, and in no other form.

use std::process::Command;

use serde_json::json;

use crate::support::{cli::run, fixtures::project_file};

/// The sandbox is of no use if the same code also runs outside of it.
#[test]
fn the_binary_has_no_native_copy_of_the_logic() {
    let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
    let output = Command::new(cargo)
        .args([
            "tree",
            "--package",
            "forebay-cli",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--locked",
            "--offline",
        ])
        .current_dir(project_file(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"forebay-cli") && names.contains(&"wasmtime"), "{names:?}");
    assert!(!names.contains(&"forebay-logic"), "the logic is compiled into the binary");
    assert!(!names.contains(&"forebay-component"), "the component is compiled into the binary");
}

/// The one claim that anybody can check: the logic asks for storage and nothing else. `types` has no functions.
#[test]
fn the_embedded_component_imports_storage_and_nothing_else() {
    let ended = run(["component", "--format=json"]);
    let summary = ended.assert_quiet_success().json();
    let imports: Vec<&str> =
        summary["imports"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(imports.contains(&"forebay:buffer/storage@0.1.0"), "{imports:?}");
    let others: Vec<_> = imports.iter().filter(|name| **name != "forebay:buffer/storage@0.1.0").collect();
    assert!(others.is_empty() || others == [&"forebay:buffer/types@0.1.0"], "{imports:?}");
    assert_eq!(summary["exports"], json!(["forebay:buffer/buffer@0.1.0"]));
    let bytes = summary["bytes"].as_u64().unwrap();
    assert!((1_000..1_000_000).contains(&bytes), "{bytes}");
    let sha256 = summary["sha256"].as_str().unwrap();
    assert!(sha256.len() == 64 && sha256.chars().all(|digit| digit.is_ascii_hexdigit()), "{sha256}");
}
