//! The SQL of a resource, made from its declaration. Only names that stand in the source go into it; what a client sent
//! goes in as parameters.

use database::log_blocks::Log;
use database::log_search::Search;
use database::{Condition, Connection, Error, Select, Value, Window};
use domain::{Timestamp, new_id, words};
use http_api::{ApiError, Input, PageOf};

use super::{Column, Declaration, New, Resource, Row};

/// A new row of more bytes is told shortened: hosts do not hand over much more at once.
const MOST_WHOLE: usize = 8 << 20;

/// A row as it is told.
pub(crate) struct Found {
    pub(crate) json: String,
    /// Its version, where rows of that kind have one.
    pub(crate) version: Option<i64>,
}

impl Found {
    /// The status as it is told, empty where rows of that kind have none.
    pub(crate) fn status(&self) -> String {
        #[derive(serde::Deserialize)]
        struct Told {
            #[serde(default)]
            status: String,
        }
        let told = serde_json::from_str::<Told>(&self.json);
        told.map_or_else(|_| String::new(), |told| told.status)
    }
}

impl Declaration {
    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn has(&self, name: &str) -> bool {
        self.column(name).is_some()
    }

    /// The error for an id that no row has.
    pub(crate) fn unknown(&self, id: &str) -> ApiError {
        ApiError::unknown(self.noun, id)
    }

    /// The error for a row that has ended.
    pub(crate) fn ended(&self, id: &str, status: &str) -> ApiError {
        ApiError::Conflict(format!("{} {id} is {status} already", self.noun))
    }
}

/// A page of the list. In a transaction where it [takes several statements](takes_several).
pub(crate) fn list<R: Resource>(
    db: &dyn Connection,
    sent: &Input,
    window: Window<'_>,
) -> Result<PageOf<Row<R>>, Error> {
    let declaration = R::DECLARATION;
    let select = Select {
        whole: &declaration.select(),
        shortened: &declaration.select_shortened(),
        key: declaration.told_key(),
    };
    let conditions = conditions::<R>(sent);
    let list = declaration.list;
    let page = if let Some((log, text)) = searched::<R>(sent) {
        let search = Search {
            log,
            list,
            select,
            text,
            alternatives: R::alternatives(sent, conditions.clone()),
            conditions,
        };
        search.page(db, window)?
    } else {
        let alternatives = R::alternatives(sent, conditions);
        let looked_for = R::looked_for(sent);
        if looked_for.is_empty() {
            list.page(db, select, R::access(sent), &alternatives, window)?
        } else {
            list.page_looked_for(db, select, &alternatives, &looked_for, window)?
        }
    };
    PageOf::new(page, |row, json| declaration.tell(row, json))
}

/// Whether a page of the list takes several statements.
pub(crate) fn takes_several<R: Resource>(sent: &Input) -> bool {
    searched::<R>(sent).is_some() || !R::looked_for(sent).is_empty()
}

/// The text that the list is searched for, and the log whose index of texts finds it.
fn searched<R: Resource>(sent: &Input) -> Option<(Log, &str)> {
    Some((R::searched(sent)?, sent.text("q")?))
}

/// What the filters that were sent say.
fn conditions<R: Resource>(sent: &Input) -> Vec<Condition> {
    let way = R::NARROWEST.iter().find(|name| sent.get(name).is_some());
    let filters = R::DECLARATION.filters.iter();
    filters
        .filter_map(|filter| {
            let name = filter.field.name;
            let condition = Condition::new(filter.condition?, sent.get(name)?.clone());
            let is_beside = R::NARROWEST.contains(&name) && way != Some(&name);
            Some(if is_beside {
                condition.beside()
            } else {
                condition
            })
        })
        .collect()
}

/// The row with that id.
pub(crate) fn find<R: Resource>(db: &dyn Connection, id: &str) -> Result<Found, ApiError> {
    let declaration = R::DECLARATION;
    let version = if declaration.has("version") {
        "version"
    } else {
        "NULL"
    };
    let run = |select: &str| {
        let sql = format!(
            "SELECT {version} AS row_version, {select} FROM {table} WHERE id = ?1",
            table = declaration.list.table,
        );
        db.execute(&sql, &[id.into()])
    };
    let rows = match run(&declaration.select()) {
        Err(Error::TooLarge) => run(&declaration.select_shortened())?,
        rows => rows?,
    };
    let mut row = rows
        .into_iter()
        .next()
        .ok_or_else(|| declaration.unknown(id))?;
    let version = match row.take("row_version")? {
        Value::Integer(version) => Some(version),
        _ => None,
    };
    let mut json = String::new();
    declaration.tell(row, &mut json)?;
    Ok(Found { json, version })
}

