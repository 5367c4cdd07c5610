//! Errors of a queue, for a person.

use forebay_adapter_bindings::command::forebay::queue::queue::Error;

/// What happened to the queue in a directory, and what to do.
pub(crate) fn words(directory: &str, error: &Error) -> String {
    let what = match error {
        Error::Locked => "it is in use: close it there first".to_owned(),
        Error::Fenced => "another program has taken it".to_owned(),
        Error::Degraded => {
            "a sync has failed, and so did its retries: look for what the kernel says of the disk".to_owned()
        }
        Error::Failed => {
            "it has failed: run the program again, nothing is lost that was confirmed".to_owned()
        }
        Error::NoDirectory => {
            "the host gives no directory that leads to it: `wasmtime run --dir HOST_DIR::/`".to_owned()
        }
        Error::NewerVersion => "a later version of Forebay has written to it: use that one".to_owned(),
        Error::Invalid(1) => "the path has a component `..`: write it without".to_owned(),
        Error::Invalid(2) => "the file size is too small: it is at least 4096 bytes".to_owned(),
        Error::Invalid(3) => {
            "the maximum size is too small: it is at least twice the file size and 32 bytes".to_owned()
        }
        Error::Invalid(4) => {
            "the maximum size is too large: it is at most 65534 times the file size".to_owned()
        }
        Error::Invalid(7) => "a record is too long: it may have the file size less 48 bytes".to_owned(),
        Error::Invalid(number) => format!("argument {number} is not allowed"),
        Error::Storage(95) => "its file system cannot make names durable".to_owned(),
        Error::Storage(errno) => format!("a call of the file system failed, with Linux's errno {errno}"),
        Error::Lost((first, below)) => {
            format!("the events {first} up to {below}, without that, were not durable, and are gone")
        }
        Error::Other(number) => format!("error {number}, which this program has no name for"),
    };
    format!("the queue {directory}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An operator who does not read which of several causes it was looks at all of them.
    #[test]
    fn each_error_says_something_of_its_own() {
        let errors = [
            Error::Locked,
            Error::Fenced,
            Error::Degraded,
            Error::Failed,
            Error::NoDirectory,
            Error::NewerVersion,
            Error::Lost((3, 9)),
            Error::Other(4),
        ];
        let numbered = (1..=9).map(Error::Invalid).chain([5, 28, 95].map(Error::Storage));
        let said: Vec<_> = errors.into_iter().chain(numbered).map(|error| words("/q", &error)).collect();
        let mut different = said.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), said.len());
        assert!(said.iter().all(|message| message.contains("/q")));
    }
}
