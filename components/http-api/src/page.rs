//! `limit`, `order` and `cursor` of the lists, and the page that a list answers.

use axum::Json;
use axum::response::{IntoResponse, Response};
use database::{Paged, Value, Window};
use http::{HeaderValue, header};
use serde::Serialize;

use crate::input::{Parse as _, Parser};
use crate::{Fields, Raw, Violation, cursor, parse};

/// The most rows that a list gives.
const MOST: i64 = 1000;

/// Which rows of a list are wanted.
#[derive(Clone, Debug)]
pub struct Page {
    /// 1 to 1000 rows.
    limit: usize,
    order: Order,
    /// The position of the row before.
    after: Option<Vec<Value>>,
    /// The list's path and filters, which a cursor belongs to.
    list: String,
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
    /// Reads `limit`, `order` and `cursor`; the first two have defaults.
    pub fn read(fields: &mut Fields<'_>, limit: usize, order: Order) -> Self {
        let list = fields.list();
        let wanted = fields.optional("limit", parse::integer(1..=MOST));
        let position = Parser {
            parse: |raw: Raw<'_>| {
                let text = parse::text().parse(raw)?;
                cursor::decode(&list, &text).ok_or_else(|| {
                    let msg = "Input should be a cursor that this list gave with the same filters";
                    Violation::new("cursor", msg)
                })
            },
            schema: || serde_json::json!({"type": "string", "pattern": "^[0-9a-f]+$"}),
        };
        Self {
            limit: wanted
                .and_then(|wanted| wanted.try_into().ok())
                .unwrap_or(limit),
            order: fields.optional("order", parse::choice()).unwrap_or(order),
            after: fields.optional("cursor", position),
            list,
        }
    }

    /// The rows for the database to give.
    #[must_use]
    pub fn window(&self) -> Window<'_> {
        Window {
            descending: self.order == Order::Desc,
            after: self.after.as_deref(),
            limit: self.limit,
        }
    }

    /// The answer with these rows.
    #[must_use]
    pub fn answer<T>(&self, page: Paged<T>) -> List<T> {
        let next = page.next.map(|position| {
            let Self { list, limit, .. } = self;
            let cursor = cursor::encode(list, &position);
            let separator = if list.ends_with('?') { "" } else { "&" };
            format!("{list}{separator}limit={limit}&cursor={cursor}")
        });
        List {
            rows: page.rows,
            next,
        }
    }
}

/// A page of a list: a JSON array, and where more rows follow, the `Link` to them.
pub struct List<T> {
    rows: Vec<T>,
    next: Option<String>,
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.rows).into_response();
        let link = self.next.map(|next| format!("<{next}>; rel=\"next\""));
        if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}
