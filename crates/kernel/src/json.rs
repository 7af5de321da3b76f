//! JSON that others wrote: every member once, and an object where an object is asked for.
//!
//! serde's derived readers are more generous than a contract may be: of a member that stands twice the last one counts in
//! silence, and an array is taken for an object in the order of the Rust fields, so that renaming or moving a field would
//! change what a stored or signed text means. Everything that comes from outside is read here: request bodies, signed
//! notifications, answers of other systems, events, claims of tokens.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess, VariantAccess, Visitor,
    },
};
use serde_json::{Error, Value};

/// Reads a text as `T`; refused where a member stands twice, at any depth, or an array stands for an object.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = T::deserialize(Strict(&mut deserializer))?;
    deserializer.end()?;
    Ok(read)
}

/// [`from_slice`] of a text.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    from_slice(text.as_bytes())
}

/// A whole text as a value; refused where a member stands twice, at any depth.
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    from_slice(bytes)
}

/// A value in which no member stood twice. Reads like [`Value`] from any format.
#[derive(Debug, Clone, PartialEq)]
pub struct Unique(pub Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(Strict(deserializer)).map(Self)
    }
}

/// Reads what the inner deserializer reads, but a struct from an object alone, and nothing in which a member stands twice.
#[derive(Debug, Clone, Copy)]
pub struct Strict<D>(pub D);

macro_rules! read_strictly {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Reading(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Reading(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, Reading(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Reading(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Reading(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Reading(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, name: &'static str, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, Reading(visitor))
    }

    read_strictly! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
        deserialize_unit deserialize_seq deserialize_map deserialize_identifier
    }

    /// What nobody asks for is looked at all the same.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// A visitor, whose parts are read strictly too.
struct Reading<V>(V);

macro_rules! pass_on {
    ($($method:ident: $kind:ty,)*) => {$(
        fn $method<E: de::Error>(self, read: $kind) -> Result<V::Value, E> {
            self.0.$method(read)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Reading<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    pass_on! {
        visit_bool: bool, visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128,
        visit_u8: u8, visit_u16: u16, visit_u32: u32, visit_u64: u64, visit_u128: u128, visit_f32: f32, visit_f64: f64,
        visit_char: char, visit_str: &str, visit_borrowed_str: &'de str, visit_string: String,
        visit_bytes: &[u8], visit_borrowed_bytes: &'de [u8], visit_byte_buf: Vec<u8>,
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict(inner))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Strict(inner))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strict(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Members { inner: members, first: Vec::new(), others: HashSet::new() })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Strict(variant))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// A member's name, where the text holds it as it is.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Names up to here are compared one by one, which is faster for the objects of nearly every text.
const MAX_COMPARED: usize = 16;

/// The members of a map or a struct, each once.
struct Members<'de, A> {
    inner: A,
    first: Vec<Cow<'de, str>>,
    others: HashSet<Cow<'de, str>>,
}

impl<'de, A> Members<'de, A> {
    fn is_known(&self, name: &str) -> bool {
        self.first.iter().any(|known| known == name) || self.others.contains(name)
    }

    fn note(&mut self, name: Cow<'de, str>) {
        if self.first.len() < MAX_COMPARED {
            self.first.push(name);
        } else {
            self.others.insert(name);
        }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let Some(Name(name)) = self.inner.next_key()? else { return Ok(None) };
        if self.is_known(&name) {
            return Err(de::Error::custom(format_args!("the member `{name}` stands twice")));
        }
        let read = seed.deserialize(name.as_ref().into_deserializer())?;
        self.note(name);
        Ok(Some(read))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Strict<A> {
    type Error = A::Error;
    type Variant = Strict<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Strict<A::Variant>), A::Error> {
        self.0.variant_seed(seed).map(|(variant, content)| (variant, Strict(content)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Strict(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Reading(visitor))
    }

    /// The fields are read as a struct of their own: where variants have names, the content of both looks the same.
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        self.0.newtype_variant_seed(Fields { fields, visitor })
    }
}

struct Fields<V> {
    fields: &'static [&'static str],
    visitor: V,
}

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Fields<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        Strict(deserializer).deserialize_struct("", self.fields, self.visitor)
    }
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
            r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1,"r":1,"q":1}"#,
        ] {
            let refused = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains("stands twice"), "{text}: {refused}");
        }
        assert_eq!(parse(br#"{"a":{"x":1},"b":{"x":2}}"#).unwrap(), serde_json::json!({"a": {"x": 1}, "b": {"x": 2}}));
        let deep = format!(r#"{{"sku":"1","quantity":1,"unknown":{}}}"#, "[".repeat(200) + &"]".repeat(200));
        let readings: [(&[u8], &str); 6] = [
            (br#"{"sku":"1","quantity":1,"quantity":50}"#, "stands twice"),
            (br#"{"sku":"1","\u0073ku":"2","quantity":50}"#, "stands twice"),
            (br#"{"sku":"1","quantity":1,"unknown":1,"unknown":2}"#, "stands twice"),
            (br#"{"sku":"1","quantity":1,"unknown":{"x":1,"x":2}}"#, "stands twice"),
            (b"{\"sku\":\"1\",\"quantity\":1,\"unknown\":\"\xff\"}", "invalid unicode"),
            (deep.as_bytes(), "recursion limit"),
        ];
        for (text, why) in readings {
            let refused = from_slice::<Line>(text).unwrap_err().to_string();
            assert!(refused.contains(why), "{}: {refused}", String::from_utf8_lossy(text));
        }
        assert_eq!(
            from_str::<Line>(r#"{"sku":"1","quantity":1,"new":{"a":[]}}"#).unwrap(),
            Line { sku: "1".to_owned(), quantity: 1 }
        );
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
