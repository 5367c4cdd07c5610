//! Sizes as people write them: `4096`, `64KiB`, `1.5MiB`, `2G`.

use bytesize::ByteSize;

/// The number of bytes that a text names. `K`, `M` and `G` count in thousands, `KiB`, `MiB` and `GiB` in 1024s.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    text.parse()
        .map(|ByteSize(bytes)| bytes)
        .map_err(|_| "give a number of bytes, or one with a unit such as 64KiB, 1MiB or 2G".to_owned())
}

/// A size for people: `1.5 MiB`.
pub(crate) fn shown(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The units in the documentation are a promise.
    #[test]
    fn sizes_are_read_with_and_without_units() {
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("64KiB"), Ok(64 << 10));
        assert_eq!(parse("1MiB"), Ok(1 << 20));
        assert_eq!(parse("1 GiB"), Ok(1 << 30));
        assert_eq!(parse("2G"), Ok(2_000_000_000));
        assert_eq!(parse("1.5KiB"), Ok(1536));
    }

    /// A size that was mistyped must not become some other size.
    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "x", "-1", "KiB", "12parsecs", "1.2.3KiB", "\u{2460}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    /// A size beyond what can be counted stays huge, so that the checks of sizes refuse it.
    #[test]
    fn a_size_that_is_too_large_does_not_wrap() {
        assert_eq!(parse("99999999999999GiB"), Ok(u64::MAX));
    }
}
