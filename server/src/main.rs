//! Causeway's process. Exit codes: 0 done, 1 failed, 64 wrong usage or settings.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::process::ExitCode;

use server::{cli, failure::Failure};

fn main() -> ExitCode {
    match cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Said(code)) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("causeway: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
