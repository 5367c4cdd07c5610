//! One directory, two hosts.

use std::collections::VecDeque;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::without_wasmtime;
use crate::{
    bed::{lines, must_be},
    host::{Host, must_be_whole},
    outcome::Outcome,
    tools::Tools,
};

pub(crate) fn each_reads_the_other(tools: &Tools) -> Result<Outcome> {
    let Some(hosts) = Host::both(tools) else { return without_wasmtime() };
    let lines = lines(0..2000);
    for writer in hosts {
        for reader in hosts {
            let directory = TempDir::new()?;
            let path = directory.path();
            let what = || format!("{} writes, {} reads", writer.name(), reader.name());
            writer.produce(path, &lines).with_context(what)?;
            must_be_whole(&tools.native, path).with_context(what)?;
            must_be(&reader.consume(path, None)?, &lines).with_context(what)?;
            must_be(&writer.consume(path, None)?, &[]).with_context(what)?;
        }
    }
    Ok(Outcome::Ok(String::new()))
}

pub(crate) fn hosts_take_turns(tools: &Tools) -> Result<Outcome> {
    const ROUNDS: usize = 24;
    let Some(hosts) = Host::both(tools) else { return without_wasmtime() };
    let directory = TempDir::new()?;
    let path = directory.path();
    let mut waiting = VecDeque::new();
    let mut next = 0;
    for round in 0..ROUNDS {
        let host = |turn: usize| if turn.is_multiple_of(2) { hosts[0] } else { hosts[1] };
        let what = || format!("round {round}");
        let written = lines(next..next + 50 + round * 17 % 90);
        next += written.len();
        host(round).produce(path, &written).with_context(what)?;
        waiting.extend(written);
        let count = (round * 31 % 140).min(waiting.len());
        if count > 0 {
            let read = host(round / 2).consume(path, Some(count)).with_context(what)?;
            let expected: Vec<_> = waiting.drain(..count).collect();
            must_be(&read, &expected).with_context(what)?;
        }
        must_be_whole(&tools.native, path).with_context(what)?;
    }
    must_be(&hosts[1].consume(path, None)?, waiting.make_contiguous())?;
    Ok(Outcome::Ok(format!("{next} records in {ROUNDS} rounds")))
}
