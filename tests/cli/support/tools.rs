//! Programs that some tests need, and that a machine may lack or not allow.

use std::{
    io::ErrorKind,
    process::{Command, Stdio},
};

use super::cli::BINARY;

/// Whether there is a program of this name, and this machine lets it do what the tests want of it. A test without it is
/// skipped, with a word of it. A program that is missing is a failure in CI: `./setup` installs it.
pub fn is_there(tool: &str) -> bool {
    let tried = Command::new(tool).args(trial_of(tool)).stdin(Stdio::null()).output();
    match tried {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            skip(&format!(
                "{tool} may not do here what it is to: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            ));
            false
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let missing = format!("{tool} is missing, of the package {}", package_of(tool));
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}: run ./setup");
            skip(&missing);
            false
        }
        Err(error) => panic!("{tool} cannot be started: {error}"),
    }
}

/// Says why a test is skipped. What the machine does not allow, such as another user, is a failure nowhere.
pub fn skip(reason: &str) {
    println!("skipped: {reason}");
}

/// The least of what the tests do with a tool.
fn trial_of(tool: &str) -> &[&str] {
    match tool {
        "strace" => &["-o", "/dev/null", "true"],
        "unshare" => &["--mount", "true"],
        "setpriv" => &["--reuid=65534", "--regid=65534", "--clear-groups", "test", "-x", BINARY],
        _ => &["-V"],
    }
}

/// The Debian package that has a tool.
fn package_of(tool: &str) -> &str {
    match tool {
        "unshare" | "setpriv" | "prlimit" => "util-linux",
        _ => tool,
    }
}
