//! Under which licenses the dependencies are.

use std::process::Command;

use serde_json::Value;

use crate::support::fixtures::project_file;

/// What the binary and its sources may be given away under, together with the project's own license.
// ISC is what MIT says in fewer words: rustls and aws-lc have it.
const ALLOWED: [&str; 7] =
    ["Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-3-Clause", "ISC", "MIT", "Unicode-3.0", "Zlib"];

/// Where a license that is not among those may be used: a package and the license, each with a reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

/// Whether one may choose allowed licenses only.
fn is_allowed(expression: &str) -> bool {
    // `/` is how `OR` was written once.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let is_allowed = any_of(&mut rest);
    assert!(rest.is_empty(), "{expression:?} is no expression that this test understands");
    is_allowed
}

fn any_of(words: &mut &[&str]) -> bool {
    let mut is_allowed = all_of(words);
    while take(words, "OR") {
        is_allowed |= all_of(words);
    }
    is_allowed
}

fn all_of(words: &mut &[&str]) -> bool {
    let mut is_allowed = one(words);
    while take(words, "AND") {
        is_allowed &= one(words);
    }
    is_allowed
}

fn one(words: &mut &[&str]) -> bool {
    if take(words, "(") {
        let is_allowed = any_of(words);
        return take(words, ")") && is_allowed;
    }
    let Some((license, rest)) = words.split_first() else { return false };
    *words = rest;
    if take(words, "WITH")
        && let Some((exception, rest)) = words.split_first()
    {
        *words = rest;
        return ALLOWED.contains(&format!("{license} WITH {exception}").as_str());
    }
    ALLOWED.contains(license)
}

fn take(words: &mut &[&str], word: &str) -> bool {
    let is_next = words.first() == Some(&word);
    if is_next {
        *words = &words[1..];
    }
    is_next
}

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    let output =
        command.args(arguments).arg("--manifest-path").arg(project_file("Cargo.toml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A dependency of a dependency may bring terms that the project cannot keep. This is about the machine that the tests run on;
/// for others cargo would have to download what only they need.
#[test]
fn every_dependency_is_under_a_license_that_is_allowed() {
    let version = Command::new(env!("CARGO")).arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata =
        cargo(&["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "{} packages", packages.len());
    let refused: Vec<_> = packages
        .iter()
        .map(|package| {
            (package["name"].as_str().unwrap(), package["license"].as_str().unwrap_or("no license"))
        })
        .filter(|(name, license)| !EXCEPTIONS.contains(&(name, license)) && !is_allowed(license))
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
}

/// The test would be worth nothing if it took a choice for a duty.
#[test]
fn a_license_expression_is_allowed_where_what_one_has_to_keep_is() {
    for expression in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "Apache-2.0 WITH LLVM-exception",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
    ] {
        assert!(is_allowed(expression), "{expression}");
    }
    for expression in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR Apache-2.0) AND GPL-3.0",
        "GPL-2.0 WITH Classpath-exception-2.0",
        "MIT WITH Commons-Clause",
    ] {
        assert!(!is_allowed(expression), "{expression}");
    }
}
