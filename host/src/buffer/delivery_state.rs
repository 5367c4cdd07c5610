//! Where a record is that was taken for a consumer.

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeliveryState {
    /// A consumer has it.
    Delivered,
    /// It was given back, and is not done with.
    GivenBack,
    /// The reader that asked for it was gone before it had it.
    Untaken,
    /// Its consumer waits until it is a durable dead letter.
    BecomingDead,
    Acknowledged,
}

impl DeliveryState {
    /// All but that it is acknowledged.
    pub(super) const UNACKNOWLEDGED: [Self; 4] =
        [Self::Delivered, Self::GivenBack, Self::Untaken, Self::BecomingDead];
}
