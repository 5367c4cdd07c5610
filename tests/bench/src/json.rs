//! All values of a run, for other programs.

use serde_json::{Value, json};

use crate::{
    figures::Figures,
    rows::{self, Row, Target, Verdict},
};

/// Each figure with the values of all rounds, and each row with its verdict.
pub(crate) fn of(figures: &Figures, machine: &str) -> Value {
    let series: Vec<Value> = figures
        .all()
        .iter()
        .map(|series| {
            let estimate = series.estimate();
            json!({
                "point": series.point,
                "contender": series.contender,
                "figure": series.figure,
                "values": series.values,
                "median": estimate.map(|estimate| estimate.median),
                "low": estimate.map(|estimate| estimate.low),
                "high": estimate.map(|estimate| estimate.high),
            })
        })
        .collect();
    let rows: Vec<Value> =
        rows::one_at_a_time(figures).iter().chain(&rows::bytes(figures)).map(row).collect();
    json!({ "machine": machine, "figures": series, "rows": rows })
}

fn row(row: &Row) -> Value {
    let (at_least, at_most) = match row.target {
        Target::AtLeast(target) => (Some(target), None),
        Target::AtMost(target) => (None, Some(target)),
    };
    json!({
        "figure": row.figure,
        "beside": row.beside,
        "limit": row.limit,
        "reached": row.reached,
        "judged": row.judged.map(|judged| [judged.low, judged.median, judged.high]),
        "at_least": at_least,
        "at_most": at_most,
        "verdict": row.verdict().map(Verdict::name),
    })
}
