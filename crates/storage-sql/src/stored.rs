//! Values of the domain as columns keep them: one way there and back for each type.

use sea_orm::{
    ColIdx, DbErr, QueryResult, TryFromU64, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};
use sluice_kernel::{Currency, OrderNo, Timestamp};

/// A type of the domain that columns keep in another form.
pub(crate) trait Storable: Sized {
    type Raw: TryGetable + ValueType + Nullable + Into<Value>;

    fn to_raw(&self) -> Self::Raw;

    /// `None` for what no version of the program writes.
    fn from_raw(raw: Self::Raw) -> Option<Self>;
}

/// A value of the domain in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Stored<T>(pub(crate) T);

impl<T: Storable> From<Stored<T>> for Value {
    fn from(stored: Stored<T>) -> Self {
        stored.0.to_raw().into()
    }
}

impl<T: Storable> TryGetable for Stored<T> {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let value = T::from_raw(T::Raw::try_get_by(row, index)?);
        value.map(Stored).ok_or_else(|| DbErr::Type(format!("no {} stands for what is stored", short_name::<T>())).into())
    }
}

impl<T: Storable> ValueType for Stored<T> {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        T::from_raw(<T::Raw as ValueType>::try_from(value)?).map(Stored).ok_or(ValueTypeErr)
    }

    fn type_name() -> String {
        T::Raw::type_name()
    }

    fn array_type() -> ArrayType {
        T::Raw::array_type()
    }

    fn column_type() -> ColumnType {
        T::Raw::column_type()
    }
}

impl<T: Storable> Nullable for Stored<T> {
    fn null() -> Value {
        T::Raw::null()
    }
}

/// Such a key is never generated.
impl<T: Storable> TryFromU64 for Stored<T> {
    fn try_from_u64(_: u64) -> Result<Self, DbErr> {
        Err(DbErr::ConvertFromU64("a key that is not generated"))
    }
}

fn short_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

/// An instant, in milliseconds since 1970.
pub(crate) type At = Stored<Timestamp>;

impl Storable for Timestamp {
    type Raw = i64;

    fn to_raw(&self) -> i64 {
        self.as_millis()
    }

    fn from_raw(raw: i64) -> Option<Self> {
        Some(Self::from_millis(raw))
    }
}

impl Storable for OrderNo {
    type Raw = i64;

    fn to_raw(&self) -> i64 {
        self.id()
    }

    fn from_raw(raw: i64) -> Option<Self> {
        Some(Self::from_id(raw))
    }
}

impl Storable for Currency {
    type Raw = String;

    fn to_raw(&self) -> String {
        self.as_str().to_owned()
    }

    fn from_raw(raw: String) -> Option<Self> {
        raw.parse().ok()
    }
}

/// A count that is never negative.
impl Storable for u32 {
    type Raw = i64;

    fn to_raw(&self) -> i64 {
        i64::from(*self)
    }

    fn from_raw(raw: i64) -> Option<Self> {
        <Self as TryFrom<i64>>::try_from(raw).ok()
    }
}

/// The small integers that stand for an enum in a column; they never change their meaning.
macro_rules! codes {
    ($type:ty { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl $crate::stored::Storable for $type {
            type Raw = i16;

            fn to_raw(&self) -> i16 {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            fn from_raw(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use codes;

/// The words that stand for an enum in a column, as the enum itself writes and reads them.
macro_rules! words {
    ($type:ty, $write:expr, $read:expr) => {
        impl $crate::stored::Storable for $type {
            type Raw = String;

            fn to_raw(&self) -> String {
                $write(*self).to_owned()
            }

            fn from_raw(word: String) -> Option<Self> {
                $read(&word)
            }
        }
    };
}
pub(crate) use words;

/// The code of one variant, for a statement's text or values.
pub(crate) fn code<T: Storable<Raw = i16> + Copy>(value: T) -> i16 {
    value.to_raw()
}

/// `1, 2`: the codes of some variants, for a list in a statement's text.
pub(crate) fn code_list<T: Storable<Raw = i16>>(values: &[T]) -> String {
    values.iter().map(|value| value.to_raw().to_string()).collect::<Vec<_>>().join(", ")
}
