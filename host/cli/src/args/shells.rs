//! Arguments of the commands that make what an installation wants beside the binary.

use std::path::PathBuf;

use clap::Args as ArgGroup;
use clap_complete::Shell;

/// Print a script that completes commands, options and paths in a shell
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay completions bash > ~/.local/share/bash-completion/completions/forebay
  forebay completions zsh > ~/.zfunc/_forebay
  forebay completions fish > ~/.config/fish/completions/forebay.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// Print the manual page, or write a page for each command into DIR
#[derive(Debug, ArgGroup)]
#[command(after_help = "Examples:
  forebay man | man -l -
  forebay man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Where to write forebay.1, forebay-write.1 and so on; made if it is not there
    pub(crate) dir: Option<PathBuf>,
}
