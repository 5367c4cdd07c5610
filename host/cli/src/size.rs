//! Sizes as people write them: `4096`, `64KiB`, `1.5MiB`, `2G`.

use bytesize::ByteSize;

/// The number of bytes that a text names. `K`, `M` and `G` count in thousands, `KiB`, `MiB` and `GiB` in 1024s.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    text.parse()
        .map(|ByteSize(bytes)| bytes)
        .map_err(|_| "give a number of bytes, or one with a unit such as 64KiB, 1MiB or 2G".to_owned())
}

/// A size that is read as the same number of bytes: `64KiB`.
pub(crate) fn exact(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| bytes.to_string(), |(unit, name)| format!("{}{name}", bytes / unit))
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

    /// What is remembered must be what was chosen.
    #[test]
    fn an_exact_size_is_read_as_it_was() {
        for bytes in [0, 1, 1000, 1 << 10, 1500 << 10, (1 << 20) + 1, 3 << 30, u64::MAX] {
            assert_eq!(parse(&exact(bytes)), Ok(bytes), "{bytes}");
        }
        assert_eq!(exact(1536 << 10), "1536KiB");
    }

    /// A size beyond what can be counted stays huge, so that the checks of sizes refuse it.
    #[test]
    fn a_size_that_is_too_large_does_not_wrap() {
        assert_eq!(parse("99999999999999GiB"), Ok(u64::MAX));
    }
}
