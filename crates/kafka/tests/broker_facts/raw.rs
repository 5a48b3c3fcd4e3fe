//! The plainest Kafka client there is: one blocking socket, one request after the other, so that a fact is the
//! broker's and not our client's.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka::batch::{BatchView, Codec, walk};
use kafka::build::{NewRecord, build_batch};
use kafka::patch::Patch;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponsePartition;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, DeleteRecordsRequest, DescribeProducersRequest, FetchRequest,
    ListOffsetsRequest, MetadataRequest, OffsetForLeaderEpochRequest, ProduceRequest,
    RequestHeader, ResponseHeader, TopicName, TransactionalId,
};
use kafka_protocol::protocol::{
    Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer,
};

pub const EARLIEST: i64 = -2;
pub const LATEST: i64 = -1;

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub struct Raw {
    stream: TcpStream,
}

impl Raw {
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self { stream }
    }

    pub fn send<R: Request>(&mut self, version: i16, request: &R) {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_client_id(Some(text("facts")));
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        encode_request_header_into_buffer(&mut frame, &header).unwrap();
        request.encode(&mut frame, version).unwrap();
        let size = frame.len() as i32 - 4;
        frame[..4].copy_from_slice(&size.to_be_bytes());
        self.stream.write_all(&frame).unwrap();
    }

    pub fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).unwrap();
        let mut frame = vec![0; u32::from_be_bytes(size) as usize];
        self.stream.read_exact(&mut frame).unwrap();
        let mut frame = Bytes::from(frame);
        ResponseHeader::decode(&mut frame, R::Response::header_version(version)).unwrap();
        let response = R::Response::decode(&mut frame, version).unwrap();
        assert!(!frame.has_remaining());
        response
    }

    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request);
        self.receive::<R>(version)
    }

    /// Returns the newest version of an API that the broker offers.
    pub fn newest(&mut self, api: ApiKey) -> i16 {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(text("facts"))
            .with_client_software_version(text("1"));
        let apis = self.call(3, &request).api_keys;
        let found = apis.iter().find(|offer| offer.api_key == api as i16);
        found.unwrap().max_version
    }
}

/// One batch of ours: `count` records from `sequence` on.
#[derive(Clone, Copy)]
pub struct Ours {
    pub producer_id: i64,
    pub epoch: i16,
    pub sequence: i32,
    pub count: usize,
    pub timestamp: i64,
    pub value: &'static str,
    pub codec: Codec,
}

impl Ours {
    pub fn new(producer_id: i64, epoch: i16, sequence: i32) -> Self {
        Self {
            producer_id,
            epoch,
            sequence,
            count: 1,
            timestamp: now_ms(),
            value: "value",
            codec: Codec::None,
        }
    }

    pub fn bytes(self) -> Bytes {
        let record = NewRecord::new(None, Some(self.value.into()), self.timestamp);
        let patch = Patch {
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            base_sequence: self.sequence,
        };
        let batch = build_batch(&vec![record; self.count], self.codec, patch).unwrap();
        batch.bytes().clone()
    }
}

pub fn now_ms() -> i64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis() as i64
}

