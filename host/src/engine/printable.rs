//! Text that comes from a component.

/// Text from a component, cut and escaped before it reaches a terminal or a log.
pub(super) fn printable(text: &str) -> String {
    const LENGTH_MAX: usize = 256;
    text.chars().flat_map(char::escape_default).take(LENGTH_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes from a component could move the cursor, turn the line round, or forge a second one.
    #[test]
    fn text_from_a_component_is_plain_ascii_on_one_line() {
        for (text, expected) in [
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{202e}abc\u{2066}", "\\u{202e}abc\\u{2066}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            // Two letters that look the same are not the same name.
            ("größer", "gr\\u{f6}\\u{df}er"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    /// A hundred megabytes of it would be as good as an attack on the reader of the log.
    #[test]
    fn text_from_a_component_is_cut() {
        for text in ["x".repeat(100_000), "\u{1b}".repeat(100_000), "ö".repeat(100_000)] {
            assert!(printable(&text).len() <= 256);
        }
    }
}
