//! Rows as JSON.

use database::{Error, Row};
use http_api::telling::{self, ToldColumn};

use super::Declaration;

impl Declaration {
    /// What is read of a row to tell it.
    pub(crate) fn select(&self) -> String {
        match self.kept {
            Some(json) => format!("{json} AS json"),
            None => telling::select(self.list.table, self.told(), false),
        }
    }

    /// The same for a row that the host does not hand over whole, with long texts shortened. What is kept is short enough
    /// as it is.
    pub(crate) fn select_shortened(&self) -> String {
        match self.kept {
            Some(_) => self.select(),
            None => telling::select(self.list.table, self.told(), true),
        }
    }

    /// The member that says the list's key, where it is in what the database keeps. What is told as `created_at` sorts as
    /// `created_time`.
    pub(crate) fn told_key(&self) -> Option<&'static str> {
        let key = self.list.key.filter(|_| self.kept.is_some())?;
        let is_of = |name: &str| {
            let stems = (name.strip_suffix("_at"), key.strip_suffix("_time"));
            name == key || matches!(stems, (Some(told), Some(stem)) if told == stem)
        };
        let mut names = self.columns.iter().map(|column| column.name);
        names.find(|name| is_of(name))
    }

    /// The columns as they are told.
    pub fn told(&self) -> impl Iterator<Item = ToldColumn> + '_ {
        self.columns.iter().map(|column| ToldColumn {
            name: column.name,
            kind: column.kind,
            nullable: column.nullable,
        })
    }

    /// Writes a row that was read by [`Declaration::select`].
    pub(crate) fn tell(&self, mut row: Row, json: &mut String) -> Result<(), Error> {
        match self.kept {
            Some(_) => json.push_str(&row.text("json")?),
            None => telling::tell(self.told(), &mut row, json)?,
        }
        Ok(())
    }
}
