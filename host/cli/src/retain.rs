//! `--retain newest:N`: what a component may not drop while there is room.

/// Which records stay although a component would drop them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retain {
    /// So many of the newest.
    Newest(u64),
}

/// `newest:N`.
pub(crate) fn parse(text: &str) -> Result<Retain, String> {
    let records = text.strip_prefix("newest:").and_then(|number| number.parse().ok());
    records
        .map(Retain::Newest)
        .ok_or_else(|| "give newest: and a number of records, such as newest:1000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is mistyped must not let records go.
    #[test]
    fn what_is_retained_is_a_number_of_the_newest_records() {
        assert_eq!(parse("newest:1000"), Ok(Retain::Newest(1000)));
        for text in ["", "newest", "newest:", "newest:-1", "oldest:5", "1000"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
