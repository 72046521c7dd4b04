//! A query whose conditions depend on the request.
//!
//! The SQL is put together from pieces that stand in the source (`&'static str`); what a client sent goes in as
//! parameters only.

use crate::{Connection, Error, Row, Value};

/// A `SELECT` in the making: what is selected, then conditions, then order and limit.
pub struct Select {
    sql: String,
    conditions: usize,
    parameters: Vec<Value>,
}

impl Select {
    /// Starts with `SELECT … FROM …`.
    #[must_use]
    pub fn new(select: &'static str) -> Self {
        Self {
            sql: select.to_owned(),
            conditions: 0,
            parameters: Vec::new(),
        }
    }

    /// Adds a condition in which each `?` stands for `value`; none where there is no value.
    #[must_use]
    pub fn filter(self, condition: &'static str, value: Option<impl Into<Value>>) -> Self {
        self.filter_any(condition, value)
    }

    /// Adds the condition that one of `values` fulfils `condition`; none where there are no values.
    #[must_use]
    pub fn filter_any<V: Into<Value>>(
        mut self,
        condition: &'static str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let mut alternatives = Vec::new();
        for value in values {
            self.parameters.push(value.into());
            let place = format!("?{}", self.parameters.len());
            alternatives.push(condition.replace('?', &place));
        }
        if !alternatives.is_empty() {
            let word = if self.conditions == 0 { "WHERE" } else { "AND" };
            self.conditions += 1;
            self.sql
                .push_str(&format!(" {word} ({})", alternatives.join(" OR ")));
        }
        self
    }

    /// Runs the query for at most `limit` rows in `order` (`ORDER BY …`).
    ///
    /// Where that many rows are more than the host hands over at once, it gives fewer: half as many, and so on.
    ///
    /// # Errors
    /// Those of the connection; [`Error::TooLarge`] where a single row is too large.
    pub fn run(
        self,
        connection: &dyn Connection,
        order: &'static str,
        mut limit: i64,
    ) -> Result<Vec<Row>, Error> {
        let Self {
            mut sql,
            mut parameters,
            ..
        } = self;
        let place = parameters.len() + 1;
        // Of a bare parameter the planner wants to know the value, and so prepares a cached statement anew each time.
        sql.push_str(&format!(" {order} LIMIT ?{place} + 0"));
        loop {
            parameters.push(limit.into());
            match connection.execute(&sql, &parameters) {
                Err(Error::TooLarge) if limit > 1 => {
                    limit /= 2;
                    parameters.pop();
                }
                result => return result,
            }
        }
    }
}
