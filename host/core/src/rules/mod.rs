//! The rules of the contract: one predicate a call, the batch on offer, and the count of what was refused.

mod may_store;
mod offer;
mod refusals;

pub(crate) use self::{
    may_store::{Bounds, Verdict, may_store},
    offer::Offer,
    refusals::Refusals,
};
pub use self::{offer::Placement, refusals::Breach};
