//! Untrusted logic that is made to harm: what it cannot do, whatever it tries.

// Numbers that are made here are small.
#![allow(clippy::cast_possible_truncation)]

mod aftermath;
pub mod attack;
mod bed;
mod calls;
mod components;
mod damage;
mod dropping;
mod figures;
mod forged;
mod limits;
mod obeying;
mod operator;
mod promises;
mod random;
mod reading;
mod renewals;
mod said;
mod tickets;
mod unwilling;
