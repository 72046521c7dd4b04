//! What the extractors take and the answers give, for the document of the API.

use aide::generate::GenContext;
use aide::openapi::{
    Header, HeaderStyle, MediaType, Operation, ParameterSchemaOrContent, ReferenceOr, RequestBody,
    Response, SchemaObject,
};
use aide::operation::{ParamLocation, add_parameters, parameters_from_schema, set_body};
use aide::{OperationInput, OperationOutput};
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::page;
use crate::{
    ApiError, Body, Declared, Field, FromBody, Id, IdempotentBody, IfMatch, List, ListOrFile,
    ListQuery, Listed, Presence, Query, RawBody, StoredResponse, Told, Unavailable,
};

fn schema(value: Value) -> Schema {
    Schema::try_from(value).unwrap_or_default()
}

fn object(json_schema: Schema) -> SchemaObject {
    SchemaObject {
        json_schema,
        external_docs: None,
        example: None,
    }
}

fn add(ctx: &mut GenContext, operation: &mut Operation, location: ParamLocation, fields: Value) {
    let parameters = parameters_from_schema(ctx, schema(fields), location);
    add_parameters(ctx, operation, parameters);
}

fn header(ctx: &mut GenContext, operation: &mut Operation, name: &str, schema: &Value) {
    let fields = json!({"type": "object", "properties": {name: schema}});
    add(ctx, operation, ParamLocation::Header, fields);
}

fn body<T: FromBody>(ctx: &mut GenContext, operation: &mut Operation) {
    let media = MediaType {
        schema: Some(object(schema(T::schema()))),
        ..MediaType::default()
    };
    let body = RequestBody {
        content: IndexMap::from_iter([("application/json".to_owned(), media)]),
        required: !T::OPTIONAL,
        ..RequestBody::default()
    };
    set_body(ctx, operation, body);
}

/// Parameters of a query.
fn query(ctx: &mut GenContext, operation: &mut Operation, fields: &[Field]) {
    let required: Vec<_> = fields
        .iter()
        .filter(|field| field.presence == Presence::Required)
        .map(|field| field.name)
        .collect();
    // A parameter is there or not, but never null.
    let properties: serde_json::Map<String, Value> = fields
        .iter()
        .map(|field| {
            let mut schema = field.kind.schema();
            schema["description"] = field.doc.into();
            (field.name.to_owned(), schema)
        })
        .collect();
    let fields = json!({"type": "object", "properties": properties, "required": required});
    add(ctx, operation, ParamLocation::Query, fields);
}

impl<T: Declared> OperationInput for Query<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        query(ctx, operation, &T::fields());
    }
}

impl<T: Listed> OperationInput for ListQuery<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        query(ctx, operation, &page::fields::<T>());
    }
}

impl OperationInput for Id {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let properties = json!({"id": {"type": "string"}});
        let fields = json!({"type": "object", "properties": properties, "required": ["id"]});
        add(ctx, operation, ParamLocation::Path, fields);
    }
}

impl<T: FromBody> OperationInput for Body<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        body::<T>(ctx, operation);
    }
}

/// What it takes only its handler knows; the document says it (see its test).
impl OperationInput for RawBody {}

impl<T: FromBody> OperationInput for IdempotentBody<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        header(
            ctx,
            operation,
            "Idempotency-Key",
            &json!({
                "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$",
                "description": "Sent again within a day with the same body, the request gets the first answer and has \
                                no second effect.",
            }),
        );
        body::<T>(ctx, operation);
    }
}

impl OperationInput for IfMatch {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        header(
            ctx,
            operation,
            "If-Match",
            &json!({"type": "string", "description": "The ETag that the row must still have."}),
        );
    }
}

fn response<T: JsonSchema>(
    ctx: &mut GenContext,
    description: &str,
    headers: &[(&str, &str)],
) -> Response {
    let media = MediaType {
        schema: Some(object(ctx.schema.subschema_for::<T>())),
        ..MediaType::default()
    };
    let headers = headers.iter().map(|(name, description)| {
        let header = Header {
            description: Some((*description).to_owned()),
            style: HeaderStyle::Simple,
            required: false,
            deprecated: None,
            format: ParameterSchemaOrContent::Schema(object(schema(json!({"type": "string"})))),
            example: None,
            examples: IndexMap::new(),
            extensions: IndexMap::new(),
        };
        ((*name).to_owned(), ReferenceOr::Item(header))
    });
    Response {
        description: description.to_owned(),
        headers: headers.collect(),
        content: IndexMap::from_iter([("application/json".to_owned(), media)]),
        ..Response::default()
    }
}

const ETAG: (&str, &str) = ("ETag", "The row's version.");

impl<T: JsonSchema> OperationOutput for List<T> {
    type Inner = Vec<T>;

    fn inferred_responses(ctx: &mut GenContext, _: &mut Operation) -> Vec<(Option<u16>, Response)> {
        let link = (
            "Link",
            "Where more rows follow: `<...>; rel=\"next\"`, the address of the next page.",
        );
        vec![(Some(200), response::<Vec<T>>(ctx, "The rows.", &[link]))]
    }
}

impl<T: JsonSchema> OperationOutput for ListOrFile<T> {
    type Inner = Vec<T>;

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, Response)> {
        let mut responses = List::<T>::inferred_responses(ctx, operation);
        for (_, response) in &mut responses {
            for kind in ["text/csv", "application/x-ndjson"] {
                let media = MediaType {
                    schema: Some(object(schema(json!({"type": "string"})))),
                    ..MediaType::default()
                };
                response.content.insert(kind.to_owned(), media);
            }
        }
        responses
    }
}

impl<T: JsonSchema> OperationOutput for Told<T> {
    type Inner = T;

    fn inferred_responses(ctx: &mut GenContext, _: &mut Operation) -> Vec<(Option<u16>, Response)> {
        vec![(Some(200), response::<T>(ctx, "The row.", &[ETAG]))]
    }
}

impl<T: JsonSchema> OperationOutput for StoredResponse<T> {
    type Inner = T;

    fn inferred_responses(ctx: &mut GenContext, _: &mut Operation) -> Vec<(Option<u16>, Response)> {
        let headers = [
            ("Location", "The path of what was made, where it has one."),
            ("ETag", "The row's version, where it has one."),
            (
                "Idempotency-Replayed",
                "`true` where this is the answer to an earlier request.",
            ),
        ];
        vec![(Some(201), response::<T>(ctx, "It is stored.", &headers))]
    }
}

impl<T: JsonSchema> OperationOutput for Unavailable<T> {
    type Inner = T;

    fn inferred_responses(ctx: &mut GenContext, _: &mut Operation) -> Vec<(Option<u16>, Response)> {
        let headers = [("Retry-After", "After how many seconds to try again.")];
        vec![(Some(503), response::<T>(ctx, "Not now.", &headers))]
    }
}

/// Which errors there are follows from what a request has; the document adds them (see its test).
impl OperationOutput for ApiError {
    type Inner = ();
}