/// The values of a new row: what was sent, and what follows from it. Made once a request, so that it is the same row
/// however often a statement is tried.
pub(crate) fn new_row<R: Resource>(sent: &Input) -> Input {
    let declaration = R::DECLARATION;
    let mut row = New::<R>::with_defaults(sent);
    let now = Timestamp::now();
    if !declaration.is_numbered {
        row.set("id", new_id());
    }
    for column in declaration.created {
        if row.get(column).is_none() {
            row.set(column, now.as_str());
        }
    }
    R::complete(&mut row, None, &now);
    if row.text("status").is_some_and(words::is_terminal) && row.get("completed_at").is_none() {
        row.set("completed_at", now.as_str());
    }
    row
}

/// Stores a new row by one statement, and tells it.
pub(crate) fn insert<R: Resource>(db: &dyn Connection, row: &Input) -> Result<String, ApiError> {
    let declaration = R::DECLARATION;
    // Each column that may have a value has its place, so that there is one statement and not one for each request.
    let columns: Vec<&str> = declaration
        .columns
        .iter()
        .map(|column| column.name)
        .filter(|name| writes(declaration, name))
        .collect();
    let places: Vec<String> = (1..=columns.len())
        .map(|place| format!("?{place}"))
        .collect();
    // What cannot be handed over whole must not fail once it is stored.
    let select = if row.bytes() > MOST_WHOLE {
        declaration.select_shortened()
    } else {
        declaration.select()
    };
    let sql = format!(
        "INSERT INTO {table} ({columns}) VALUES ({places}) RETURNING {select}",
        table = declaration.list.table,
        columns = columns.join(", "),
        places = places.join(", "),
    );
    let values: Vec<Value> = columns
        .iter()
        .map(|name| row.get(name).cloned().unwrap_or(Value::Null))
        .collect();
    let rows = db
        .execute(&sql, &values)
        .map_err(|error| R::conflict(error, row))?;
    let row = rows
        .into_iter()
        .next()
        .ok_or_else(|| Error::Statement("an INSERT gave no row".to_owned()))?;
    let mut json = String::new();
    declaration.tell(row, &mut json)?;
    Ok(json)
}

/// Whether a new row of ours has a value in the column.
fn writes(declaration: &Declaration, name: &str) -> bool {
    let is_given = declaration
        .column(name)
        .is_some_and(|column| column.create != super::Create::Never);
    let is_id = name == "id" && !declaration.is_numbered;
    let ends = name == "completed_at" && declaration.has("status");
    is_given || is_id || ends || declaration.created.contains(&name)
}

/// Changes what is given. The triggers of the table see to what follows from it.
pub(crate) fn update<R: Resource>(
    db: &dyn Connection,
    id: &str,
    before: &Found,
    changes: &Input,
) -> Result<(), ApiError> {
    let declaration = R::DECLARATION;
    let now = Timestamp::now();
    let mut changes = changes.clone();
    R::complete(&mut changes, Some(before), &now);
    let mut values: Vec<Value> = vec![id.into()];
    let mut assignments = Vec::new();
    for column in declaration.columns.iter().filter(|column| column.update) {
        if let Some(value) = changes.get(column.name) {
            values.push(value.clone());
            assignments.push(format!("{} = ?{}", column.name, values.len()));
        }
    }
    if let Some(status) = changes.text("status") {
        let before = before.status();
        if words::is_terminal(&before) && status != before {
            return Err(declaration.ended(id, &before));
        }
        if words::is_terminal(status)
            && declaration.has("completed_at")
            && changes.get("completed_at").is_none()
        {
            values.push(now.as_str().into());
            assignments.push(format!(
                "completed_at = coalesce(completed_at, ?{})",
                values.len()
            ));
        }
    }
    if assignments.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE {table} SET {assignments} WHERE id = ?1",
        table = declaration.list.table,
        assignments = assignments.join(", "),
    );
    db.execute(&sql, &values)
        .map_err(|error| R::conflict(error, &changes))?;
    Ok(())
}

/// Says which of the rows that a new one refers to is not there. SQLite does not tell.
pub(crate) fn missing<R: Resource>(db: &dyn Connection, row: &Input) -> Result<ApiError, Error> {
    for reference in R::DECLARATION.references {
        if let Some(id) = row.text(reference.column)
            && !exists(db, reference.table, id)?
        {
            return Ok(ApiError::unknown(reference.noun, id));
        }
    }
    Ok(Error::Constraint(database::Constraint::ForeignKey).into())
}

/// Whether `table` has a row with that id.
pub(crate) fn exists(db: &dyn Connection, table: &'static str, id: &str) -> Result<bool, Error> {
    let sql = format!("SELECT 1 FROM {table} WHERE id = ?1");
    Ok(!db.execute(&sql, &[id.into()])?.is_empty())
}
