//! Reading the facts of a take-over, in the order in which they prove something.

use std::time::Duration;

use super::{Outcome, Why};
use crate::protocol::{
    count::Counter,
    matching::{Matched, Tail, TailPrint, matched},
    ports::{Bounds, Destination, DestinationBatch, PortError, ProducerState, Source},
    position::Position,
    walk::Walk,
};

/// Pause before moving facts are read again.
const AGAIN: Duration = Duration::from_millis(100);

/// The destination at one moment within one leader epoch.
#[derive(Clone, Debug)]
pub(super) struct DestinationFacts {
    pub topic_id: String,
    pub log_start: i64,
    pub log_end: i64,
    pub producer: Option<ProducerState>,
}

/// Reads the destination's facts; `Err` of the inner result says why to wait.
pub(super) async fn destination_facts<D: Destination>(
    destination: &D,
    producer_id: i64,
) -> Result<Result<DestinationFacts, Outcome>, PortError> {
    let topic_id = destination.topic_id().await?;
    let epoch = destination.leader_epoch().await?;
    let log_end = destination.log_end(epoch).await?;
    let producer = destination.producer_state(producer_id).await?;
    // The log must not have moved while the producer's state was read.
    if destination.log_end(epoch).await? != log_end {
        return Ok(Err(Outcome::Wait(Why::Moving, AGAIN)));
    }
    let Bounds { log_start, end } = destination.bounds().await?;
    if end < log_end {
        return Ok(Err(Outcome::Wait(Why::HighWatermark, AGAIN)));
    }
    Ok(Ok(DestinationFacts {
        topic_id,
        log_start,
        log_end,
        producer,
    }))
}

/// Says whether the leader and its log end are still those of the facts.
pub(super) async fn unmoved<D: Destination>(
    destination: &D,
    epoch: i32,
    facts: &DestinationFacts,
) -> Result<bool, PortError> {
    Ok(destination.leader_epoch().await? == epoch
        && destination.log_end(epoch).await? == facts.log_end)
}

/// Reads the headers of the tail, from the batch that ends at the stored end on.
pub(super) async fn tail<D: Destination>(
    destination: &D,
    stored: &Position,
    facts: &DestinationFacts,
) -> Result<Vec<DestinationBatch>, PortError> {
    let mut from = (stored.own_end - 1).max(facts.log_start);
    let mut batches = Vec::new();
    while from < facts.log_end {
        let page = destination.headers(from).await?;
        let Some(last) = page.last() else { break };
        from = last.last_offset + 1;
        batches.extend(
            page.into_iter()
                .filter(|batch| batch.base_offset < facts.log_end),
        );
    }
    Ok(batches)
}

/// Counts records at the source from an offset on, under the stored settings.
pub(super) async fn count<S: Source>(
    source: &S,
    stored: &Position,
    mut from: i64,
    records: i64,
) -> Result<Counter, PortError> {
    let mut counter = Counter::new(from, records);
    while !counter.done() {
        let page = source.headers(from, stored.meaning.isolation).await?;
        let Some(last) = page.last() else { break };
        from = last.last_offset + 1;
        page.iter().for_each(|batch| counter.take(batch));
    }
    Ok(counter)
}

/// Matches the tail with the source by content.
pub(super) async fn match_content<S: Source, D: Destination>(
    source: &S,
    destination: &D,
    stored: &Position,
    walk: &Walk,
    bounds: Bounds,
) -> Result<Matched, PortError> {
    let mut records = Vec::new();
    for run in &walk.runs {
        let end = run.destination_start + run.length;
        let mut from = run.destination_start;
        while from < end {
            let page = destination.records(from).await?;
            let Some(last) = page.last() else { break };
            let next = last.offset + 1;
            records.extend(
                page.iter()
                    .filter(|r| r.offset >= from && r.offset < end)
                    .map(|r| {
                        let index = run.index + (r.offset - run.destination_start);
                        TailPrint {
                            index,
                            destination: r.offset,
                            print: r.print,
                        }
                    }),
            );
            from = next;
        }
    }
    let survivors = survivors(source, stored, walk.written, bounds.log_start).await?;
    let tail = Tail {
        from: stored.source_next,
        written: walk.written,
        records: &records,
    };
    Ok(matched(tail, &survivors, bounds.end))
}

/// Reads `written` and one more surviving source records from the stored position on.
async fn survivors<S: Source>(
    source: &S,
    stored: &Position,
    written: i64,
    log_start: i64,
) -> Result<Vec<crate::protocol::ports::RecordPrint>, PortError> {
    let wanted = usize::try_from(written + 1).unwrap_or(usize::MAX);
    let mut from = stored.source_next.max(log_start);
    let mut survivors = Vec::new();
    while survivors.len() < wanted {
        let (page, next) = source.records(from, stored.meaning.isolation).await?;
        if next <= from {
            break;
        }
        survivors.extend(page.into_iter().filter(|r| r.offset >= from));
        from = next;
    }
    survivors.truncate(wanted);
    Ok(survivors)
}
