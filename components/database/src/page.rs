//! The pages of a list.
//!
//! A page begins after the last row of the page before, which its position names ([`Page::next`]), not after so many
//! rows. So a page costs the same wherever it lies, and rows that come or go meanwhile move no other row onto another
//! page.
//!
//! One statement finds the rows of a page by an index in the list's order, and then reads what is wanted of each. The SQL
//! is put together from pieces that stand in the source; what a client sent goes in as parameters only.
//!
//! What no index finds is looked for in the rows that the other conditions leave, so many of them a page
//! ([`MOST_LOOKED_AT`]): such a page may have fewer rows than wanted though more follow, and says where it goes on.

use crate::{Connection, Error, Row, Value};

/// How many rows a page looks at for what no index finds.
const MOST_LOOKED_AT: usize = 10_000;

/// A list: its table and the order of its rows.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// The table.
    pub table: &'static str,
    /// The column that the list is ordered by, before the rowid; the rowid alone where there is none.
    pub key: Option<&'static str>,
}

/// A condition on a row, in which each `?` stands for one of the values, if it has any.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The condition.
    pub sql: &'static str,
    /// What each `?` stands for in turn, and the last one for all that are left.
    pub values: Vec<Value>,
    /// Whether the rows may be found by it; else it is looked at in each row that something else has found.
    is_way: bool,
}

impl Condition {
    /// The condition that `sql` is, with `value` for each `?`.
    pub fn new(sql: &'static str, value: impl Into<Value>) -> Self {
        Self::of(sql, vec![value.into()])
    }

    /// The condition that `sql` is, with a value for each `?`.
    #[must_use]
    pub fn of(sql: &'static str, values: Vec<Value>) -> Self {
        Self {
            sql,
            values,
            is_way: true,
        }
    }

    /// The condition that `sql` is, which has no `?`.
    #[must_use]
    pub fn plain(sql: &'static str) -> Self {
        Self::of(sql, Vec::new())
    }

    /// The same, for rows that another condition finds. It begins with its column.
    #[must_use]
    pub fn beside(self) -> Self {
        Self {
            is_way: false,
            ..self
        }
    }
}

