//! The lives of a buffer's logic, and of the buffer: from the opening to the end, and from one owner to the next.

mod drain;
mod given_back;
mod hand_over;
mod load;
mod making;
mod mending;
mod panics;
mod restart;
mod survivors;
mod swap;
