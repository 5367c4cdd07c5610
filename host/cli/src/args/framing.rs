//! How records are told apart on stdin and stdout, and what becomes of one that is too long.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFraming {
    #[default]
    Lines,
    Nul,
    Length,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFraming {
    #[default]
    Lines,
    Nul,
    Length,
    Json,
}

impl From<InputFraming> for OutputFraming {
    fn from(framing: InputFraming) -> Self {
        match framing {
            InputFraming::Lines => Self::Lines,
            InputFraming::Nul => Self::Nul,
            InputFraming::Length => Self::Length,
            InputFraming::Json => Self::Json,
        }
    }
}

/// What becomes of a record on stdin that is longer than a record may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnTooLong {
    /// It is left out, and counted
    Skip,
    /// Its first bytes are kept, as many as fit, and it is counted
    Truncate,
    /// The command ends with 2; the records before it are written
    #[default]
    Fail,
}
