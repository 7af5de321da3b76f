//! JSON that others wrote: every member once, and an object where an object is asked for.
//!
//! serde's derived readers are more generous than a contract may be: of a member that stands twice the last one counts in
//! silence, and an array is taken for an object in the order of the Rust fields, so that renaming or moving a field would
//! change what a stored or signed text means. Everything that comes from outside is read here: request bodies, signed
//! notifications, answers of other systems, events, claims of tokens.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, IntoDeserializer, MapAccess, SeqAccess, Visitor, value},
    forward_to_deserialize_any,
};
use serde_json::{Error, Map, Number, Value};

/// Reads a text as `T`; refused where a member stands twice, at any depth, or an array stands for an object.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    T::deserialize(Strict(&parse(bytes)?))
}

/// [`from_slice`] of a text.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    from_slice(text.as_bytes())
}

/// A whole text as a value; refused where a member stands twice, at any depth.
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice::<Unique>(bytes).map(|Unique(value)| value)
}

/// A value in which no member stood twice. Reads like [`Value`] from any format.
#[derive(Debug, Clone, PartialEq)]
pub struct Unique(pub Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("a number is finite"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Unique(element)) = elements.next_element()? {
            all.push(element);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if all.contains_key(&name) {
                return Err(de::Error::custom(format_args!("the member `{name}` stands twice")));
            }
            let Unique(member) = members.next_value()?;
            all.insert(name, member);
        }
        Ok(Value::Object(all))
    }
}

/// Reads types from a value, like `&Value` itself, but a struct from an object alone.
#[derive(Debug, Clone, Copy)]
pub struct Strict<'de>(pub &'de Value);

impl<'de> Strict<'de> {
    fn members(map: &'de Map<String, Value>) -> impl Iterator<Item = (&'de str, Self)> {
        map.iter().map(|(name, member)| (name.as_str(), Self(member)))
    }

    fn visit_map<V: Visitor<'de>>(map: &'de Map<String, Value>, visitor: V) -> Result<V::Value, Error> {
        let mut access = value::MapDeserializer::new(Self::members(map));
        let read = visitor.visit_map(&mut access)?;
        access.end()?;
        Ok(read)
    }

    fn visit_seq<V: Visitor<'de>>(elements: &'de [Value], visitor: V) -> Result<V::Value, Error> {
        let mut access = value::SeqDeserializer::new(elements.iter().map(Self));
        let read = visitor.visit_seq(&mut access)?;
        access.end()?;
        Ok(read)
    }

    /// What an object was asked for in vain.
    fn unexpected(self) -> de::Unexpected<'de> {
        match self.0 {
            Value::Null => de::Unexpected::Unit,
            Value::Bool(truth) => de::Unexpected::Bool(*truth),
            Value::Number(_) => de::Unexpected::Other("number"),
            Value::String(text) => de::Unexpected::Str(text),
            Value::Array(_) => de::Unexpected::Seq,
            Value::Object(_) => de::Unexpected::Map,
        }
    }
}

impl<'de> IntoDeserializer<'de, Error> for Strict<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Scalars are read as `&Value` reads them.
macro_rules! as_the_value {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.0.$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Strict<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(elements) => Self::visit_seq(elements, visitor),
            Value::Object(map) => Self::visit_map(map, visitor),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => self.0.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(map) => Self::visit_map(map, visitor),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(de::Error::invalid_type(self.unexpected(), &visitor))
            }
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(map) if map.len() == 1 => {
                value::MapAccessDeserializer::new(value::MapDeserializer::new(Self::members(map)))
                    .deserialize_enum(name, variants, visitor)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                self.0.deserialize_enum(name, variants, visitor)
            }
        }
    }

    as_the_value! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_unit
    }

    forward_to_deserialize_any! { bytes byte_buf unit_struct seq tuple tuple_struct identifier ignored_any }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Line {
        sku: String,
        quantity: i64,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Choice {
        Plain,
        Lines(Vec<Line>),
        Named { line: Line },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Order {
        lines: Vec<Line>,
        pair: Option<(i64, i64)>,
        choice: Choice,
    }

    #[test]
    fn a_member_that_stands_twice_is_not_read_at_any_depth() {
        for text in [
            r#"{"sku":"1","quantity":1,"quantity":50}"#,
            r#"{"a":{"b":[{"sku":"1","sku":"1"}]}}"#,
            r#"[[{"x":null,"y":{},"\u0078":null}]]"#,
        ] {
            let refused = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains("stands twice"), "{text}: {refused}");
        }
        assert_eq!(parse(br#"{"a":{"x":1},"b":{"x":2}}"#).unwrap(), serde_json::json!({"a": {"x": 1}, "b": {"x": 2}}));
    }

    #[test]
    fn an_array_is_never_taken_for_an_object() {
        let read = from_str::<Order>(
            r#"{"lines":[{"sku":"1","quantity":2}],"pair":[1,2],"choice":{"named":{"line":{"sku":"1","quantity":2}}}}"#,
        );
        let line = || Line { sku: "1".to_owned(), quantity: 2 };
        assert_eq!(read.unwrap(), Order { lines: vec![line()], pair: Some((1, 2)), choice: Choice::Named { line: line() } });
        assert_eq!(from_str::<Choice>("\"plain\"").unwrap(), Choice::Plain);
        assert_eq!(from_str::<Choice>(r#"{"lines":[{"sku":"1","quantity":2}]}"#).unwrap(), Choice::Lines(vec![line()]));
        for text in [
            r#"[[{"sku":"1","quantity":2}],null,"plain"]"#,
            r#"{"lines":[["1",2]],"pair":null,"choice":"plain"}"#,
            r#"{"lines":[],"pair":null,"choice":{"named":[["1",2]]}}"#,
            r#"{"lines":[],"pair":null,"choice":{"named":{"line":["1",2]}}}"#,
            r#"{"lines":[],"pair":null,"choice":{"lines":[["1",2]]}}"#,
        ] {
            let refused = from_str::<Order>(text).unwrap_err().to_string();
            assert!(refused.contains("invalid type: sequence"), "{text}: {refused}");
        }
    }

    proptest::proptest! {
        /// Whatever is not JSON stays refused, and what is read is what serde_json reads, but for members that stand twice.
        #[test]
        fn no_text_is_read_as_something_else(text in "[\\[\\]{}\",:0-9ae \\\\.+-]{0,24}|\\{\"[ab]\":[0-9],\"[ab]\":[0-9]\\}|\\PC{0,16}") {
            let lax = serde_json::from_str::<Value>(&text);
            match parse(text.as_bytes()) {
                Ok(value) => proptest::prop_assert_eq!(value, lax.unwrap()),
                Err(error) => proptest::prop_assert!(lax.is_err() || error.to_string().contains("stands twice"), "{}: {}", text, error),
            }
            let _ = from_str::<Order>(&text);
        }
    }

    #[test]
    fn numbers_and_texts_are_read_as_ever() {
        for text in ["null", "true", "-9223372036854775808", "18446744073709551615", "0.8", "1e3", "\"a\\u00e9\"", "[1,[]]", "{}"] {
            assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
        for text in ["", "{", "1e400", "{\"a\":1}x", "\u{0}"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
