//! How views are read from JSON, on both sides.
//!
//! The code that reads a type is made once per type and reader, and is the largest part of the browser's file. So there is
//! one reader for everything, a struct is read from an object alone (serde_json's own reader takes an array as well, which
//! doubles the code), and an error tells no more than the field that is missing: nobody is shown more.

use std::fmt;

use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess,
        Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value, map};

/// Reads a value from text.
///
/// # Errors
/// Fails where the text is no JSON or of another form than the type's.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Unread> {
    from_value(&value(text)?)
}

/// Reads a value from JSON.
///
/// # Errors
/// Fails where it is of another form than the type's.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, Unread> {
    T::deserialize(Reader(value))
}

/// Reads text as JSON of whatever form.
///
/// # Errors
/// Fails where it is none.
pub fn value(text: &str) -> Result<Value, Unread> {
    serde_json::from_str(text).map_err(|_| Unread::Form)
}

/// Why a value could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    #[error("it is of another form")]
    Form,
    #[error("field `{0}` is missing")]
    Missing(&'static str),
}

impl de::Error for Unread {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self::Form
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
}

type Read<T> = Result<T, Unread>;

struct Reader<'de>(&'de Value);

impl<'de> Reader<'de> {
    fn object(&self) -> Read<&'de Map<String, Value>> {
        self.0.as_object().ok_or(Unread::Form)
    }
}

/// Reads numbers of one kind.
macro_rules! numbers {
    ($as:ident, $visit:ident: $($read:ident)*) => {$(
        fn $read<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
            visitor.$visit(self.0.$as().ok_or(Unread::Form)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Unread;

    numbers!(as_u64, visit_u64: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);
    numbers!(as_i64, visit_i64: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64);
    numbers!(as_f64, visit_f64: deserialize_f32 deserialize_f64);
    numbers!(as_bool, visit_bool: deserialize_bool);
    numbers!(as_str, visit_str: deserialize_char deserialize_str deserialize_string deserialize_identifier);

    forward_to_deserialize_any! { i128 u128 bytes byte_buf }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => self.deserialize_f64(visitor),
            },
            Value::String(text) => visitor.visit_str(text),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.0.as_null().ok_or(Unread::Form)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let items = self.0.as_array().ok_or(Unread::Form)?;
        visitor.visit_seq(Items(items.iter()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_map(Members {
            rest: self.object()?.iter(),
            value: None,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        if let Value::String(name) = self.0 {
            return visitor.visit_enum(Variant {
                name,
                value: &Value::Null,
            });
        }
        let object = self.object()?;
        match object.iter().next() {
            Some((name, value)) if object.len() == 1 => visitor.visit_enum(Variant { name, value }),
            _ => Err(Unread::Form),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_unit()
    }
}

struct Items<'de>(std::slice::Iter<'de, Value>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        match self.0.next() {
            Some(value) => seed.deserialize(Reader(value)).map(Some),
            None => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Members<'de> {
    rest: map::Iter<'de>,
    /// The value of the key that was read last.
    value: Option<&'de Value>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        match self.rest.next() {
            Some((key, value)) => {
                self.value = Some(value);
                seed.deserialize(Key(key)).map(Some)
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<T::Value> {
        seed.deserialize(Reader(self.value.take().ok_or(Unread::Form)?))
    }
}

/// A member's name, and what stands for a number or a variant in its place.
struct Key<'de>(&'de str);

/// Reads numbers from a member's name.
macro_rules! number_keys {
    ($($read:ident $visit:ident)*) => {$(
        fn $read<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
            visitor.$visit(self.0.parse().map_err(|_| Unread::Form)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Unread;

    number_keys!(deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64);
    number_keys!(deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64);

    forward_to_deserialize_any! {
        bool i8 i128 u8 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_enum(Variant {
            name: self.0,
            value: &Value::Null,
        })
    }
}

/// A variant's name and its content, `null` where it has none.
struct Variant<'de> {
    name: &'de str,
    value: &'de Value,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Unread;
    type Variant = Reader<'de>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Read<(T::Value, Reader<'de>)> {
        Ok((seed.deserialize(Key(self.name))?, Reader(self.value)))
    }
}

impl<'de> VariantAccess<'de> for Reader<'de> {
    type Error = Unread;

    fn unit_variant(self) -> Read<()> {
        self.0.as_null().ok_or(Unread::Form)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Read<T::Value> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_map(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Debug};

    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct View {
        name: String,
        #[serde(default)]
        lag: Option<i64>,
        rate: f64,
        up: bool,
        rows: BTreeMap<i32, Row>,
        by_state: BTreeMap<State, u16>,
        pair: (u8, i8),
        samples: Vec<Option<f64>>,
        nothing: (),
        sign: char,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row(State);

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum State {
        Mirroring,
        Waiting { attempt: u32 },
        Held(String),
        Between(u64, u64),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Tagged {
        Plain,
        Full {
            lag: i64,
            share: f64,
            rows: Vec<u64>,
        },
    }

    fn returns<T: Debug + PartialEq + Serialize + DeserializeOwned>(value: T) {
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(from_str::<T>(&text).as_ref(), Ok(&value), "{text}");
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    }

    #[test]
    fn what_is_written_is_read_again() {
        returns(View::default());
        returns(View {
            name: "orders \"<\u{202e}".to_owned(),
            lag: Some(i64::MIN),
            rate: 0.25,
            up: true,
            rows: [
                (-1, Row(State::Mirroring)),
                (0, Row(State::Waiting { attempt: 3 })),
                (7, Row(State::Held("a".to_owned()))),
                (8, Row(State::Between(1, u64::MAX))),
            ]
            .into(),
            by_state: [(State::Mirroring, 5)].into(),
            pair: (255, -128),
            samples: vec![Some(1.0), None, Some(1e300)],
            nothing: (),
            sign: 'ü',
        });
        returns(vec![
            Tagged::Plain,
            Tagged::Full {
                lag: -1,
                share: 1.0,
                rows: vec![0, u64::MAX],
            },
        ]);
        returns(Some(json!({"any": [1, -1, 0.5, "a", null, true, {}]})));
    }

    #[test]
    fn whole_numbers_are_numbers_with_a_fraction_too() {
        assert_eq!(
            from_str::<Vec<f64>>("[1, -1, 1.5]"),
            Ok(vec![1.0, -1.0, 1.5])
        );
        assert!(from_str::<u8>("256").is_err());
        assert!(from_str::<u8>("-1").is_err());
        assert!(from_str::<i64>("1.5").is_err());
    }

    #[test]
    fn unknown_members_are_passed_over_and_missing_ones_named() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Small {
            a: u8,
        }
        assert_eq!(from_str(r#"{"a": 1, "b": {"c": [2]}}"#), Ok(Small { a: 1 }));
        assert_eq!(from_str::<Small>("{}"), Err(Unread::Missing("a")));
        for text in [
            "",
            "{",
            "[1]",
            "null",
            "3",
            r#"{"a": "1"}"#,
            r#"{"a": 1} x"#,
        ] {
            assert_eq!(from_str::<Small>(text), Err(Unread::Form), "{text}");
        }
        for text in [
            "\"gone\"",
            "{}",
            r#"{"held": 1}"#,
            r#"{"mirroring": 1}"#,
            "[]",
            r#"{"a": 1, "b": 2}"#,
        ] {
            assert_eq!(from_str::<State>(text), Err(Unread::Form), "{text}");
        }
    }
}
