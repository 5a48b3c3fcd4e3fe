//! What each batch costs on its way: the walk over headers, the patch, and the slow path that reads records.

use bytes::Bytes;
use divan::{Bencher, black_box, counter::BytesCount};
use kafka::{
    batch::{BatchView, Codec, walk},
    build::{NewRecord, build_batch, rebuild},
    patch::{Patch, Times},
    records::Records,
};

fn main() {
    divan::main();
}

const PATCH: Patch = Patch {
    producer_id: 4_711,
    producer_epoch: 3,
    base_sequence: 1_000,
};

/// Batches as a Fetch reply holds them: 1 MiB of records of 1 KB.
const BATCH_BYTES: [usize; 3] = [1_100, 16_384, 65_536];

fn value(number: usize, bytes: usize) -> Bytes {
    let mut text = format!("{{\"n\":{number:012},\"text\":\"");
    while text.len() + 20 < bytes {
        text.push_str(&format!(
            "{:08x} order ",
            text.len() * 2_654_435_761 % 4_294_967_291
        ));
    }
    text.push_str("\"}");
    text.into()
}

fn batch(bytes: usize, record_bytes: usize, codec: Codec) -> BatchView {
    let records: Vec<NewRecord> = (0..(bytes / record_bytes).max(1))
        .map(|n| {
            let key = Some(format!("key-{n}").into());
            NewRecord::new(
                key,
                Some(value(n, record_bytes)),
                1_700_000_000_000 + n as i64,
            )
        })
        .collect();
    build_batch(&records, codec, Patch::NOBODY).expect("the records are good")
}

fn reply(batch_bytes: usize) -> Bytes {
    let batch = batch(batch_bytes, 1_024, Codec::None);
    batch.bytes().repeat((1 << 20) / batch.size_bytes()).into()
}

#[divan::bench(args = BATCH_BYTES)]
fn header_walk(bencher: Bencher<'_, '_>, batch_bytes: usize) {
    let reply = reply(batch_bytes);
    bencher
        .counter(BytesCount::new(reply.len()))
        .bench(|| walk(black_box(reply.clone())).flatten().count());
}

#[divan::bench(args = BATCH_BYTES)]
fn walk_and_verify(bencher: Bencher<'_, '_>, batch_bytes: usize) {
    let reply = reply(batch_bytes);
    bencher.counter(BytesCount::new(reply.len())).bench(|| {
        let batches = walk(black_box(reply.clone())).flatten();
        batches.filter(|batch| batch.verify().is_ok()).count()
    });
}

#[divan::bench(args = BATCH_BYTES)]
fn crc_patch(bencher: Bencher<'_, '_>, batch_bytes: usize) {
    let batch = batch(batch_bytes, 1_024, Codec::None);
    bencher.bench(|| black_box(&batch).patch(black_box(PATCH), Times::Visible));
}

#[divan::bench(args = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd])]
fn read_records(bencher: Bencher<'_, '_>, codec: Codec) {
    let batch = batch(65_536, 1_024, codec);
    bencher.counter(BytesCount::new(65_536_usize)).bench(|| {
        Records::open(black_box(&batch))
            .expect("the batch is good")
            .iter()
            .count()
    });
}

#[divan::bench(args = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd])]
fn slow_path_rebuild(bencher: Bencher<'_, '_>, codec: Codec) {
    let batch = batch(65_536, 1_024, codec);
    let wanted = batch.base_offset() + 1..batch.next_offset();
    bencher
        .counter(BytesCount::new(65_536_usize))
        .bench(|| rebuild(black_box(&batch), wanted.clone()));
}
