//! A worker as the engine's loop is one: owns the slot, takes over, sends in transactions, and begins anew after any doubt.

use std::{collections::VecDeque, time::Duration};

use model::link::{Isolation, Timestamps};
use replication::protocol::{
    claim::{Claimant, Claimed, Slot, SlotError, claim, read_slot},
    flow::{Failed, Flow, Next, Now, Outgoing, Runs, Verdict},
    offset_map::OffsetMap,
    ports::{
        Bounds, Clock, ControlWrite, Destination, DestinationBatch, PortError, ProducerState,
        RecordPrint, Source, SourceBatch, SourceClass, Transactions, Writer,
    },
    position::{Identity, Meaning},
    takeover::{Case, Outcome, Policies, Resumed, StartAt, take_over},
    transaction::{Effect, Transaction, commit},
};

use crate::{
    Mutation,
    broker::{Node, PARTITIONS, Produce},
};

const MEANING: Meaning = Meaning {
    revision: 0,
    isolation: Isolation::ReadCommitted,
    timestamps: Timestamps::Source,
};

struct At {
    node: Node,
    partition: usize,
}

impl Source for At {
    async fn topic_id(&self) -> Result<String, PortError> {
        Ok("source".to_owned())
    }

    async fn bounds(&self, _: Isolation) -> Result<Bounds, PortError> {
        self.node.ask().await?;
        let end = self.node.lock().source[self.partition];
        Ok(Bounds { log_start: 0, end })
    }

    async fn end_of_epoch(&self, epoch: i32) -> Result<Option<(i32, i64)>, PortError> {
        Ok(Some((epoch, self.node.lock().source[self.partition])))
    }

    async fn headers(&self, from: i64, _: Isolation) -> Result<Vec<SourceBatch>, PortError> {
        self.node.ask().await?;
        let end = self.node.lock().source[self.partition];
        let all = SourceBatch {
            base_offset: from,
            last_offset: end - 1,
            records: end - from,
            leader_epoch: 0,
            class: SourceClass::Data,
        };
        Ok(if from < end { vec![all] } else { Vec::new() })
    }

    async fn records(&self, from: i64, _: Isolation) -> Result<(Vec<RecordPrint>, i64), PortError> {
        Ok((Vec::new(), from))
    }
}

impl Destination for At {
    async fn topic_id(&self) -> Result<String, PortError> {
        Ok("mirror".to_owned())
    }

    async fn leader_epoch(&self) -> Result<i32, PortError> {
        Ok(0)
    }

    async fn log_end(&self, _: i32) -> Result<i64, PortError> {
        self.node.ask().await?;
        Ok(self.node.lock().mirror_end(self.partition))
    }

    async fn producer_state(&self, _: i64) -> Result<Option<ProducerState>, PortError> {
        Ok(None)
    }

    async fn bounds(&self) -> Result<Bounds, PortError> {
        let end = self.node.lock().mirror_end(self.partition);
        Ok(Bounds { log_start: 0, end })
    }

    async fn headers(&self, _: i64) -> Result<Vec<DestinationBatch>, PortError> {
        Ok(Vec::new())
    }

    async fn records(&self, _: i64) -> Result<Vec<RecordPrint>, PortError> {
        Ok(Vec::new())
    }
}

fn who(node: &Node, name: usize) -> Claimant {
    Claimant {
        worker: format!("worker {name}"),
        process: node.lock().number().to_string(),
        on_its_way: Duration::from_secs(1),
    }
}

fn identity(partition: usize) -> Identity {
    Identity {
        link_id: "link".to_owned(),
        source_topic: "orders".to_owned(),
        source_topic_id: "source".to_owned(),
        mirror_topic: "orders".to_owned(),
        mirror_topic_id: "mirror".to_owned(),
        partition: i32::try_from(partition).unwrap(),
    }
}

/// Owns the slot until something is in doubt, again and again.
pub async fn work(node: Node, name: usize) {
    loop {
        let _ = copy(&node, name).await;
        node.pause().await;
    }
}

async fn own(node: &Node, name: usize) -> Result<Option<(Slot, Writer)>, SlotError> {
    let who = who(node, name);
    let early = read_slot(node, 0).await?;
    let writer = node.begin(0).await?;
    let Claimed::Owned(mut slot) = claim(node, node, &who, 0).await? else {
        return Ok(None);
    };
    if node.mutation == Mutation::ReadEarly {
        slot.state.positions = early.positions;
    }
    Ok(Some((*slot, writer)))
}

async fn resume(node: &Node, slot: &Slot, partition: usize) -> Result<Resumed, PortError> {
    let identity = identity(partition);
    let stored = slot.state.position("source", "orders", identity.partition);
    let at = || At {
        node: node.clone(),
        partition,
    };
    let (source, mirror) = (at(), at());
    let case = Case {
        identity: &identity,
        stored,
        map: &OffsetMap::default(),
        meaning: MEANING,
        producer_id: 1,
        start: StartAt::LogStart,
        may_append: true,
        policies: &Policies::default(),
        quiet_at_ms: 0,
        acknowledged_end: None,
        guard_ms: 1,
        transactional: true,
    };
    loop {
        match take_over(&source, &mirror, node, &case).await? {
            Outcome::Resumed(resumed) => return Ok(*resumed),
            Outcome::Wait(..) => node.pause().await,
            Outcome::Held(finding) => panic!("held: {finding:?}"),
        }
    }
}

