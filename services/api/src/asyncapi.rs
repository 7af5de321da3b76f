//! The AsyncAPI 3 document of the topics.

use serde_json::Value;

pub fn asyncapi() -> Value { Value::Null }
