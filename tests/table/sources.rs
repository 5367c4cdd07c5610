//! What is in the sources: the tests that `cargo test --workspace` runs, and the items of a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::fixtures::project_file;

/// What introduces an item that has a name.
const KEYWORDS: [&str; 7] = ["fn", "struct", "enum", "const", "static", "trait", "type"];

/// The sources of the workspace.
pub struct Sources {
    /// By the name of each test function, the files that have one of that name; those that are ignored are not here.
    tests: BTreeMap<String, Vec<PathBuf>>,
}

impl Sources {
    /// Reads the files of all targets that cargo tests, from their roots along their modules: what no module declares is
    /// not compiled, and not run.
    pub fn of_the_workspace() -> Self {
        let mut files = BTreeSet::new();
        for root in roots() {
            visit(&root, root.parent().unwrap(), &mut files);
        }
        let mut tests = BTreeMap::<String, Vec<PathBuf>>::new();
        for file in files {
            for name in tests_in(&fs::read_to_string(&file).unwrap()) {
                tests.entry(name).or_default().push(file.clone());
            }
        }
        assert!(tests.len() > 100, "only {} tests were found", tests.len());
        Self { tests }
    }

    /// What is wrong with the name of a test in backticks.
    pub fn faults_in_test(&self, cell: &str) -> Option<String> {
        let Some(name) = unquoted(cell) else { return Some(format!("{cell:?} is not in backticks")) };
        match self.tests.get(name).map_or(&[][..], Vec::as_slice) {
            [] => Some(format!("there is no test {name}")),
            [_] => None,
            several => Some(format!("{name} is the name of several tests: {several:?}")),
        }
    }
}

/// What is wrong with a file and an item of it, in backticks.
pub fn faults_in_item(cell: &str) -> Option<String> {
    let Some(place) = unquoted(cell) else { return Some(format!("{cell:?} is not in backticks")) };
    let (path, item) = place.split_once("::").unwrap_or((place, ""));
    match fs::read_to_string(project_file(path)) {
        Err(_) => Some(format!("there is no file {path}")),
        Ok(text) if !has_item(&text, item) => Some(format!("there is no item {item:?} in {path}")),
        Ok(_) => None,
    }
}

fn unquoted(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`').filter(|inner| !inner.is_empty() && !inner.contains('`'))
}

/// The first files of all targets that `cargo test --workspace` builds as tests.
fn roots() -> Vec<PathBuf> {
    let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version=1", "--locked", "--offline"])
        .current_dir(project_file(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let targets = packages.iter().flat_map(|package| package["targets"].as_array().unwrap());
    let tested = targets.filter(|target| target["test"] == true);
    tested.map(|target| fs::canonicalize(target["src_path"].as_str().unwrap()).unwrap()).collect()
}

/// Goes along the modules that a file declares, whose files are in `directory`.
fn visit(file: &Path, directory: &Path, files: &mut BTreeSet<PathBuf>) {
    if !files.insert(file.to_owned()) {
        return;
    }
    for line in fs::read_to_string(file).unwrap().lines() {
        let Some(name) = line.trim().strip_suffix(';').and_then(|line| named(line, "mod")) else { continue };
        let below = directory.join(name);
        let inside = [directory.join(format!("{name}.rs")), below.join("mod.rs")];
        if let Some(inside) = inside.iter().find(|path| path.is_file()) {
            visit(inside, &below, files);
        }
    }
}

/// The tests of a source file that are not ignored: functions with the attribute right before them.
fn tests_in(text: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut attributes = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
        } else if !line.is_empty() && !line.starts_with("//") {
            let is_ignored = attributes.iter().any(|attribute| attribute.contains("ignore"));
            if let Some(name) = named(line, "fn")
                && attributes.contains(&"#[test]")
                && !is_ignored
            {
                tests.push(name.to_owned());
            }
            attributes.clear();
        }
    }
    tests
}

/// The name that a keyword introduces in a line, with nothing before it but other keywords.
fn named<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let mut rest = line;
    loop {
        let (word, behind) = rest.split_once(' ')?;
        if word == keyword {
            let end = behind.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            return Some(&behind[..end.unwrap_or(behind.len())]);
        }
        let is_modifier =
            word.starts_with("pub") || word.ends_with(')') || ["const", "async", "unsafe"].contains(&word);
        if !is_modifier {
            return None;
        }
        rest = behind;
    }
}

/// Whether a file has an item of this name outside its comments.
fn has_item(text: &str, item: &str) -> bool {
    let is_it = |line: &str| KEYWORDS.iter().any(|keyword| named(line, keyword) == Some(item));
    !item.is_empty() && text.lines().map(str::trim).any(is_it)
}

/// What is commented out, ignored or no test must not be taken for one.
#[test]
fn only_tests_that_run_are_found() {
    // Written otherwise, or this file would be found to have these tests.
    let text = "
        TEST
        fn first() {}
        // TEST
        fn no_test() {}
        TEST
        #[ignore = \"slow\"]
        fn ignored() {}
        #[cfg_attr(windows, ignore)]
        TEST
        fn ignored_elsewhere() {}
        proptest! {
            /// What it shows.
            TEST
            // And why.
            fn property(n in 0..9) {}
        }
        TEST
        const NOT_A_FUNCTION: u32 = 1;
        fn behind() {}
    "
    .replace("TEST", "#[test]");
    assert_eq!(tests_in(&text), ["first", "property"]);
}

/// A name that is only mentioned, or the beginning of another, is no item.
#[test]
fn only_whole_names_of_items_are_found() {
    let text = "
        /// fn mentioned() is not here.
        pub(super) const fn made(self) -> Self { Self }
        pub const LIMIT: u64 = made_up();
        struct Generic<T>(T);
        let x = fn_pointer;
    ";
    for item in ["made", "LIMIT", "Generic"] {
        assert!(has_item(text, item), "{item}");
    }
    for item in ["mentioned", "made_up", "mad", "LIMI", "Gener", "x", "", "fn_pointer"] {
        assert!(!has_item(text, item), "{item}");
    }
}
