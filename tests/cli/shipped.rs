//! What ships: a binary that has the buffer's logic in it as a component, and in no other form; and a library without the
//! command line.

use std::{collections::BTreeSet, process::Command};

use serde_json::json;

use crate::support::{cli::run, fixtures::project_file};

/// Crates that the command and the library both use by themselves.
const SHARED: [&str; 12] = [
    "bytes",
    "crc32fast",
    "forebay",
    "forebay-cli",
    "forebay-core",
    "forebay-frame",
    "pollster",
    "rustix",
    "serde",
    "thiserror",
    "tokio",
    "tracing",
];

/// The names of the crates that are compiled for a package of the lock file, with their dependencies down to a depth.
fn crates(package: &str, depth: u8) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
    let output = Command::new(cargo)
        .args(["tree", "--edges=normal", "--prefix=none", "--locked", "--offline"])
        .args([format!("--package={package}"), format!("--depth={depth}")])
        .current_dir(project_file(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<_> =
        tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(names.contains(package) && names.len() > 1, "{names:?}");
    names
}

/// The sandbox is of no use if the same code also runs outside of it.
#[test]
fn the_binary_has_no_native_copy_of_the_logic() {
    let names = crates("forebay-cli", u8::MAX);
    assert!(names.contains("forebay") && names.contains("wasmtime"), "{names:?}");
    assert!(!names.contains("forebay-logic"), "the logic is compiled into the binary");
    assert!(!names.contains("forebay-component"), "the component is compiled into the binary");
}

/// A program that embeds the library would compile, audit and ship a parser of arguments that it never runs. What wasmtime
/// brings is there anyway.
#[test]
fn the_library_brings_no_crate_of_the_command_line() {
    let mut of_the_command = crates("forebay-cli", 1);
    of_the_command.retain(|name| !SHARED.contains(&name.as_str()));
    assert!(of_the_command.contains("clap"), "{of_the_command:?}");
    let of_the_library = &crates("forebay", u8::MAX) - &crates("wasmtime", u8::MAX);
    for of_the_library in [of_the_library, crates("forebay", 1)] {
        let both = &of_the_library & &of_the_command;
        assert!(both.is_empty(), "{both:?}: if the library needs them, add them to SHARED");
    }
}

/// A program that embeds the library would ship an HTTP server that it never asked for.
#[test]
fn the_library_brings_no_server() {
    let names = crates("forebay", u8::MAX);
    let server = ["axum", "forebay-api", "forebay-serve", "http", "hyper", "hyper-util", "mio", "tower"];
    let brought: Vec<_> = server.into_iter().filter(|name| names.contains(*name)).collect();
    assert!(brought.is_empty(), "{brought:?}");
    let of_the_command = crates("forebay-cli", u8::MAX);
    assert!(server.iter().all(|name| of_the_command.contains(*name)), "{of_the_command:?}");
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
