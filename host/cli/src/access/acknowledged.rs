//! What came of acknowledging records by their ids.

use forebay_api::AckAnswer;

use super::Owned;

/// How many records are acknowledged, and how many ids may be at a later time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// Records that do not come again.
    pub(crate) records: u64,
    /// Ids that the owner of the buffer, another process, acknowledges when their turn comes.
    pub(crate) noted: u64,
    /// Ids behind a record that waits. Only this process knows that they are acknowledged, and it ends.
    pub(crate) forgotten: u64,
}

impl Acknowledged {
    /// `owned`: the buffer, where it is this process's own.
    pub(super) fn new(answer: AckAnswer, owned: Option<&Owned>, ids: &[(u64, u64)]) -> anyhow::Result<Self> {
        let AckAnswer { acknowledged, noted } = answer;
        let Some(owned) = owned else {
            return Ok(Self { records: acknowledged, noted, forgotten: 0 });
        };
        let status = owned.service.status().map_err(|failure| anyhow::Error::msg(failure.message))?;
        let number = |name: &str| status.buffer.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
        let (stored, next) = (number("acknowledged"), number("next_id"));
        let behind = |&(first, last): &(u64, u64)| {
            next.min(last.saturating_add(1)).saturating_sub(first.max(stored.saturating_add(1)))
        };
        let behind = ids.iter().map(behind).fold(0, u64::saturating_add);
        // Those that are noted are behind as well, and were not counted as acknowledged.
        let forgotten = behind.min(acknowledged.saturating_add(noted));
        let records = acknowledged.saturating_sub(forgotten.saturating_sub(noted));
        Ok(Self { records, noted: 0, forgotten })
    }
}
