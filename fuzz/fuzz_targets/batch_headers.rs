//! The walk over batch headers, the verdict on aborted transactions and the header patch, on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    kafka::fuzzing::headers(data);
});
