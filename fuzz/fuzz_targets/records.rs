//! The slow path, on any bytes: unfolding with every codec, records, their headers, and batches built anew.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    kafka::fuzzing::records(data);
});
