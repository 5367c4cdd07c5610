//! `docs/pains.md` says what hurts in Vector's disk buffer, and which test shows that it does not here.

use std::fs;

use super::{
    document::{Row, faults_in_numbers, rows},
    sources::Sources,
};
use crate::support::fixtures::project_file;

/// The letters that name the rows, with the number of rows, and the number of cells in each.
const TABLES: [(char, usize, usize); 7] =
    [('P', 32, 5), ('D', 16, 4), ('V', 9, 4), ('F', 4, 4), ('E', 2, 4), ('N', 1, 4), ('K', 1, 4)];

/// How many rows may have a reason in place of tests.
const REASONS_MAX: usize = 3;

fn text() -> String {
    fs::read_to_string(project_file("docs/pains.md")).unwrap()
}

/// How the name of a test may begin that is named for a pain or a defect; nothing for the other tables.
fn names(row: &Row<'_>, letter: char) -> Vec<String> {
    match letter {
        'P' => row.cells[1].split(", ").map(|issue| format!("`pain_{issue}_")).collect(),
        'D' => vec![format!("`defect_{}_", row.id().to_lowercase())],
        _ => Vec::new(),
    }
}

fn faults(document: &str, sources: &Sources) -> Vec<String> {
    let mut faults = Vec::new();
    let mut reasons = 0;
    for (letter, last, cells) in TABLES {
        let rows: Vec<Row<'_>> = rows(document).filter(|row| row.is_numbered(letter)).collect();
        faults.extend(faults_in_numbers(&rows, letter, 1, last));
        for row in &rows {
            let tests = row.cells.last().copied().unwrap_or_default();
            if row.cells.len() != cells || row.cells.contains(&"") {
                faults.push(format!("{}: not {cells} cells with something in each", row.id()));
            } else if tests.starts_with('`') {
                let wrong = tests.split(", ").filter_map(|test| sources.faults_in_test(test));
                faults.extend(wrong.map(|fault| format!("{}: {fault}", row.id())));
                let names = names(row, letter);
                if !names.is_empty() && !names.iter().any(|name| tests.contains(name)) {
                    faults.push(format!("{}: none of its tests is named for it", row.id()));
                }
            } else {
                reasons += 1;
            }
        }
    }
    if reasons > REASONS_MAX {
        faults.push(format!("{reasons} rows have no test: {REASONS_MAX} may"));
    }
    faults
}

/// The page itself.
#[test]
fn every_pain_has_its_tests_or_a_reason() {
    let faults = faults(&text(), &Sources::of_the_workspace());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A check that never fails says nothing.
#[test]
fn a_pain_without_its_test_is_found() {
    let (text, sources) = (text(), Sources::of_the_workspace());
    let only_test = "`pain_26198_a_record_above_the_limit_is_an_error_to_its_writer`";
    for (from, to, fault) in [
        ("| P2 |", "| Q2 |", "P2 is missing"),
        ("| F4 |", "| F5 |", "F5 follows F3"),
        ("`pain_19759_a_full_ring_is_full_and_not_empty`", "`pain_19759_a_full_ring_is_empty`", "no test"),
        ("`pain_22946_each", "`each", "named for it"),
        ("`defect_d16_", "`defect_d1_", "named for it"),
        (", `pain_19759_a_full_ring_is_full_and_not_empty`", ", and others", "backticks"),
        (only_test, "", "not 5 cells"),
        (only_test, "it is well known", "4 rows have no test"),
    ] {
        assert!(text.contains(from), "{from}");
        let faults = faults(&text.replacen(from, to, 1), &sources);
        assert!(faults.iter().any(|found| found.contains(fault)), "{from}: {fault:?} in {faults:?}");
    }
}
