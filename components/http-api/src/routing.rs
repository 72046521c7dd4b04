//! Route tables.
//!
//! Outside of a component a table also knows what its handlers take and give, from which the document of the API is
//! made; a component has the routes alone, since an instance makes its table anew.

#[cfg(target_family = "wasm")]
mod plain {
    use axum::Router;
    use axum::handler::Handler;
    use axum::routing::MethodRouter;

    /// The routes of a group.
    pub type Table<S> = Router<S>;
    /// The methods of a path.
    pub type Methods<S> = MethodRouter<S>;

    macro_rules! methods {
        ($($method:ident)*) => {$(
            /// A handler for the method.
            pub fn $method<H, T, S>(_: &'static str, handler: H) -> Methods<S>
            where
                H: Handler<T, S>,
                S: Clone + Send + Sync + 'static,
                T: 'static,
            {
                axum::routing::$method(handler)
            }
        )*};
    }

    methods! { get post put patch delete }

    /// Adds a path to a table.
    pub fn path<S>(table: Table<S>, path: &str, methods: Methods<S>) -> Table<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        table.route(path, methods)
    }

    /// The router that a table stands for.
    pub fn router<S>(table: Table<S>, state: S) -> Router
    where
        S: Clone + Send + Sync + 'static,
    {
        table.with_state(state)
    }
}

#[cfg(not(target_family = "wasm"))]
mod documented {
    use aide::axum::ApiRouter;
    use aide::axum::routing::{self, ApiMethodRouter};
    use aide::openapi::OpenApi;
    use aide::operation::OperationHandler;
    use aide::{OperationInput, OperationOutput};
    use axum::Router;
    use axum::handler::Handler;

    /// The routes of a group.
    pub type Table<S> = ApiRouter<S>;
    /// The methods of a path.
    pub type Methods<S> = ApiMethodRouter<S>;

    macro_rules! methods {
        ($($method:ident $method_with:ident)*) => {$(
            /// A handler for the method, and what it does in a sentence.
            pub fn $method<H, I, O, T, S>(summary: &'static str, handler: H) -> Methods<S>
            where
                H: Handler<T, S> + OperationHandler<I, O>,
                I: OperationInput,
                O: OperationOutput,
                S: Clone + Send + Sync + 'static,
                T: 'static,
            {
                routing::$method_with(handler, |operation| operation.summary(summary))
            }
        )*};
    }

    methods! { get get_with post post_with put put_with patch patch_with delete delete_with }

    /// Adds a path to a table.
    pub fn path<S>(table: Table<S>, path: &str, methods: Methods<S>) -> Table<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        table.api_route(path, methods)
    }

    /// The router that a table stands for.
    pub fn router<S>(table: Table<S>, state: S) -> Router
    where
        S: Clone + Send + Sync + 'static,
    {
        table.with_state(state).finish_api(&mut OpenApi::default())
    }
}

#[cfg(not(target_family = "wasm"))]
pub use documented::*;
#[cfg(target_family = "wasm")]
pub use plain::*;
