//! `limit`, `order` and `cursor` of the lists, and the page that a list answers.

use std::borrow::Cow;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use database::{Value, Window};
use domain::Words;
use http::request::Parts;
use http::{HeaderValue, header};

use crate::fields::{Declared, Field, Input, Reader};
use crate::kind::Kind;
use crate::{ApiError, FieldError, Location, cursor};

/// The most rows that a list gives.
const MOST: i64 = 1000;
/// The most bytes of JSON, but for a single row that has more.
const MOST_BYTES: usize = 8 << 20;

static ORDER: Words = Words {
    name: "Order",
    all: &["asc", "desc"],
    synonyms: &[],
    any_case: false,
};

/// The direction of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// The query of a list: its filters are the fields.
pub trait Listed: Declared {
    /// How many rows a page has where the client does not say.
    fn limit() -> usize;

    /// The order where the client does not say.
    fn order() -> Order;
}

/// The fields that every list has.
pub(crate) const PAGE: [Field; 3] = [
    Field::optional(
        "limit",
        Kind::integer(1, MOST),
        "The most rows: 1 to 1000; by default 100 prompts or log entries, 1000 of the rest.",
    ),
    Field::optional(
        "order",
        Kind::Word(&ORDER),
        "`asc`: oldest first, `desc`: newest first.",
    ),
    Field::optional(
        "cursor",
        Kind::Cursor,
        "Where the list goes on, from the `Link` of the page before.",
    ),
];

/// What a client wants of a list.
pub struct ListQuery<T> {
    /// The filters.
    pub filters: Input,
    limit: usize,
    order: Order,
    /// The position of the row before.
    after: Option<Vec<Value>>,
    /// The list's path and filters, which a cursor belongs to.
    list: String,
    of: PhantomData<fn() -> T>,
}

impl<T: Listed, S: Send + Sync> FromRequestParts<S> for ListQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let fields = [T::fields(), PAGE.to_vec()].concat();
        let filters = Reader::of_query(&pairs).read(&fields)?;
        let list = list(parts.uri.path(), &pairs);
        let after = filters.text("cursor").map(|text| {
            cursor::decode(&list, text).ok_or_else(|| {
                ApiError::Invalid(vec![FieldError {
                    kind: "cursor",
                    loc: vec![Location::Field("query"), Location::Field("cursor")],
                    msg: "Input should be a cursor that this list gave with the same filters"
                        .to_owned(),
                    input: domain::Json::text(text),
                }])
            })
        });
        Ok(Self {
            limit: filters
                .integer("limit")
                .and_then(|limit| limit.try_into().ok())
                .unwrap_or_else(T::limit),
            order: match filters.text("order") {
                Some("asc") => Order::Ascending,
                Some(_) => Order::Descending,
                None => T::order(),
            },
            after: after.transpose()?,
            list,
            filters,
            of: PhantomData,
        })
    }
}

/// The list that a query is about: its path and all parameters but `limit` and `cursor`, in one order.
fn list(path: &str, pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> String {
    let mut filters: Vec<_> = pairs
        .iter()
        .filter(|(name, value)| !value.is_empty() && name != "limit" && name != "cursor")
        .collect();
    filters.sort();
    let mut query = form_urlencoded::Serializer::new(format!("{path}?"));
    query.extend_pairs(filters);
    query.finish()
}

/// The address of the rows that come after `position`, oldest first, in the list at `path` with these filters.
#[must_use]
pub fn rows_after(
    path: &str,
    filters: &[(&str, &str)],
    limit: usize,
    position: &[Value],
) -> String {
    let pairs: Vec<_> = [("order", "asc")]
        .iter()
        .chain(filters)
        .map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(*value)))
        .collect();
    next(&list(path, &pairs), limit, position)
}

/// The address of the page of `list` after `position`.
fn next(list: &str, limit: usize, position: &[Value]) -> String {
    let cursor = cursor::encode(list, position);
    let separator = if list.ends_with('?') { "" } else { "&" };
    format!("{list}{separator}limit={limit}&cursor={cursor}")
}

/// A page of rows of `R` as they are told.
pub struct PageOf<R> {
    /// A JSON array.
    json: String,
    /// The position of the last row, where more follow.
    next: Option<Vec<Value>>,
    of: PhantomData<fn() -> R>,
}

impl<R> PageOf<R> {
    /// The rows of `page`, each told by `tell`, which writes it as JSON: as many as make [`MOST_BYTES`] of it, and one at
    /// least.
    ///
    /// # Errors
    /// Those of `tell`.
    pub fn new<E>(
        page: database::Page,
        mut tell: impl FnMut(database::Row, &mut String) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut json = "[".to_owned();
        let mut last = None;
        let mut has_more = page.has_more;
        for (position, row) in page.rows {
            let end = json.len();
            if last.is_some() {
                json.push(',');
            }
            tell(row, &mut json)?;
            if json.len() > MOST_BYTES && last.is_some() {
                json.truncate(end);
                has_more = true;
                break;
            }
            last = Some(position);
        }
        json.push(']');
        Ok(Self {
            json,
            next: last.filter(|_| has_more),
            of: PhantomData,
        })
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.json.len() == 2
    }
}

impl<T> ListQuery<T> {
    /// The rows for the database to give.
    #[must_use]
    pub fn window(&self) -> Window<'_> {
        Window {
            descending: self.order == Order::Descending,
            after: self.after.as_deref(),
            limit: self.limit,
        }
    }

    /// The answer with these rows.
    #[must_use]
    pub fn answer<R>(&self, page: PageOf<R>) -> List<R> {
        let next = page
            .next
            .map(|position| next(&self.list, self.limit, &position));
        List {
            json: page.json,
            next,
            of: PhantomData,
        }
    }
}

/// A page of a list of `R`: a JSON array, and where more rows follow, the `Link` to them.
pub struct List<R> {
    json: String,
    next: Option<String>,
    of: PhantomData<fn() -> R>,
}

impl<R> IntoResponse for List<R> {
    fn into_response(self) -> Response {
        let mut response = crate::json(self.json);
        let link = self.next.map(|next| format!("<{next}>; rel=\"next\""));
        if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}
