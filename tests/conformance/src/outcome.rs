//! How a check has ended.

/// How a check has ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It holds; with figures, if there are any.
    Ok(String),
    /// It does not hold.
    Short(String),
    /// It cannot be made here.
    Cannot(String),
}

impl Outcome {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Ok(_) => "ok",
            Self::Short(_) => "short",
            Self::Cannot(_) => "cannot",
        }
    }

    pub(crate) fn detail(&self) -> String {
        let (Self::Ok(text) | Self::Short(text) | Self::Cannot(text)) = self;
        if text.is_empty() { String::new() } else { format!(": {text}") }
    }
}