/// Changes bytes of a batch before its checksum is made right again.
pub fn forged(batch: &Bytes, change: impl FnOnce(&mut [u8])) -> Bytes {
    let mut bytes = batch.to_vec();
    change(&mut bytes);
    let crc = crc_fast::crc32_iscsi(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.into()
}

/// Partition 0 of a topic on its leader.
pub struct Log {
    pub raw: Raw,
    pub topic: TopicName,
}

/// Error code and base offset.
pub type Answer = (i16, i64);

impl Log {
    pub fn new(address: &str, topic: &str) -> Self {
        Self {
            raw: Raw::connect(address),
            topic: TopicName(text(topic)),
        }
    }

    pub fn request(&self, acks: i16, timeout_ms: i32, records: Bytes) -> ProduceRequest {
        let partition = PartitionProduceData::default().with_records(Some(records));
        let topic = TopicProduceData::default()
            .with_name(self.topic.clone())
            .with_partition_data(vec![partition]);
        ProduceRequest::default()
            .with_acks(acks)
            .with_timeout_ms(timeout_ms)
            .with_topic_data(vec![topic])
    }

    pub fn answer(&mut self, version: i16) -> Answer {
        let response = self.raw.receive::<ProduceRequest>(version);
        let partition = &response.responses[0].partition_responses[0];
        (partition.error_code, partition.base_offset)
    }

    pub fn produce_with(&mut self, acks: i16, timeout_ms: i32, records: Bytes) -> Answer {
        let request = self.request(acks, timeout_ms, records);
        self.raw.send(11, &request);
        self.answer(11)
    }

    pub fn produce(&mut self, records: Bytes) -> Answer {
        self.produce_with(-1, 10_000, records)
    }

    pub fn produce_in_transaction(&mut self, id: &str, records: Bytes) -> Answer {
        let id = Some(TransactionalId(text(id)));
        let request = self.request(-1, 10_000, records).with_transactional_id(id);
        self.raw.send(12, &request);
        self.answer(12)
    }

    /// Returns (producer id, epoch, last sequence) of every producer the broker knows.
    pub fn producers(&mut self) -> Vec<(i64, i32, i32)> {
        let topic = TopicRequest::default()
            .with_name(self.topic.clone())
            .with_partition_indexes(vec![0]);
        let request = DescribeProducersRequest::default().with_topics(vec![topic]);
        let response = self.raw.call(0, &request);
        let partition = &response.topics[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        let state = |p: &kafka_protocol::messages::describe_producers_response::ProducerState| {
            (p.producer_id.0, p.producer_epoch, p.last_sequence)
        };
        partition.active_producers.iter().map(state).collect()
    }

    /// Returns the offset that ListOffsets gives for [`EARLIEST`] or [`LATEST`].
    pub fn offset(&mut self, timestamp: i64) -> i64 {
        let partition = ListOffsetsPartition::default()
            .with_current_leader_epoch(-1)
            .with_timestamp(timestamp);
        let topic = ListOffsetsTopic::default()
            .with_name(self.topic.clone())
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        let response = self.raw.call(7, &request);
        response.topics[0].partitions[0].offset
    }

    /// Tells whether this broker knows a leader of the partition.
    pub fn knows_topic(&mut self) -> bool {
        let partitions = self.partitions();
        partitions.first().is_some_and(|p| p.leader_id.0 >= 0)
    }

    pub fn metadata(&mut self) -> MetadataResponsePartition {
        self.partitions().remove(0)
    }

    fn partitions(&mut self) -> Vec<MetadataResponsePartition> {
        let topic = MetadataRequestTopic::default().with_name(Some(self.topic.clone()));
        let request = MetadataRequest::default().with_topics(Some(vec![topic]));
        let response = self.raw.call(12, &request);
        response.topics[0].partitions.clone()
    }

    /// Returns the log end by OffsetForLeaderEpoch of the current epoch.
    pub fn epoch_end(&mut self) -> i64 {
        let epoch = self.metadata().leader_epoch;
        let partition = OffsetForLeaderPartition::default()
            .with_current_leader_epoch(epoch)
            .with_leader_epoch(epoch);
        let topic = OffsetForLeaderTopic::default()
            .with_topic(self.topic.clone())
            .with_partitions(vec![partition]);
        let request = OffsetForLeaderEpochRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        let response = self.raw.call(4, &request);
        let partition = &response.topics[0].partitions[0];
        assert_eq!((partition.error_code, partition.leader_epoch), (0, epoch));
        partition.end_offset
    }

    pub fn delete_before(&mut self, offset: i64) -> i16 {
        let partition = DeleteRecordsPartition::default().with_offset(offset);
        let topic = DeleteRecordsTopic::default()
            .with_name(self.topic.clone())
            .with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default()
            .with_timeout_ms(10_000)
            .with_topics(vec![topic]);
        let response = self.raw.call(2, &request);
        response.topics[0].partitions[0].error_code
    }

    pub fn batches(&mut self, from: i64) -> Vec<BatchView> {
        let partition = FetchPartition::default()
            .with_fetch_offset(from)
            .with_partition_max_bytes(8 << 20);
        let topic = FetchTopic::default()
            .with_topic(self.topic.clone())
            .with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_replica_id((-1).into())
            .with_session_epoch(-1)
            .with_max_bytes(8 << 20)
            .with_topics(vec![topic]);
        let response = self.raw.call(11, &request);
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        let records = partition.records.clone().unwrap_or_default();
        walk(records).map(Result::unwrap).collect()
    }
}
