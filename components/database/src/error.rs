//! What can go wrong at the port, told from SQLite's own words.
//!
//! Spin's interface gives an error as text only, so the text decides, on both adapters alike.

/// A rule of the schema that a statement broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// `UNIQUE` or `PRIMARY KEY`, with what SQLite names: `table.column`.
    Unique(String),
    /// A foreign key without its row.
    ForeignKey,
    /// `CHECK` or `NOT NULL`, with what SQLite names.
    Check(String),
}

/// An error of the database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another connection holds the lock.
    #[error("the database is busy")]
    Busy,
    /// The statement would break a rule of the schema.
    #[error("a constraint failed: {0:?}")]
    Constraint(Constraint),
    /// The result has more bytes than the host hands over at once.
    #[error("the result is too large")]
    TooLarge,
    /// The schema is not what the statement expects: the file was replaced.
    #[error("the schema does not fit: {0}")]
    Schema(String),
    /// The schema was made by a later version of this software.
    #[error(
        "the database has schema version {found}, this build knows {known}: use a newer build",
        known = crate::SCHEMA_VERSION
    )]
    NewerSchema {
        /// `PRAGMA user_version` of the file.
        found: i64,
    },
    /// The database cannot be opened, read or written.
    #[error("the database is unreachable: {0}")]
    Unavailable(String),
    /// A fault in our own SQL.
    #[error("the statement failed: {0}")]
    Statement(String),
}

impl Error {
    /// Tells the kind of error from SQLite's message.
    #[must_use]
    pub fn from_message(message: &str) -> Self {
        let after = |prefix: &str| {
            message.find(prefix).map(|at| {
                message[at + prefix.len()..]
                    .trim_start_matches(": ")
                    .to_owned()
            })
        };
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if says(&[
            "is locked",
            "SQLITE_BUSY",
            "SQLITE_LOCKED",
            // A libSQL server takes the lock from who has kept it for five seconds.
            "TRANSACTION_TIMEOUT",
            "TRANSACTION_BUSY",
        ]) {
            Self::Busy
        } else if let Some(what) = after("UNIQUE constraint failed") {
            // Spin quotes what a libSQL server has said.
            let columns = what.split(['"', '\\']).next().unwrap_or_default();
            Self::Constraint(Constraint::Unique(columns.to_owned()))
        } else if says(&["FOREIGN KEY constraint failed"]) {
            Self::Constraint(Constraint::ForeignKey)
        } else if let Some(what) =
            after("CHECK constraint failed").or_else(|| after("NOT NULL constraint failed"))
        {
            Self::Constraint(Constraint::Check(what))
        } else if says(&[
            "result exceeds limit",
            "string or blob too big",
            "RESPONSE_TOO_LARGE",
        ]) {
            Self::TooLarge
        } else if says(&[
            "no such table",
            "no such column",
            "no such index",
            "has no column named",
        ]) {
            Self::Schema(message.to_owned())
        } else if says(&[
            "unable to open",
            "disk I/O error",
            "is full",
            "readonly database",
            "not a database",
            "image is malformed",
            "interrupted",
            "no connection",
            "Io(",
            "AccessDenied",
            "NoSuchDatabase",
            "InvalidConnection",
            "http error",
            "stream closed",
            "api error",
        ]) {
            Self::Unavailable(message.to_owned())
        } else {
            // What nobody knows is a fault of ours until it is known.
            Self::Statement(message.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_kind_from_the_message() {
        assert_eq!(Error::from_message("database is locked"), Error::Busy);
        assert_eq!(Error::from_message("database table is locked"), Error::Busy);
        assert_eq!(
            Error::from_message("UNIQUE constraint failed: orchestrator_agents.name"),
            Error::Constraint(Constraint::Unique("orchestrator_agents.name".to_owned()))
        );
        assert_eq!(
            Error::from_message(
                "stream error: Error { message: \"SQLite error: UNIQUE constraint failed: orchestrator_agents.name\", \
                 code: \"SQLITE_CONSTRAINT_UNIQUE\" }"
            ),
            Error::Constraint(Constraint::Unique("orchestrator_agents.name".to_owned()))
        );
        assert_eq!(
            Error::from_message("FOREIGN KEY constraint failed"),
            Error::Constraint(Constraint::ForeignKey)
        );
        assert_eq!(
            Error::from_message("query result exceeds limit of 134217728 bytes"),
            Error::TooLarge
        );
        assert_eq!(
            Error::from_message("TRANSACTION_TIMEOUT: Transaction timed out"),
            Error::Busy
        );
        assert_eq!(
            Error::from_message("RESPONSE_TOO_LARGE: Response is too large"),
            Error::TooLarge
        );
        assert!(matches!(
            Error::from_message("no such table: agents"),
            Error::Schema(_)
        ));
        assert!(matches!(
            Error::from_message("near \"SELEC\": syntax error"),
            Error::Statement(_)
        ));
        assert!(matches!(
            Error::from_message("disk I/O error"),
            Error::Unavailable(_)
        ));
        assert!(matches!(
            Error::from_message("something that nobody has seen"),
            Error::Statement(_)
        ));
    }
}
