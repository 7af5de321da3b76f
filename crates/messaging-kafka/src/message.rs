//! CloudEvents 1.0 in Kafka's binary mode: attributes are `ce_*` headers, the value is the payload.

use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use sluice_events::{Envelope, Topic};
use sluice_kernel::Timestamp;

/// The headers an event travels with.
pub fn headers(envelope: &Envelope) -> OwnedHeaders {
    let time = envelope.time.to_string();
    let attributes = [
        ("ce_specversion", Envelope::SPEC_VERSION),
        ("ce_id", envelope.id.as_str()),
        ("ce_type", envelope.kind.as_ref()),
        ("ce_source", Envelope::SOURCE),
        ("ce_time", time.as_str()),
        ("ce_subject", envelope.key.as_str()),
        ("content-type", "application/json"),
    ];
    let traceparent = envelope.traceparent.as_deref().map(|value| ("traceparent", value));
    attributes.into_iter().chain(traceparent).fold(OwnedHeaders::new_with_capacity(8), with)
}

/// Adds a header.
pub fn with(headers: OwnedHeaders, (key, value): (&str, &str)) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

/// Reads a message back; the error says what is missing.
pub fn envelope(topic: Topic, message: &impl Message) -> Result<Envelope, String> {
    let headers = message.headers().ok_or("it has no headers")?;
    let (mut id, mut kind, mut time, mut version, mut traceparent) = (None, None, None, None, None);
    for header in headers.iter() {
        let slot = match header.key {
            "ce_id" => &mut id,
            "ce_type" => &mut kind,
            "ce_time" => &mut time,
            "ce_specversion" => &mut version,
            "traceparent" => &mut traceparent,
            _ => continue,
        };
        *slot = header.value.and_then(|value| std::str::from_utf8(value).ok());
    }
    if version != Some(Envelope::SPEC_VERSION) {
        return Err(format!("ce_specversion is {version:?}, not {:?}", Envelope::SPEC_VERSION));
    }
    let key = message.key().and_then(|key| std::str::from_utf8(key).ok()).ok_or("the key is missing or not UTF-8")?;
    let data = message.payload().and_then(|data| std::str::from_utf8(data).ok()).ok_or("the value is missing or not UTF-8")?;
    Ok(Envelope {
        topic,
        key: key.to_owned(),
        id: id.filter(|id| !id.is_empty()).ok_or("ce_id is missing")?.to_owned(),
        kind: kind.ok_or("ce_type is missing")?.to_owned().into(),
        time: instant(time.ok_or("ce_time is missing")?)?,
        traceparent: traceparent.map(str::to_owned),
        data: data.to_owned(),
    })
}

/// The last millisecond of the year 9999: later ones have no RFC 3339 text.
const END_OF_TIME: i64 = 253_402_300_799_999;

fn instant(text: &str) -> Result<Timestamp, String> {
    let read: Timestamp = serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| format!("ce_time is not RFC 3339: {error}"))?;
    if (0..=END_OF_TIME).contains(&read.as_millis()) { Ok(read) } else { Err("ce_time is out of range".to_owned()) }
}

/// As much of an unreadable message as can be kept for staff; its place names it.
pub fn remains(topic: Topic, message: &impl Message) -> Envelope {
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    Envelope {
        topic,
        key: text(message.key()),
        id: format!("{}/{}/{}", message.topic(), message.partition(), message.offset()),
        kind: Envelope::UNREADABLE.into(),
        time: Timestamp::from_millis(message.timestamp().to_millis().unwrap_or(0).clamp(0, END_OF_TIME)),
        traceparent: None,
        data: text(message.payload()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};
    use rdkafka::{Timestamp as KafkaTime, message::OwnedMessage};

    use super::*;

    fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
        option::of(prop_oneof![vec(any::<u8>(), 0..80), "[ -~]{0,80}".prop_map(String::into_bytes)])
    }

    fn named() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("ce_id".to_owned()),
            Just("ce_type".to_owned()),
            Just("ce_time".to_owned()),
            Just("ce_specversion".to_owned()),
            Just("traceparent".to_owned()),
            "[a-z_]{1,9}"
        ]
    }

    fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
        prop_oneof![
            bytes(),
            Just(Some(b"1.0".to_vec())),
            Just(Some(b"2026-11-22T10:00:00Z".to_vec())),
            Just(Some(b"9999-12-31T23:59:59-05:00".to_vec())),
        ]
    }

    proptest! {
        /// Whatever stands in a topic is an event, or leaves remains that can be kept and shown.
        #[test]
        fn no_message_is_beyond_reading_or_putting_aside(
            key in bytes(),
            data in bytes(),
            headers in option::of(vec((named(), value()), 0..8)),
            millis in any::<i64>(),
        ) {
            let headers = headers.map(|all| {
                all.iter().fold(OwnedHeaders::new(), |known, (key, value)| {
                    known.insert(Header { key, value: value.as_ref() })
                })
            });
            let message = OwnedMessage::new(data, key, "t".to_owned(), KafkaTime::CreateTime(millis), 3, 7, headers);
            let kept = envelope(Topic::OrderPaid, &message).unwrap_or_else(|_| remains(Topic::OrderPaid, &message));
            prop_assert!(!kept.id.is_empty());
            prop_assert!(!kept.time.to_string().is_empty());
            let read: Envelope = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
            prop_assert_eq!(read, kept);
        }
    }
}
