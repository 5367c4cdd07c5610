//! The table of a run, as it stands in docs/damage.md, and examples with the command that repeats each.

use std::fmt::Write as _;

use crate::{
    generator::Class,
    ledger::State,
    tally::{Example, Losses, Tally},
    verdict::Failure,
};

/// What issue 11 wants of a class.
fn target(class: Class) -> &'static str {
    match class {
        Class::FewValues => "0",
        Class::FewPlaces => "at most 1 in 50,000",
        Class::Many => "at most 0.5 %",
        Class::FewOthers => "(none was set)",
        Class::Shifted => "no limit",
    }
}

/// The figures, in Markdown.
pub fn table(tally: &Tally) -> String {
    let mut text =
        format!("| of {} directories | measured | to reach |\n| --- | --- | --- |\n", tally.directories);
    for failure in Failure::ALL {
        let target = if failure == Failure::OverstatesLoss { "(none was set)" } else { "0" };
        let _ = writeln!(text, "| {failure} | {} | {target} |", tally.failed(failure));
    }
    let records = &tally.records;
    let _ = writeln!(
        text,
        "\nRecords that `read` delivered: {} invented, {} out of order, {} repeated, {} undecidable.\n",
        records.invented, records.out_of_order, records.repeated, records.undecidable
    );
    text += "| deliverable records not delivered, by damages | directories | with a loss | deliverable | not delivered | \
             where a reader stops | where it ends | to reach |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for class in Class::ALL {
        row(&mut text, &class.to_string(), &tally.losses(class), target(class));
    }
    text += "\n| not delivered (directories with a loss of all), by the ledger |";
    for state in State::ALL {
        let _ = write!(text, " {state} |");
    }
    text += "\n| --- | --- | --- | --- | --- |\n";
    for class in Class::ALL {
        let _ = write!(text, "| {class} |");
        for state in State::ALL {
            let Losses { directories, with_losses, not_delivered, .. } = tally.losses_with(class, state);
            let _ = write!(text, " {not_delivered} ({with_losses} of {directories}) |");
        }
        text += "\n";
    }
    text
}

fn row(text: &mut String, name: &str, losses: &Losses, target: &str) {
    let _ = writeln!(
        text,
        "| {name} | {} | {} | {} | {} ({:.4} %) | {} | {} | {target} |",
        losses.directories,
        losses.with_losses,
        losses.deliverable,
        losses.not_delivered,
        losses.not_delivered as f64 * 100.0 / losses.deliverable.max(1) as f64,
        losses.not_delivered_by_stopping,
        losses.not_delivered - losses.not_delivered_by_stopping,
    );
}

/// Up to so many directories for each thing that is wrong, those with the greatest losses first.
pub fn examples(tally: &Tally, seed: u64, count: usize) -> String {
    let failures = tally.failures.iter().map(|(failure, examples)| (failure.to_string(), examples));
    let losers =
        tally.losers.iter().map(|(class, examples)| (format!("records not delivered: {class}"), examples));
    let mut text = String::new();
    for (what, examples) in failures.chain(losers) {
        let _ = writeln!(text, "{what}:");
        let mut worst: Vec<&Example> = examples.iter().collect();
        worst.sort_by_key(|example| (std::cmp::Reverse(example.not_delivered), example.number));
        for Example { number, not_delivered } in worst.into_iter().take(count) {
            let _ = writeln!(text, "    {}    ({not_delivered} not delivered)", replay(seed, *number));
        }
    }
    text
}

/// The command that repeats a directory.
pub fn replay(seed: u64, number: u64) -> String {
    format!("just damage {seed} --case {number}")
}
