//! Logic that is out to harm: what it cannot do, whatever it tries.

mod arguments;
mod bed;
mod promises;
mod random;
