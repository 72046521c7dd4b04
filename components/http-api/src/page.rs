//! `limit` and `order` of the lists.

use crate::{Fields, parse};

/// The most rows that a list gives.
const MOST: i64 = 1000;

/// Which rows of a list are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// 1 to 1000 rows.
    pub limit: i64,
    /// `None` where the list's own order is wanted.
    pub order: Option<Order>,
}

/// The direction of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
}

impl Page {
    /// Reads `limit` and `order`; without a `limit` there are `default_limit` rows.
    pub fn read(fields: &mut Fields<'_>, default_limit: i64) -> Self {
        Self {
            limit: fields
                .optional("limit", parse::integer(1..=MOST))
                .unwrap_or(default_limit),
            order: fields.optional("order", parse::choice),
        }
    }
}
