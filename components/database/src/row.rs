//! Values that go into a statement, and rows that come out of one.

use std::sync::Arc;

use crate::Error;

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

/// One row, whose columns are read by name.
///
/// Other processes write to the same file, and SQLite lets them store any type in any column. So a value of an unexpected
/// type is converted, as SQLite itself would; only a column that is not there is an error.
#[derive(Clone, Debug)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
    /// The place after the one that was read last: who reads all columns does so in their order.
    next: usize,
}

impl Row {
    /// A row of these values under these names.
    #[must_use]
    pub fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self {
            columns,
            values,
            next: 0,
        }
    }

    /// The values in order.
    #[must_use]
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// Takes the value of a column out of the row.
    ///
    /// # Errors
    /// [`Error::Statement`] where there is no such column.
    pub fn take(&mut self, column: &str) -> Result<Value, Error> {
        let next = self.columns.get(self.next);
        let place = if next.is_some_and(|name| name == column) {
            Some(self.next)
        } else {
            self.columns.iter().position(|name| name == column)
        };
        let value = place.and_then(|place| self.values.get_mut(place));
        self.next = place.map_or(0, |place| place + 1);
        let value =
            value.ok_or_else(|| Error::Statement(format!("no column {column} in the result")))?;
        Ok(std::mem::replace(value, Value::Null))
    }

    /// Takes a text, `None` where the column is `NULL`.
    ///
    /// # Errors
    /// [`Error::Statement`] where there is no such column.
    pub fn optional_text(&mut self, column: &str) -> Result<Option<String>, Error> {
        Ok(match self.take(column)? {
            Value::Null => None,
            Value::Integer(number) => Some(number.to_string()),
            Value::Real(number) => Some(number.to_string()),
            Value::Text(text) => Some(text),
            Value::Blob(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        })
    }

    /// Takes a text, empty where the column is `NULL`.
    ///
    /// # Errors
    /// [`Error::Statement`] where there is no such column.
    pub fn text(&mut self, column: &str) -> Result<String, Error> {
        Ok(self.optional_text(column)?.unwrap_or_default())
    }

    /// Takes an integer, 0 where the column has none.
    ///
    /// # Errors
    /// [`Error::Statement`] where there is no such column.
    pub fn integer(&mut self, column: &str) -> Result<i64, Error> {
        Ok(match self.take(column)? {
            Value::Integer(number) => number,
            #[expect(
                clippy::cast_possible_truncation,
                reason = "`as` saturates, which is how SQLite casts a real"
            )]
            Value::Real(number) => number as i64,
            Value::Text(text) => text.trim().parse().unwrap_or_default(),
            Value::Null | Value::Blob(_) => 0,
        })
    }

    /// Takes a finite float, `None` where the column has none.
    ///
    /// # Errors
    /// [`Error::Statement`] where there is no such column.
    pub fn optional_real(&mut self, column: &str) -> Result<Option<f64>, Error> {
        let number = match self.take(column)? {
            #[expect(
                clippy::cast_precision_loss,
                reason = "that is how SQLite casts an integer"
            )]
            Value::Integer(number) => Some(number as f64),
            Value::Real(number) => Some(number),
            Value::Text(text) => text.trim().parse().ok(),
            Value::Null | Value::Blob(_) => None,
        };
        Ok(number.filter(|number: &f64| number.is_finite()))
    }

    /// Takes a truth value: an integer that is not 0.
    ///
    /// # Errors
    /// [`Error::Statement`] where there is no such column.
    pub fn boolean(&mut self, column: &str) -> Result<bool, Error> {
        Ok(self.integer(column)? != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_by_name_whatever_their_type() {
        let columns: Vec<String> = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).into();
        let mut row = Row::new(
            columns.into(),
            vec![
                Value::Integer(7),
                Value::Text(" 12 ".to_owned()),
                Value::Text("twelve".to_owned()),
                Value::Real(f64::INFINITY),
                Value::Blob(vec![b'o', b'k', 0xff]),
                Value::Null,
            ],
        );
        assert_eq!(row.text("e"), Ok("ok\u{fffd}".to_owned()));
        assert_eq!(row.text("a"), Ok("7".to_owned()));
        assert_eq!(row.integer("b"), Ok(12));
        assert_eq!(row.integer("c"), Ok(0));
        assert_eq!(row.optional_real("d"), Ok(None));
        assert_eq!(row.optional_text("f"), Ok(None));
        assert!(matches!(row.text("g"), Err(Error::Statement(_))));
    }
}
