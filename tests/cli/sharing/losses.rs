//! What is lost in the buffer of another process.

use rustix::process::Signal;

use crate::support::{
    cli::{Running, forebay, run},
    fixtures,
};

/// A script looks at the exit code of the command that it runs, and the log of the owner is somewhere else.
#[test]
fn a_reader_ends_with_1_where_the_buffer_of_another_process_has_lost_records() {
    for (name, code) in [("w100_r0_bitflip", 1), ("w100_r0", 0)] {
        let directory = fixtures::copy(name);
        let path = directory.path().to_str().unwrap();
        let mut owner = Running::start(&mut forebay(["serve", path]));
        while !directory.path().join("buffer.sock").exists() {
            std::thread::yield_now();
        }
        let ended = run(["read", path]);
        assert_eq!(ended.code, Some(code), "{name}: {ended}");
        assert_eq!(ended.stderr.contains("lost 1 record while this command read"), code == 1, "{ended}");
        owner.signal(Signal::TERM);
        owner.end();
    }
}
