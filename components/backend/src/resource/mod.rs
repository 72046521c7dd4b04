//! Resources: rows of a table as a client sees, makes, changes and finds them.
//!
//! A resource is declared once ([`Declaration`]): its columns with what they hold, whether a client gives or changes them,
//! a word of documentation and an example; and the filters of its list. From that come the statements that write
//! ([`queries`]), those that read and the JSON ([`telling`]), the validation of what is sent, the handlers ([`handlers`])
//! and the schema in the API's document (`schema`). Rows that triggers tell too, as the feed's agents, are told by the
//! database; a test holds its view and the declaration together.

pub(crate) mod handlers;
pub(crate) mod queries;
#[cfg(not(target_family = "wasm"))]
mod schema;
mod telling;

use std::marker::PhantomData;

use database::log_blocks::Log;
use database::{Access, Condition, Connection, Error, List, Value};
use domain::Timestamp;
use http_api::telling::ToldColumn;
use http_api::{ApiError, Declared, ExportAs, Field, Input, Kind, Listed, Order, Presence};

/// What is known of a resource.
#[derive(Debug)]
pub struct Declaration {
    /// Its name in the API's document.
    pub name: &'static str,
    /// What a person calls one: `Agent 17 not found`.
    pub noun: &'static str,
    /// The path of its list; below it are the rows by their id.
    pub path: &'static str,
    /// Its table and the order of its list.
    pub list: List,
    /// Where the database keeps what a row is told as: an expression that gives the JSON.
    pub kept: Option<&'static str>,
    /// What a row has, in the order in which it is told.
    pub columns: &'static [Column],
    /// How its list is narrowed.
    pub filters: &'static [Filter],
    /// How many rows a page has where the client does not say.
    pub limit: usize,
    /// The order where the client does not say.
    pub order: Order,
    /// Whether the database numbers the rows; else they have ids of ours.
    pub is_numbered: bool,
    /// The columns that take the time of the creation.
    pub created: &'static [&'static str],
    /// The rows of other tables that a row refers to.
    pub references: &'static [Reference],
}

/// What a row has under one name.
#[derive(Debug)]
pub struct Column {
    /// The column's name, and that of the field.
    pub name: &'static str,
    /// Other names under which clients send it.
    pub aliases: &'static [&'static str],
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether a client gives it when it makes a row.
    pub create: Create,
    /// Whether a client may change it.
    pub update: bool,
    /// What it means.
    pub doc: &'static str,
    /// What it may be, in JSON.
    pub example: &'static str,
}

/// Whether a client gives a column when it makes a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// No: it follows from something else.
    Never,
    /// It has to.
    Required,
    /// It may.
    Optional,
    /// It may; else it is this word.
    Word(&'static str),
    /// It may; else it is this number.
    Number(i64),
}

impl Column {
    /// A column that no client writes.
    #[must_use]
    pub const fn new(
        name: &'static str,
        kind: Kind,
        doc: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            kind,
            nullable: false,
            create: Create::Never,
            update: false,
            doc,
            example,
        }
    }

    /// A column that is declared where others tell it too, which no client writes.
    #[must_use]
    pub const fn of(told: ToldColumn, doc: &'static str, example: &'static str) -> Self {
        Self {
            nullable: told.nullable,
            ..Self::new(told.name, told.kind, doc, example)
        }
    }

    /// What a client may say of a row beside all else: any object.
    #[must_use]
    pub const fn metadata(example: &'static str) -> Self {
        Self::new(
            "metadata",
            Kind::Object,
            "What else is known of it.",
            example,
        )
        .nullable()
        .given(Create::Optional)
        .changed()
    }

    /// The same, and it may be null.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self {
            nullable: true,
            ..self
        }
    }

    /// The same, and a client gives it in this way.
    #[must_use]
    pub const fn given(self, create: Create) -> Self {
        Self { create, ..self }
    }

    /// The same, and a client may change it.
    #[must_use]
    pub const fn changed(self) -> Self {
        Self {
            update: true,
            ..self
        }
    }

    /// The same, also under other names.
    #[must_use]
    pub const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    fn field(&self, presence: Presence) -> Field {
        Field {
            name: self.name,
            aliases: self.aliases,
            kind: self.kind,
            presence,
            doc: self.doc,
        }
    }
}

/// A filter of a list.
#[derive(Debug)]
pub struct Filter {
    /// What is sent.
    pub field: Field,
    /// The condition, in which `?` is what was sent; `None` where [`Resource::alternatives`] makes it.
    pub condition: Option<&'static str>,
}

impl Filter {
    /// A filter by one condition.
    #[must_use]
    pub const fn new(
        name: &'static str,
        kind: Kind,
        doc: &'static str,
        condition: &'static str,
    ) -> Self {
        Self {
            field: Field::optional(name, kind, doc),
            condition: Some(condition),
        }
    }

