//! The only unsafe code: record headers as raw bytes. The safe binding shows header names as text, panics on others and
//! cannot write them.

#![expect(
    unsafe_code,
    reason = "librdkafka's C functions are the only way to raw header names"
)]

use std::{
    ffi::{CStr, CString, c_char, c_void},
    ptr, slice,
};

use anyhow::{Result, anyhow, bail};
use rdkafka::{
    bindings as ffi,
    message::BorrowedMessage,
    producer::{BaseProducer, Producer, ProducerContext},
    types::RDKafkaRespErr,
};

use super::{NewRecord, RawHeader};

/// Copies the headers of a message, in order. A name ends at its first zero byte, as librdkafka hands it over.
pub(super) fn headers(message: &BorrowedMessage<'_>) -> Vec<RawHeader> {
    let mut list = ptr::null_mut();
    // SAFETY: the message lives for the whole function; the list belongs to it and is only read.
    let found = unsafe { ffi::rd_kafka_message_headers(message.ptr(), &mut list) };
    if found != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Vec::new();
    }
    (0..).map_while(|index| header(list, index)).collect()
}

fn header(list: *const ffi::rd_kafka_headers_t, index: usize) -> Option<RawHeader> {
    let (mut name, mut value, mut size) = (ptr::null::<c_char>(), ptr::null::<c_void>(), 0);
    // SAFETY: `list` is a live header list (see `headers`) and the three places are ours.
    let found =
        unsafe { ffi::rd_kafka_header_get_all(list, index, &mut name, &mut value, &mut size) };
    if found != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    // SAFETY: librdkafka ends names with a zero byte; they live as long as the message.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes().to_vec();
    let value = (!value.is_null()).then(|| {
        // SAFETY: a value that is not null points at `size` bytes that live as long as the message.
        unsafe { slice::from_raw_parts(value.cast::<u8>(), size) }.to_vec()
    });
    Some((name, value))
}

/// Queues one record. Returns `false` when librdkafka's queue is full.
///
/// # Errors
/// Fails when librdkafka refuses the record for any other reason.
pub(super) fn produce<C: ProducerContext<DeliveryOpaque = ()>>(
    producer: &BaseProducer<C>,
    topic: &str,
    record: &NewRecord,
) -> Result<bool> {
    use ffi::rd_kafka_vtype_t as V;
    let topic = CString::new(topic)?;
    let list = header_list(&record.headers)?;
    let arguments = [
        argument(V::RD_KAFKA_VTYPE_TOPIC, |u| u.cstr = topic.as_ptr()),
        argument(V::RD_KAFKA_VTYPE_PARTITION, |u| u.i32_ = record.partition),
        argument(V::RD_KAFKA_VTYPE_MSGFLAGS, |u| {
            u.i = ffi::RD_KAFKA_MSG_F_COPY
        }),
        argument(V::RD_KAFKA_VTYPE_KEY, |u| {
            u.mem = memory(record.key.as_deref())
        }),
        argument(V::RD_KAFKA_VTYPE_VALUE, |u| {
            u.mem = memory(record.value.as_deref())
        }),
        // Zero stands for the time of the call.
        argument(V::RD_KAFKA_VTYPE_TIMESTAMP, |u| {
            u.i64_ = record.timestamp.unwrap_or(0)
        }),
        argument(V::RD_KAFKA_VTYPE_HEADERS, |u| u.headers = list),
    ];
    // SAFETY: every pointer outlives the call, which copies key and value (MSG_F_COPY). The message carries no opaque
    // pointer, which is what a `()` opaque expects back.
    let error = unsafe {
        ffi::rd_kafka_produceva(
            producer.client().native_ptr(),
            arguments.as_ptr(),
            arguments.len(),
        )
    };
    if error.is_null() {
        return Ok(true);
    }
    // SAFETY: on failure the header list is still ours, and the error is ours to read and free; its text is copied
    // before that.
    let (code, text) = unsafe {
        ffi::rd_kafka_headers_destroy(list);
        let code = ffi::rd_kafka_error_code(error);
        let text = CStr::from_ptr(ffi::rd_kafka_error_string(error))
            .to_string_lossy()
            .into_owned();
        ffi::rd_kafka_error_destroy(error);
        (code, text)
    };
    if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__QUEUE_FULL {
        return Ok(false);
    }
    Err(anyhow!("librdkafka refuses the record: {text}"))
}

fn header_list(headers: &[RawHeader]) -> Result<*mut ffi::rd_kafka_headers_t> {
    // SAFETY: makes a list of our own.
    let list = unsafe { ffi::rd_kafka_headers_new(headers.len()) };
    for (name, value) in headers {
        let (value_at, value_size) = value.as_ref().map_or((ptr::null(), 0), |v| {
            (v.as_ptr().cast::<c_void>(), v.len().cast_signed())
        });
        // SAFETY: name and value are copied during the call.
        let added = unsafe {
            ffi::rd_kafka_header_add(
                list,
                name.as_ptr().cast(),
                name.len().cast_signed(),
                value_at,
                value_size,
            )
        };
        if added != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            // SAFETY: the list is still ours alone.
            unsafe { ffi::rd_kafka_headers_destroy(list) };
            bail!("librdkafka refuses a header");
        }
    }
    Ok(list)
}

fn argument(
    vtype: ffi::rd_kafka_vtype_t,
    fill: impl FnOnce(&mut ffi::rd_kafka_vu_s__bindgen_ty_1),
) -> ffi::rd_kafka_vu_t {
    let mut value = ffi::rd_kafka_vu_s__bindgen_ty_1 { _pad: [0; 64] };
    fill(&mut value);
    ffi::rd_kafka_vu_t { vtype, u: value }
}

/// A null pointer for null; for empty bytes a pointer that is not null.
fn memory(bytes: Option<&[u8]>) -> ffi::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
    let (at, size) = bytes.map_or((ptr::null(), 0), |b| (b.as_ptr(), b.len()));
    ffi::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
        ptr: at.cast_mut().cast(),
        size,
    }
}
