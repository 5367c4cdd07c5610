//! `docs/ledger-operations.md` says where each operation of Vector's ledger is here, and which test shows it. A table that
//! no test checks is soon untrue: code moves, and tests get other names.

mod document;
mod pains;
mod sources;
mod vector_tests;

use std::{collections::BTreeSet, fs};

use self::{
    document::{Row, faults_in_numbers, rows},
    sources::{Sources, faults_in_item},
};
use crate::support::fixtures::project_file;

const DOCUMENT: &str = "docs/ledger-operations.md";

/// How many operations there are.
const OPERATIONS: usize = 78;

/// How many of them may have a reason in place of a test.
const REASONS_MAX: usize = 10;

fn text() -> String {
    fs::read_to_string(project_file(DOCUMENT)).unwrap()
}

/// The table of operations: ``| L01 | operation | `path.rs::item` | `test` | why different |``.
fn faults_in_operations(document: &str, sources: &Sources) -> Vec<String> {
    let rows: Vec<Row<'_>> = rows(document).filter(|row| row.is_numbered('L')).collect();
    let mut faults = faults_in_numbers(&rows, 'L', 2, OPERATIONS);
    let mut reasons = 0;
    for row in &rows {
        let [_, operation, item, test, _] = row.cells[..] else {
            faults.push(format!("{}: {} cells are not five", row.id(), row.cells.len()));
            continue;
        };
        if operation.is_empty() {
            faults.push(format!("{}: it does not say what the operation does", row.id()));
        }
        faults.extend(faults_in_item(item).map(|fault| format!("{}: {fault}", row.id())));
        if test.starts_with('`') {
            faults.extend(sources.faults_in_test(test).map(|fault| format!("{}: {fault}", row.id())));
        } else if test.is_empty() {
            faults.push(format!("{}: neither a test nor a reason", row.id()));
        } else {
            reasons += 1;
        }
    }
    if reasons > REASONS_MAX {
        faults.push(format!("{reasons} operations have no test: {REASONS_MAX} may"));
    }
    faults
}

/// The table of the last write: ``| V1 | state | what is done | `test` |``.
fn faults_in_last_write(document: &str, sources: &Sources) -> Vec<String> {
    let rows: Vec<Row<'_>> = rows(document).filter(|row| row.is_numbered('V')).collect();
    let mut faults = faults_in_numbers(&rows, 'V', 1, 10);
    for row in &rows {
        match row.cells[..] {
            [_, state, done, test] if !state.is_empty() && !done.is_empty() => {
                faults.extend(sources.faults_in_test(test).map(|fault| format!("{}: {fault}", row.id())));
            }
            _ => faults.push(format!("{}: not four cells with something in each", row.id())),
        }
    }
    faults
}

/// The table of Vector's tests: ``| `name` | what it shows | `ours` or a reason | remark |``.
fn faults_in_twins(document: &str, sources: &Sources) -> Vec<String> {
    let rows: Vec<Row<'_>> = rows(document).filter(|row| row.id().starts_with('`')).collect();
    let mut faults = Vec::new();
    let mut missing: BTreeSet<&str> =
        vector_tests::ALL.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    for row in &rows {
        let [name, shows, ours, _] = row.cells[..] else {
            faults.push(format!("{}: {} cells are not four", row.id(), row.cells.len()));
            continue;
        };
        if !missing.remove(name.trim_matches('`')) {
            faults.push(format!("{name}: not a test of Vector's, or twice"));
        }
        if shows.is_empty() || ours.is_empty() {
            faults.push(format!("{name}: an empty cell"));
        }
        if ours.starts_with('`') {
            faults.extend(sources.faults_in_test(ours).map(|fault| format!("{name}: {fault}")));
        }
    }
    faults.extend(missing.iter().map(|name| format!("{name} has no row")));
    faults
}

/// The table itself.
#[test]
fn every_operation_of_the_ledger_has_its_row() {
    let faults = faults_in_operations(&text(), &Sources::of_the_workspace());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What may be found at the end of the newest file on opening.
#[test]
fn every_state_of_the_last_write_has_its_test() {
    let faults = faults_in_last_write(&text(), &Sources::of_the_workspace());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The tests that Vector has of its buffer.
#[test]
fn every_test_of_vectors_has_its_twin() {
    let faults = faults_in_twins(&text(), &Sources::of_the_workspace());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A check that never fails says nothing: each kind of wrong row must be found, and be the only fault that is.
#[test]
fn a_wrong_row_is_found() {
    let (text, sources) = (text(), Sources::of_the_workspace());
    let row = text.lines().find(|line| line.starts_with("| L03 |")).unwrap();
    let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
    let with = |number: usize, cell: &str| {
        let mut cells = cells.clone();
        cells[number] = cell;
        format!("|{}|", cells.join("|"))
    };
    let wrong = [
        (String::new(), "L03 is missing"),
        (format!("{row}\n{row}"), "L03 follows L03"),
        (with(0, " **L03** "), "L03 is missing"),
        (with(0, " L79 "), "L79 follows L02"),
        (row.replacen("| L03 |", "| L03 | more |", 1), "6 cells"),
        (with(1, " "), "does not say"),
        (with(2, " `host/src/nowhere.rs::take` "), "no file"),
        (with(2, " `host/src/storage/native/lock.rs::untake` "), "no item"),
        (with(2, " `host/src/storage/native/lock.rs` "), "no item"),
        (with(2, " host/src/storage/native/lock.rs::take "), "backticks"),
        (with(3, " `there_is_no_such_test` "), "no test"),
        // A function, and no test.
        (with(3, " `faults_in_numbers` "), "no test"),
        (with(3, " "), "neither"),
    ];
    for (wrong, fault) in wrong {
        let faults = faults_in_operations(&text.replacen(row, &wrong, 1), &sources);
        assert!(faults.len() == 1 && faults[0].contains(fault), "{wrong:?}: {fault:?} in {faults:?}");
    }
}

/// A table of reasons would be easily complete.
#[test]
fn too_many_reasons_are_found() {
    let sources = Sources::of_the_workspace();
    let mut text = text();
    for number in 12..=25 {
        let row = text.lines().find(|line| line.starts_with(&format!("| L{number} |"))).unwrap().to_owned();
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        text = text.replacen(
            &row,
            &format!("|{}|{}|{}| it cannot |{}|", cells[0], cells[1], cells[2], cells[4]),
            1,
        );
    }
    let faults = faults_in_operations(&text, &sources);
    assert!(faults.len() == 1 && faults[0].contains("may"), "{faults:?}");
}

/// The same for the other two tables.
#[test]
fn a_twin_that_is_not_there_is_found() {
    let (text, sources) = (text(), Sources::of_the_workspace());
    let without =
        |start: &str| text.lines().filter(|line| !line.starts_with(start)).collect::<Vec<_>>().join("\n");
    let faults = faults_in_twins(&without("| `ack_wakes_reader` |"), &sources);
    assert_eq!(faults, ["ack_wakes_reader has no row"]);
    let faults = faults_in_twins(&text.replace("| `ack_wakes_reader` |", "| `ack_wakes_none` |"), &sources);
    assert_eq!(faults.len(), 2, "{faults:?}");
    let faults = faults_in_last_write(&without("| V7 |"), &sources);
    assert!(faults.len() == 1 && faults[0].contains("V7 is missing"), "{faults:?}");
    let renamed = text.replace("`v1_an_empty_newest_file_is_ready`", "`v1_is_gone`");
    assert_eq!(faults_in_last_write(&renamed, &sources).len(), 1);
}