    /// A filter that [`Resource::alternatives`] makes the condition of.
    #[must_use]
    pub const fn custom(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            field: Field::optional(name, kind, doc),
            condition: None,
        }
    }

    /// The same, also under other names.
    #[must_use]
    pub const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self {
            field: self.field.or(aliases),
            ..self
        }
    }
}

/// A row of another table that a row refers to.
#[derive(Debug)]
pub struct Reference {
    /// The column with its id.
    pub column: &'static str,
    /// Its table.
    pub table: &'static str,
    /// What a person calls it.
    pub noun: &'static str,
}

/// A resource. What is particular to one are the functions that it has of its own.
pub(crate) trait Resource: Send + Sync + 'static {
    /// What is known of it.
    const DECLARATION: &'static Declaration;

    /// Filters, in the order of how few rows they leave: a list goes by the first one that was sent, in whose index the
    /// others are looked at.
    const NARROWEST: &'static [&'static str] = &[];

    /// The alternatives of a list that is narrowed by these conditions and what else was sent.
    fn alternatives(_: &Input, conditions: Vec<Condition>) -> Vec<Vec<Condition>> {
        vec![conditions]
    }

    /// The log whose index of texts serves such a list, where it has a `q`.
    fn searched(_: &Input) -> Option<Log> {
        None
    }

    /// What each row of such a list is looked at for, because no index finds it.
    fn looked_for(_: &Input) -> Vec<Condition> {
        Vec::new()
    }

    /// How SQLite comes to the rows of such a list.
    fn access(_: &Input) -> Access {
        Access::Free
    }

    /// Adds what follows from what is sent of a new row, or of one that was there `before`.
    fn complete(_sent: &mut Input, _before: Option<&queries::Found>, _now: &Timestamp) {}

    /// What is done in the transaction of a change, before the row is changed. Gives whether the row is another now.
    fn before_update(
        _: &dyn Connection,
        _id: &str,
        _before: &queries::Found,
        _changes: &Input,
    ) -> Result<bool, Error> {
        Ok(false)
    }

    /// What a client is told of a rule of the schema that its row breaks.
    fn conflict(error: Error, _: &Input) -> ApiError {
        error.into()
    }
}

/// A row of `R`.
pub(crate) struct Row<R>(PhantomData<R>);

/// The body that makes a row of `R`.
pub(crate) struct New<R>(PhantomData<R>);

/// The body that changes a row of `R`: only what is given changes.
pub(crate) struct Update<R>(PhantomData<R>);

/// The query of a list of `R`.
pub(crate) struct ListRows<R>(PhantomData<R>);

impl<R: Resource> Declared for New<R> {
    fn fields() -> Vec<Field> {
        let columns = R::DECLARATION.columns.iter();
        let given = columns.filter(|column| column.create != Create::Never);
        given
            .map(|column| {
                column.field(match column.create {
                    Create::Required => Presence::Required,
                    _ => Presence::Optional,
                })
            })
            .collect()
    }
}

impl<R: Resource> New<R> {
    /// What was sent, with what a row has where nothing is sent.
    fn with_defaults(input: &Input) -> Input {
        let mut input = input.clone();
        for column in R::DECLARATION.columns {
            let default: Value = match column.create {
                Create::Word(word) => word.into(),
                Create::Number(number) => number.into(),
                _ => continue,
            };
            if input.get(column.name).is_none() {
                input.set(column.name, default);
            }
        }
        input
    }
}

impl<R: Resource> Declared for Update<R> {
    fn fields() -> Vec<Field> {
        let columns = R::DECLARATION.columns.iter();
        columns
            .filter(|column| column.update)
            .map(|column| {
                column.field(if column.nullable {
                    Presence::NullableChange
                } else {
                    Presence::Change
                })
            })
            .collect()
    }
}

impl<R: Resource> Declared for ListRows<R> {
    fn fields() -> Vec<Field> {
        let filters = R::DECLARATION.filters.iter();
        filters.map(|filter| filter.field).collect()
    }
}

impl<R: Resource> Listed for ListRows<R> {
    fn limit() -> usize {
        R::DECLARATION.limit
    }

    fn order() -> Order {
        R::DECLARATION.order
    }

    fn export() -> Option<ExportAs> {
        let columns = R::DECLARATION.columns.iter();
        Some(ExportAs {
            name: R::DECLARATION.path.rsplit('/').next()?,
            columns: columns.map(|column| column.name).collect(),
        })
    }
}

/// Every resource, for tests that hold the declarations and the database's schema together.
#[must_use]
pub fn declarations() -> [&'static Declaration; 7] {
    [
        crate::agents::Definition::DECLARATION,
        crate::running_agents::RunningAgent::DECLARATION,
        crate::prompts::Prompt::DECLARATION,
        crate::logs::LogEntry::DECLARATION,
        crate::system_logs::SystemLogEntry::DECLARATION,
        crate::workflows::Workflow::DECLARATION,
        crate::messages::Message::DECLARATION,
    ]
}
