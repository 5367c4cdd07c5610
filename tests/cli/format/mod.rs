//! The format on disk is Vector's. What Vector wrote is read, and what Forebay writes is what Vector would have written.

mod facts;
mod reading;
mod writing;
