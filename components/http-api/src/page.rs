//! `limit`, `order` and `cursor` of the lists, and the page that a list answers.

use std::borrow::Cow;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use database::{Database, Value, Window};
use domain::Words;
use http::request::Parts;
use http::{HeaderValue, header};
use serde_json::value::RawValue;

use crate::export::{self, Export, ExportAs, Format, ReadPage};
use crate::fields::{Declared, Field, Input, Reader};
use crate::kind::Kind;
use crate::members::members;
use crate::{ApiError, FieldError, Location, REQUEST_ID, cursor};

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

    /// As what the whole list is given as a file; `None` where it is not.
    #[must_use]
    fn export() -> Option<ExportAs> {
        None
    }
}

/// All fields of a list: its filters, and what every list has.
pub(crate) fn fields<T: Listed>() -> Vec<Field> {
    let mut fields = [T::fields(), PAGE.to_vec()].concat();
    fields.extend(T::export().map(|_| export::FORMAT));
    fields
}

/// The fields that every list has.
const PAGE: [Field; 3] = [
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
    format: Format,
    /// The position of the row before.
    after: Option<Vec<Value>>,
    /// The id of the client's request, of an export.
    request_id: Option<String>,
    /// The list's path and filters, which a cursor belongs to.
    list: String,
    of: PhantomData<fn() -> T>,
}

impl<T: Listed, S: Send + Sync> FromRequestParts<S> for ListQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let filters = Reader::of_query(&pairs).read(&fields::<T>())?;
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
        let format = match filters.text("format") {
            Some(name) => Format::named(name),
            None => Format::accepted(&parts.headers),
        };
        let request_id = parts
            .headers
            .get(REQUEST_ID)
            .filter(|_| format != Format::Json);
        Ok(Self {
            format,
            request_id: request_id
                .and_then(|id| id.to_str().ok())
                .map(str::to_owned),
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

/// The list that a query is about: its path and all parameters but those of a page, in one order.
fn list(path: &str, pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> String {
    let mut filters: Vec<_> = pairs
        .iter()
        .filter(|(name, value)| {
            !value.is_empty() && !matches!(&**name, "limit" | "cursor" | "format")
        })
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
    /// Where in it each row ends, and the row's position in the list.
    rows: Vec<(usize, Vec<Value>)>,
    has_more: bool,
    /// Where the next page begins, unless that is after the last row.
    end: Option<Vec<Value>>,
    /// The member of a row that says the list's key, where a row's position does not have it.
    key: Option<&'static str>,
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
        let mut rows: Vec<(usize, Vec<Value>)> = Vec::with_capacity(page.rows.len());
        let (mut has_more, mut end_of_page) = (page.has_more, page.end);
        for (position, row) in page.rows {
            let end = json.len();
            if !rows.is_empty() {
                json.push(',');
            }
            tell(row, &mut json)?;
            if json.len() > MOST_BYTES && !rows.is_empty() {
                json.truncate(end);
                (has_more, end_of_page) = (true, None);
                break;
            }
            rows.push((json.len(), position));
        }
        json.push(']');
        Ok(Self {
            json,
            rows,
            has_more,
            end: end_of_page,
            key: page.key,
            of: PhantomData,
        })
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows it has.
    pub(crate) fn count(&self) -> usize {
        self.rows.len()
    }

    /// How many bytes its rows have.
    pub(crate) fn bytes(&self) -> usize {
        self.json.len()
    }

    /// Leaves away the last rows where all have more than `most` bytes, but for the first one.
    pub(crate) fn cut(&mut self, most: usize) {
        let fitting = self.rows.iter().take_while(|(end, _)| *end <= most).count();
        if fitting.max(1) < self.rows.len() {
            self.rows.truncate(fitting.max(1));
            (self.has_more, self.end) = (true, None);
        }
    }

    /// Each row as it is told.
    pub(crate) fn told(&self) -> impl Iterator<Item = &str> {
        let mut start = 1;
        self.rows.iter().map(move |(end, _)| {
            let row = &self.json[start..*end];
            start = end + 1;
            row
        })
    }

    /// The position that the next page begins after, where more follow.
    pub(crate) fn next(&mut self) -> Option<Vec<Value>> {
        if let Some(end) = self.end.take() {
            return Some(end);
        }
        if !self.has_more {
            return None;
        }
        let key = self.key.zip(self.told().last());
        let key = key.map(|(key, row)| member(row, key));
        let (_, position) = self.rows.last_mut()?;
        Some(key.into_iter().chain(position.drain(..)).collect())
    }

    /// The rows as lines. A line break in JSON is only ever one between its tokens, of somebody who stored it so, and becomes
    /// a space.
    pub(crate) fn into_lines(self) -> Vec<u8> {
        let mut lines = self.json.into_bytes();
        for byte in &mut lines {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        // Of the array, the comma after each row ends a line, and the brackets go.
        for (end, _) in &self.rows {
            lines[*end] = b'\n';
        }
        lines.truncate(self.rows.last().map_or(0, |(end, _)| end + 1));
        lines.drain(..lines.len().min(1));
        lines.shrink_to_fit();
        lines
    }
}

/// The text or number that a member of a row is told as. Other members may be nested however deeply.
fn member(row: &str, name: &'static str) -> Value {
    let found = members(row, &[Field::optional(name, Kind::TEXT, "")]);
    let value = found.ok().and_then(|found| found.get(name).copied());
    let value = value.map_or("null", RawValue::get);
    match serde_json::from_str::<String>(value) {
        Ok(text) => text.into(),
        Err(_) => value.parse::<i64>().ok().into(),
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
    pub fn answer<R>(&self, mut page: PageOf<R>) -> List<R> {
        let next = page
            .next()
            .map(|position| next(&self.list, self.limit, &position));
        List {
            json: page.json,
            next,
            of: PhantomData,
        }
    }
}

impl<T: Listed> ListQuery<T> {
    /// The answer that the client wants: a page, or all that follows as a file. `read` reads a page.
    ///
    /// # Errors
    /// Those of the first page.
    pub async fn read<R: 'static>(
        self,
        database: Database,
        read: ReadPage<R>,
    ) -> Result<ListOrFile<R>, ApiError> {
        let file = T::export().filter(|_| self.format != Format::Json);
        let Some(file) = file else {
            let page = read(&database, &self.filters, self.window()).await?;
            let mut response = self.answer(page).into_response();
            let headers = response.headers_mut();
            headers.insert(header::VARY, HeaderValue::from_static("Accept"));
            return Ok(ListOrFile(response, PhantomData));
        };
        let wanted = self.filters.integer("limit");
        let export = Export {
            database,
            read,
            wanted: wanted.and_then(|limit| limit.try_into().ok()),
            descending: self.order == Order::Descending,
            filters: self.filters,
            after: self.after,
            request_id: self.request_id,
            is_csv: self.format == Format::Csv,
        };
        let response = export.start(file).await?;
        Ok(ListOrFile(response, PhantomData))
    }
}

/// A page of a list of `R`, or all that follows as a file.
pub struct ListOrFile<R>(Response, PhantomData<fn() -> R>);

impl<R> IntoResponse for ListOrFile<R> {
    fn into_response(self) -> Response {
        self.0
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
