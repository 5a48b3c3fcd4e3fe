//! Answers to Fetch and Produce of every version, on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    kafka::fuzzing::fetch_reply(data);
    kafka::fuzzing::produce_reply(data);
});
