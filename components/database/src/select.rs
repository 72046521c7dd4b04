//! A query whose conditions depend on the request, and the pages of its result.
//!
//! The SQL is put together from pieces that stand in the source (`&'static str`); what a client sent goes in as
//! parameters only.
//!
//! A page begins after the last row of the page before, which its position names ([`Paged::next`]), not after so many
//! rows. So a page costs the same wherever it lies, and rows that come or go meanwhile move no other row onto another
//! page.

use crate::{Connection, Error, Row, Value};

/// A `SELECT` in the making: what is selected, then conditions.
#[derive(Clone)]
pub struct Select {
    columns: &'static str,
    from: &'static str,
    conditions: Vec<String>,
    parameters: Vec<Value>,
}

/// The order of a list: an expression that has an index, and where several rows may have the same, one that tells these
/// apart.
#[derive(Clone, Copy)]
pub struct Keyset {
    /// The expression that the list is ordered by.
    pub key: &'static str,
    /// The expression that rows with the same key are ordered by; `None` where no two have the same.
    pub tie: Option<&'static str>,
}

/// Which rows of a list are wanted.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    /// Largest key first.
    pub descending: bool,
    /// The position of the row before; from the start where there is none.
    pub after: Option<&'a [Value]>,
    /// How many rows, at least 1.
    pub limit: usize,
}

/// One page of a list.
#[derive(Debug)]
pub struct Paged<T> {
    /// The rows in order.
    pub rows: Vec<T>,
    /// The position of the last row, where more follow.
    pub next: Option<Vec<Value>>,
}

/// Rows that were read, and whether the host had more than it hands over at once.
struct Part {
    rows: Vec<Row>,
    cut: bool,
}

impl Select {
    /// Starts with `SELECT columns FROM from`.
    #[must_use]
    pub fn new(columns: &'static str, from: &'static str) -> Self {
        Self {
            columns,
            from,
            conditions: Vec::new(),
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
        let alternatives: Vec<String> = values
            .into_iter()
            .map(|value| condition.replace('?', &self.parameter(value.into())))
            .collect();
        if !alternatives.is_empty() {
            self.conditions
                .push(format!("({})", alternatives.join(" OR ")));
        }
        self
    }

    fn parameter(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("?{}", self.parameters.len())
    }

    /// Gives the rows of `window` in the order of `keyset`, each read by `read`.
    ///
    /// Where these are more than the host hands over at once, it gives fewer: half as many, and so on.
    ///
    /// # Errors
    /// Those of the connection; [`Error::TooLarge`] where a single row is too large.
    pub fn page<T>(
        self,
        db: &dyn Connection,
        keyset: Keyset,
        window: Window<'_>,
        read: impl Fn(Row) -> T,
    ) -> Result<Paged<T>, Error> {
        // One more than wanted tells whether more follow.
        let wanted = window.limit + 1;
        let descending = window.descending;
        let order: Vec<&str> = std::iter::once(keyset.key).chain(keyset.tie).collect();
        let Part { mut rows, cut } = match (window.after, keyset.tie) {
            (Some([key, last]), Some(tie)) => {
                // Two ranges of the index: the rows with the same key, then those past it. SQLite goes straight to
                // the start of either, but not to that of one condition for both.
                let ties = self.clone().same(keyset.key, key);
                let ties = ties.past(tie, last, descending);
                let mut found = ties.part(db, keyset, &[tie], descending, wanted)?;
                let rest = wanted - found.rows.len();
                if rest > 0 && !found.cut {
                    let further = self.past(keyset.key, key, descending);
                    let further = further.part(db, keyset, &order, descending, rest)?;
                    found.rows.extend(further.rows);
                    found.cut = further.cut;
                }
                found
            }
            (Some([key, ..]), _) => {
                let past = self.past(keyset.key, key, descending);
                past.part(db, keyset, &order, descending, wanted)?
            }
            _ => self.part(db, keyset, &order, descending, wanted)?,
        };
        let more = cut || rows.len() > window.limit;
        rows.truncate(window.limit);
        let last = rows.len().saturating_sub(1);
        let mut next = None;
        let rows = rows
            .into_iter()
            .enumerate()
            .map(|(at, mut row)| {
                let mut position = vec![row.value()];
                position.extend(keyset.tie.map(|_| row.value()));
                if more && at == last {
                    next = Some(position);
                }
                read(row)
            })
            .collect();
        Ok(Paged { rows, next })
    }

    fn same(mut self, key: &str, value: &Value) -> Self {
        let place = self.parameter(value.clone());
        self.conditions.push(format!("{key} = {place}"));
        self
    }

    fn past(mut self, key: &str, value: &Value, descending: bool) -> Self {
        let place = self.parameter(value.clone());
        let sign = if descending { '<' } else { '>' };
        self.conditions.push(format!("{key} {sign} {place}"));
        self
    }

    /// The first rows in the order of the expressions `order`, each with its position in front.
    fn part(
        self,
        db: &dyn Connection,
        keyset: Keyset,
        order: &[&str],
        descending: bool,
        mut limit: usize,
    ) -> Result<Part, Error> {
        let Self {
            columns,
            from,
            conditions,
            mut parameters,
        } = self;
        let mut sql = format!("SELECT {}, ", keyset.key);
        if let Some(tie) = keyset.tie {
            sql.push_str(&format!("{tie}, "));
        }
        sql.push_str(&format!("{columns} FROM {from}"));
        for (number, condition) in conditions.iter().enumerate() {
            let word = if number == 0 { "WHERE" } else { "AND" };
            sql.push_str(&format!(" {word} {condition}"));
        }
        let direction = if descending { " DESC" } else { "" };
        let order: Vec<String> = order.iter().map(|by| format!("{by}{direction}")).collect();
        // Of a bare parameter the planner wants to know the value, and so prepares a cached statement anew each time.
        let place = parameters.len() + 1;
        sql.push_str(&format!(
            " ORDER BY {} LIMIT ?{place} + 0",
            order.join(", ")
        ));
        let mut cut = false;
        loop {
            parameters.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
            match db.execute(&sql, &parameters) {
                Err(Error::TooLarge) if limit > 1 => {
                    limit /= 2;
                    cut = true;
                    parameters.pop();
                }
                result => return Ok(Part { rows: result?, cut }),
            }
        }
    }
}
