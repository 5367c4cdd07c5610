//! What the host makes of a component that was made by hand or was damaged. `tests/cli` has the limits of loading one.

mod features;
mod mutated;
