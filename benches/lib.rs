//! Nothing but benchmarks; see the folder beside this file.