struct Copying {
    node: Node,
    slot: Slot,
    transaction: Transaction,
    flows: Vec<Flow<Vec<i64>>>,
    /// Partition and number of requests without an answer, oldest first.
    sent: VecDeque<(usize, u64)>,
    /// Partitions of which a batch was certainly not appended.
    refused: [bool; PARTITIONS],
}

async fn copy(node: &Node, name: usize) -> Result<(), SlotError> {
    let Some((slot, writer)) = own(node, name).await? else {
        return Ok(());
    };
    let mut flows = Vec::new();
    let mut positions = Vec::new();
    for partition in 0..PARTITIONS {
        let resumed = resume(node, &slot, partition).await?;
        positions.push(resumed.position.write());
        flows.push(Flow::new(&resumed, 0, 1).in_transactions());
    }
    let mut copying = Copying {
        node: node.clone(),
        slot,
        transaction: Transaction::new(writer),
        flows,
        sent: VecDeque::new(),
        refused: [false; PARTITIONS],
    };
    copying.commit(positions).await?;
    copying.run().await
}

impl Copying {
    /// Ends with the first doubt.
    async fn run(&mut self) -> Result<(), SlotError> {
        loop {
            self.fetch();
            self.send();
            let now_ms = self.node.monotonic_ms();
            let hasty = self.node.mutation == Mutation::CommitInFlight;
            if self.transaction.is_over(now_ms) && (self.sent.is_empty() || hasty) {
                self.end().await?;
                continue;
            }
            let Some((partition, number)) = self.sent.pop_front() else {
                self.node.pause().await;
                continue;
            };
            let answer = self.node.reply(number).await;
            if self.answered(partition, answer) == Effect::Aborts {
                return Ok(());
            }
        }
    }

    fn fetch(&mut self) {
        for (partition, flow) in self.flows.iter_mut().enumerate() {
            let end = self.node.lock().source[partition];
            let from = flow.fetch_offset();
            let to = end.min(from + 3);
            if flow.pending() < 4 && from < to {
                flow.push(Outgoing {
                    source_from: from,
                    source_to: to,
                    leader_epoch: 0,
                    runs: Runs::Dense(from, to - from),
                    explained: true,
                    first_timestamp_ms: 0,
                    max_timestamp_ms: 0,
                    alone: false,
                    payload: (from..to).collect(),
                });
            }
        }
    }

    fn send(&mut self) {
        let monotonic_ms = self.node.monotonic_ms();
        let now = Now {
            wall_ms: 0,
            monotonic_ms,
            lease_fresh: false,
        };
        for partition in 0..PARTITIONS {
            while !self.transaction.is_over(monotonic_ms) {
                let Next::Send(order) = self.flows[partition].next(now) else {
                    break;
                };
                let base_sequence = self.transaction.sequence(partition);
                let count = i64::try_from(order.payload.len()).unwrap();
                self.transaction.sent(partition, count, 1, monotonic_ms);
                let number = self.node.send(Produce {
                    reply: 0,
                    partition,
                    epoch: self.transaction.writer().epoch,
                    base_sequence,
                    records: order.payload,
                });
                self.sent.push_back((partition, number));
            }
        }
    }

    fn answered(&mut self, partition: usize, answer: Option<Result<i64, i16>>) -> Effect {
        let flow = &mut self.flows[partition];
        let trusts = self.node.mutation == Mutation::TrustSilence;
        let (verdict, code) = match answer {
            Some(Ok(base)) => (flow.acknowledged(base), Some(0)),
            Some(Err(code)) => (flow.failed(Failed::Code(code)), Some(code)),
            None if trusts => (flow.failed(Failed::Code(29)), Some(29)),
            None => (flow.failed(Failed::NoReply { ended_ms: 0 }), None),
        };
        if verdict == Verdict::Fenced {
            return Effect::Aborts;
        }
        if self.transaction.in_flight() == 0 {
            return Effect::GoesOn; // of a transaction that was committed all the same
        }
        let effect = self.transaction.answered(partition, verdict, code);
        self.refused[partition] |= effect == Effect::Ends;
        effect
    }

    /// Commits, and goes on: a flow that was refused begins anew behind what it had acknowledged.
    async fn end(&mut self) -> Result<(), SlotError> {
        let positions: Vec<_> = self.flows.iter().map(|f| f.position().clone()).collect();
        let writes = positions.iter().map(|position| position.write()).collect();
        self.commit(writes).await?;
        for (partition, position) in positions.iter().enumerate() {
            let flow = &mut self.flows[partition];
            if std::mem::take(&mut self.refused[partition]) {
                let resumed = Resumed {
                    position: position.clone(),
                    must_store: false,
                    quiet: true,
                    guard_timestamp_ms: None,
                    map_cut: None,
                    segments: Vec::new(),
                    findings: Vec::new(),
                };
                *flow = Flow::new(&resumed, 0, 1).in_transactions();
            } else {
                flow.stored(position);
            }
        }
        Ok(())
    }

    async fn commit(&mut self, positions: Vec<ControlWrite>) -> Result<(), SlotError> {
        let (node, writer) = (self.node.clone(), self.transaction.writer());
        let next = match node.mutation {
            Mutation::StoreBefore => {
                self.slot.store(&node, &node, positions).await?;
                commit(&node, &mut self.slot, writer, Vec::new()).await?
            }
            Mutation::StoreAfter => {
                let next = commit(&node, &mut self.slot, writer, Vec::new()).await?;
                self.slot.store(&node, &node, positions).await?;
                next
            }
            _ => commit(&node, &mut self.slot, writer, positions).await?,
        };
        self.transaction = Transaction::new(next);
        Ok(())
    }
}
