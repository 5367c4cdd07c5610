//! Lines of Prometheus' text format 0.0.4.

use std::fmt::{Display, Write as _};

/// A text that grows. Writing into it cannot fail.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a family. All its samples follow.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, String)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let text = text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{after} {value}");
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory may have any name: it must not end the label, or the line.
    #[test]
    fn labels_are_escaped() {
        let mut text = Text::default();
        text.family("a", "gauge", "One\nline.");
        text.sample("a", &[("b", "\"\\\n".to_owned()), ("c", String::new())], 0.5);
        text.sample("a", &[], 7);
        let expected =
            concat!("# HELP a One\\nline.\n# TYPE a gauge\n", r#"a{b="\"\\\n",c=""} 0.5"#, "\na 7\n");
        assert_eq!(text.into_string(), expected);
    }
}