/// How SQLite, which does not know how many rows a value has, comes to the rows of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// As it chooses.
    Free,
    /// By the index of that name, in which they stand in the list's order.
    Ordered(&'static str),
    /// By the index of that name, and then they are sorted.
    Sorted(&'static str),
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
pub struct Page {
    /// The rows in order, each with its position and the columns that were asked for.
    pub rows: Vec<(Vec<Value>, Row)>,
    /// Whether more follow.
    pub has_more: bool,
    /// Where the next page begins, unless that is after the last row.
    pub end: Option<Vec<Value>>,
    /// The member of a row that says the list's key, where its position does not have it.
    pub key: Option<&'static str>,
}

/// What is read of each row.
#[derive(Clone, Copy, Debug)]
pub struct Select<'a> {
    /// The columns; the table has its own name in them.
    pub whole: &'a str,
    /// The same with long texts shortened, for a row that the host does not hand over whole.
    pub shortened: &'a str,
    /// The member that says the list's key, where what is read is JSON that has it. Then it is not read beside each row.
    pub key: Option<&'static str>,
}

impl List {
    /// Gives the rows of `window` that fulfil all conditions of one of `alternatives`, of which no row fulfils two. Each
    /// alternative goes through an index of its own, and SQLite merges what they find.
    ///
    /// Where these are more than the host hands over at once, it gives fewer: half as many, and so on, and at last one that
    /// is shortened.
    ///
    /// # Errors
    /// Those of the connection; [`Error::TooLarge`] where a single shortened row is too large.
    pub fn page(
        &self,
        db: &dyn Connection,
        select: Select<'_>,
        access: Access,
        alternatives: &[Vec<Condition>],
        window: Window<'_>,
    ) -> Result<Page, Error> {
        let sql = self.searches(access, alternatives, window);
        let limited = format!(
            " ORDER BY {} LIMIT +?{}",
            self.order(&sql, window),
            sql.parameters.len() + 1
        );
        let key = self.read_key(select);
        let text = |select: &str| match sql.searches.as_slice() {
            // In the order of its index: a row is read where it is found.
            [search] if !matches!(access, Access::Sorted(_)) => {
                let key = key.map_or_else(String::new, |key| format!("{key} AS page_key, "));
                format!("SELECT {key}rowid AS page_row, {select} {search}{limited}")
            }
            // What is sorted or merged are positions, and the rows of the page are read after that.
            _ => self.rows_at(&(self.positions(&sql) + &limited), key, select),
        };
        self.read(db, &sql.parameters, select, window.limit, text)
    }

    /// The same for those among these rows that fulfil all of `looked_for` too, which no index finds: at most
    /// [`MOST_LOOKED_AT`] are looked at. In a transaction, since it takes two statements.
    ///
    /// # Errors
    /// Those of [`List::page`].
    pub fn page_looked_for(
        &self,
        db: &dyn Connection,
        select: Select<'_>,
        alternatives: &[Vec<Condition>],
        looked_for: &[Condition],
        window: Window<'_>,
    ) -> Result<Page, Error> {
        let mut sql = self.searches(Access::Free, alternatives, window);
        let in_order = format!(
            "{} ORDER BY {}",
            self.positions(&sql),
            self.order(&sql, window)
        );
        let found_by = sql.parameters.clone();
        let looked_for: Vec<String> = looked_for
            .iter()
            .map(|condition| format!("({})", sql.condition(condition)))
            .collect();
        let key = self.read_key(select);
        let looked_at = format!("{in_order} LIMIT {MOST_LOOKED_AT}");
        let text = |select: &str| {
            format!(
                "{rows} WHERE {looked_for} LIMIT +?{limit}",
                rows = self.rows_at(&looked_at, key, select),
                looked_for = looked_for.join(" AND "),
                limit = sql.parameters.len() + 1,
            )
        };
        let mut page = self.read(db, &sql.parameters, select, window.limit, text)?;
        if page.has_more {
            return Ok(page);
        }
        // The last one that was looked at, and whether there is one after it.
        let last = format!("{in_order} LIMIT 2 OFFSET {}", MOST_LOOKED_AT - 1);
        let mut rows = db.execute(&last, &found_by)?.into_iter();
        if let (Some(mut last), Some(_)) = (rows.next(), rows.next()) {
            page.has_more = true;
            page.end = Some(position(&mut last, self.key)?);
        }
        Ok(page)
    }

    /// The positions that these searches find.
    fn positions(&self, sql: &Sql) -> String {
        let key = self.key.unwrap_or("NULL");
        let searches = sql.searches.iter();
        let selects: Vec<String> = searches
            .map(|search| format!("SELECT {key} AS page_key, rowid AS page_row {search}"))
            .collect();
        selects.join(" UNION ALL ")
    }

    /// The key, where it is read beside each row.
    fn read_key(&self, select: Select<'_>) -> Option<&'static str> {
        self.key.filter(|_| select.key.is_none())
    }

    /// Runs the statement that `text` gives for the columns of `select`, with these parameters and then how many rows it is to
    /// find.
    fn read(
        &self,
        db: &dyn Connection,
        parameters: &[Value],
        select: Select<'_>,
        wanted: usize,
        text: impl Fn(&str) -> String,
    ) -> Result<Page, Error> {
        let run = |text: &str, limit: usize| {
            let mut parameters = parameters.to_vec();
            parameters.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
            db.execute(text, &parameters)
        };
        let whole = text(select.whole);
        // One more than wanted tells whether more follow.
        let mut limit = wanted + 1;
        let mut rows = loop {
            match run(&whole, limit) {
                Err(Error::TooLarge) if limit > 1 => limit /= 2,
                Err(Error::TooLarge) => break run(&text(select.shortened), 1)?,
                result => break result?,
            }
        };
        let is_cut = limit <= wanted;
        let has_more = (is_cut && !rows.is_empty()) || rows.len() > wanted;
        rows.truncate(wanted);
        let key = self.read_key(select);
        let rows = rows
            .into_iter()
            .map(|mut row| Ok((position(&mut row, key)?, row)));
        Ok(Page {
            rows: rows.collect::<Result<_, Error>>()?,
            has_more,
            end: None,
            key: select.key,
        })
    }

    /// Reads the rows at these positions.
    fn rows_at(&self, positions: &str, key: Option<&str>, select: &str) -> String {
        format!(
            "SELECT {key}page_row, {select} FROM ({positions}) CROSS JOIN {table} ON {table}.rowid = page_row",
            key = key.map_or("", |_| "page_key, "),
            table = self.table,
        )
    }

    /// The searches for the rows of each alternative, without what they are to give.
    fn searches(&self, access: Access, alternatives: &[Vec<Condition>], window: Window<'_>) -> Sql {
        let mut sql = Sql::default();
        for conditions in alternatives {
            self.search(&mut sql, access, conditions, window);
        }
        sql
    }

    /// The list's order, of what these searches find.
    fn order(&self, sql: &Sql, window: Window<'_>) -> String {
        let direction = if window.descending { "DESC" } else { "ASC" };
        let key = self.key.unwrap_or("rowid");
        match (self.key, sql.searches.len()) {
            (Some(_), 2..) => format!("1 {direction}, 2 {direction}"),
            (None, 2..) => format!("2 {direction}"),
            (Some(_), _) => format!("{key} {direction}, rowid {direction}"),
            (None, _) => format!("{key} {direction}"),
        }
    }

    /// Adds the search for the rows of `window` that fulfil `conditions`: two, where several rows may have the same key,
    /// since SQLite goes straight to the start of either range of the index but not to that of both.
    fn search(&self, sql: &mut Sql, access: Access, conditions: &[Condition], window: Window<'_>) {
        let index = match access {
            Access::Free => String::new(),
            Access::Ordered(index) | Access::Sorted(index) => format!("INDEXED BY {index}"),
        };
        let sign = if window.descending { "<" } else { ">" };
        let conditions: Vec<String> = conditions
            .iter()
            .map(|condition| sql.condition(condition))
            .collect();
        let ranges = match (window.after, self.key) {
            (Some([key, row]), Some(column)) => {
                let (key, row) = (sql.parameter(key), sql.parameter(row));
                vec![
                    format!("{column} = {key} AND rowid {sign} {row}"),
                    format!("{column} {sign} {key}"),
                ]
            }
            (Some([row]), None) => vec![format!("rowid {sign} {}", sql.parameter(row))],
            _ => vec!["true".to_owned()],
        };
        for range in ranges {
            let mut all = range;
            for condition in &conditions {
                all.push_str(&format!(" AND ({condition})"));
            }
            sql.searches.push(format!(
                "FROM {table} {index} WHERE {all}",
                table = self.table,
            ));
        }
    }
}

/// The position of a row that was found, with the list's key where that was read.
fn position(row: &mut Row, key: Option<&str>) -> Result<Vec<Value>, Error> {
    let key = key.map(|_| row.take("page_key")).transpose()?;
    Ok(key.into_iter().chain([row.take("page_row")?]).collect())
}

#[derive(Default)]
struct Sql {
    searches: Vec<String>,
    parameters: Vec<Value>,
}

impl Sql {
    /// A place for a value. In an ordered query SQLite prepares a cached statement anew each time where a bare parameter is
    /// compared, since it wants to know the value; the sign, which changes nothing, keeps it from that.
    fn parameter(&mut self, value: &Value) -> String {
        self.parameters.push(value.clone());
        format!("+?{}", self.parameters.len())
    }

    fn condition(&mut self, condition: &Condition) -> String {
        let places: Vec<String> = condition
            .values
            .iter()
            .map(|value| self.parameter(value))
            .collect();
        let mut sql = String::new();
        for (n, piece) in condition.sql.split('?').enumerate() {
            if n > 0 {
                // The last one stands for all that follow.
                let place = places.get(n - 1).or(places.last());
                sql.push_str(place.map_or("?", String::as_str));
            }
            sql.push_str(piece);
        }
        // A sign keeps SQLite from an index of the column.
        if condition.is_way {
            sql
        } else {
            format!("+{sql}")
        }
    }
}
