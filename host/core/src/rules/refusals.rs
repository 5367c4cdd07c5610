//! How often each rule of the contract was broken.

use std::collections::BTreeMap;

use forebay_types::Refusal;
use serde::{Serialize, Serializer};
use tracing::warn;

use crate::throttle::Throttle;

/// Why a call was turned down: a rule of the contract, or the operator's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Breach {
    /// The call was answered with `refused`.
    Rule(Refusal),
    /// The call was answered with `no-space`: the operator allows no more bytes or files.
    Quota,
}

/// As its name: the rule's in words, or `quota`.
impl Serialize for Breach {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Rule(refusal) => serializer.collect_str(refusal),
            Self::Quota => serializer.serialize_str("quota"),
        }
    }
}

/// How often one rule was broken.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    total: u64,
    throttle: Throttle,
}

/// How often each rule was broken.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    counts: BTreeMap<Breach, Count>,
}

impl Refusals {
    /// Counts a breach, and logs it at most once a second for each rule. Whether it was logged.
    pub(crate) fn note(&mut self, breach: Breach, now_ns: u64) -> bool {
        let count = self.counts.entry(breach).or_default();
        count.total = count.total.saturating_add(1);
        let Some(not_logged) = count.throttle.may_log(now_ns) else { return false };
        let count = count.total;
        match breach {
            Breach::Rule(refusal) => {
                let number = refusal.number();
                warn!(%refusal, number, count, not_logged, "refused a call of the buffer's logic");
            }
            Breach::Quota => {
                warn!(count, not_logged, "the buffer's logic asked for more room than the limits allow");
            }
        }
        true
    }

    /// How often any rule was broken.
    pub(crate) fn total(&self) -> u64 {
        self.counts.values().fold(0, |sum, count| sum.saturating_add(count.total))
    }

    /// How often each rule was broken, of those that were.
    pub(crate) fn by_rule(&self) -> Vec<(Breach, u64)> {
        self.counts.iter().map(|(breach, count)| (*breach, count.total)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loop that is refused a million times a second must not fill the disk with log lines, nor hide another rule that
    /// is broken meanwhile.
    #[test]
    fn a_rule_is_logged_once_a_second_and_counted_every_time() {
        let mut refusals = Refusals::default();
        let rule = Breach::Rule;
        assert!(refusals.note(rule(Refusal::Truncate), 0));
        for ms in 1..1000 {
            assert!(!refusals.note(rule(Refusal::Truncate), ms * 1_000_000));
        }
        assert!(refusals.note(rule(Refusal::Retention), 500_000_000), "another rule has a line of its own");
        assert!(refusals.note(rule(Refusal::Truncate), 1_000_000_000));
        assert_eq!(refusals.by_rule(), [(rule(Refusal::Retention), 1), (rule(Refusal::Truncate), 1001)]);
        assert_eq!(refusals.total(), 1002);
    }
}
