//! Values that go into a statement, and rows that come out of one.

/// A value as SQLite stores it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL `NULL`.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A 64-bit float.
    Real(f64),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row, read from its first column to its last.
///
/// Other processes write to the same file, and SQLite lets them store any type in any column. So reading never
/// fails: a value of an unexpected type is converted, as SQLite itself would.
#[derive(Debug)]
pub struct Row {
    values: std::vec::IntoIter<Value>,
}

impl From<Vec<Value>> for Row {
    fn from(values: Vec<Value>) -> Self {
        Self {
            values: values.into_iter(),
        }
    }
}

impl Row {
    /// The next column, `Null` past the last one.
    pub fn value(&mut self) -> Value {
        self.values.next().unwrap_or(Value::Null)
    }

    /// The next column as text, `None` where it is `NULL`.
    pub fn optional_text(&mut self) -> Option<String> {
        match self.value() {
            Value::Null => None,
            Value::Integer(number) => Some(number.to_string()),
            Value::Real(number) => Some(number.to_string()),
            Value::Text(text) => Some(text),
            Value::Blob(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The next column as text, empty where it is `NULL`.
    pub fn text(&mut self) -> String {
        self.optional_text().unwrap_or_default()
    }

    /// The next column as an integer, `None` where it is none.
    pub fn optional_integer(&mut self) -> Option<i64> {
        match self.value() {
            Value::Integer(number) => Some(number),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "`as` saturates, which is how SQLite casts a real"
            )]
            Value::Real(number) => Some(number as i64),
            Value::Text(text) => text.trim().parse().ok(),
            Value::Null | Value::Blob(_) => None,
        }
    }

    /// The next column as an integer, 0 where it is none.
    pub fn integer(&mut self) -> i64 {
        self.optional_integer().unwrap_or_default()
    }

    /// The next column as a finite float, 0 where it is none.
    pub fn real(&mut self) -> f64 {
        self.optional_real().unwrap_or_default()
    }

    /// The next column as a finite float, `None` where it is none.
    pub fn optional_real(&mut self) -> Option<f64> {
        let number = match self.value() {
            #[expect(
                clippy::cast_precision_loss,
                reason = "that is how SQLite casts an integer"
            )]
            Value::Integer(number) => Some(number as f64),
            Value::Real(number) => Some(number),
            Value::Text(text) => text.trim().parse().ok(),
            Value::Null | Value::Blob(_) => None,
        };
        number.filter(|number: &f64| number.is_finite())
    }

    /// The next column as a truth value: an integer that is not 0.
    pub fn boolean(&mut self) -> bool {
        self.integer() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unexpected_types_are_converted() {
        let mut row = Row::from(vec![
            Value::Integer(7),
            Value::Text(" 12 ".to_owned()),
            Value::Text("twelve".to_owned()),
            Value::Real(f64::INFINITY),
            Value::Blob(vec![b'o', b'k', 0xff]),
            Value::Null,
        ]);
        assert_eq!(row.text(), "7");
        assert_eq!(row.integer(), 12);
        assert_eq!(row.optional_integer(), None);
        assert!(row.real().abs() < f64::EPSILON);
        assert_eq!(row.text(), "ok\u{fffd}");
        assert_eq!(row.optional_text(), None);
        assert!(!row.boolean(), "past the last column");
    }
}
