//! What users of Vector's disk buffer complain of, each as a test that it does not happen here: see `docs/pains.md`. The
//! number in a test's name is that of Vector's issue.

mod damage;
mod full;
mod ledger;
mod opening;
mod order;
mod ring;
