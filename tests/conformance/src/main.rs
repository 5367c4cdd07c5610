//! Runs a queue's components on other hosts: `conformance COMPONENTS WASMTIME NATIVE LOGIC`, which `just conformance` calls.
//!
//! Prints a row for each check: `ok`, `short` with what was found, or `cannot` with what is missing. A check that cannot be made
//! is a failure where `CI` is `true`.

mod bed;
mod checks;
mod host;
mod outcome;
mod tools;

use std::{env, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Result, bail};

use crate::{outcome::Outcome, tools::Tools};

fn main() -> Result<ExitCode> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [components, wasmtime, native, logic] = arguments.as_slice() else {
        bail!("usage: conformance COMPONENTS WASMTIME NATIVE LOGIC");
    };
    let tools = Tools::new(components, wasmtime, native, logic)?;
    let must_be_made = env::var_os("CI").is_some_and(|ci| ci == "true");
    let (mut passed, mut failed, mut skipped) = (0_u32, 0_u32, 0_u32);
    for (name, check) in checks::ALL {
        let begun = Instant::now();
        let outcome = check(&tools).unwrap_or_else(|error| Outcome::Short(format!("{error:#}")));
        println!("{:6} {name} ({:.1} s){}", outcome.word(), begun.elapsed().as_secs_f64(), outcome.detail());
        match outcome {
            Outcome::Ok(_) => passed += 1,
            Outcome::Cannot(_) if !must_be_made => skipped += 1,
            Outcome::Short(_) | Outcome::Cannot(_) => failed += 1,
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
