//! The HTTP doors: routes, who may use them, and errors as problem+json. Use cases live in `service`;
//! nothing here reaches the store.

mod auth;
mod hooks;
mod limits;
mod listen;
mod once;
mod problem;
mod public;
mod rate;
mod segment_spec;
mod system;
mod trace;
mod v1;

pub use listen::serve;
pub use problem::Problem;
pub use rate::{Limiter, Rate};

use crate::service::Book;
use crate::service::hooks::Hooks;
use crate::worker::Alarm;
use axum::Router;
use axum::http::StatusCode;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

/// What every handler may use.
#[derive(Clone)]
pub struct AppState {
    pub book: Arc<Book>,
    /// Rung after a request made work, so that nobody waits for the next poll.
    pub alarm: Alarm,
    /// How often a write key may send.
    limiter: Arc<Limiter>,
    /// Who pushes.
    hooks: Arc<Hooks>,
    metrics: PrometheusHandle,
}

impl AppState {
    pub fn new(
        book: Arc<Book>,
        alarm: Alarm,
        limiter: Arc<Limiter>,
        hooks: Arc<Hooks>,
        metrics: PrometheusHandle,
    ) -> Self {
        Self { book, alarm, limiter, hooks, metrics }
    }
}

/// Largest request body. Ingest has its own, smaller limits inside it.
const BODY_LIMIT: usize = 1024 * 1024;
const TIME_LIMIT: Duration = Duration::from_secs(10);

#[derive(OpenApi)]
#[openapi(info(
    title = "kinkeeper",
    description = "Customer tags right at every instant, and the caring that follows.",
    license(name = "MIT OR Apache-2.0")
), modifiers(&BearerKey))]
struct Api;

/// How the API's keys are sent.
struct BearerKey;

impl utoipa::Modify for BearerKey {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("kk_<id>_<secret>")
            .description(Some("`kinkeeper key create --role ROLE` makes one"))
            .build();
        let components = api.components.get_or_insert_with(Default::default);
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// The routes that are described, `v1` as it is guarded.
fn described(v1: OpenApiRouter<AppState>) -> (Router<AppState>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Api::openapi())
        .merge(segment_spec::routes())
        .merge(hooks::routes())
        .merge(system::routes())
        .merge(public::routes())
        .merge(v1)
        .split_for_parts()
}

/// What `/openapi.json` answers.
pub fn description() -> utoipa::openapi::OpenApi {
    described(v1::routes()).1
}

/// All routes.
pub fn router(state: AppState) -> Router {
    let once = axum::middleware::from_fn_with_state(state.clone(), once::once);
    let guard = axum::middleware::from_fn_with_state(state.clone(), auth::guard);
    let (routes, api) = described(v1::routes().layer(once).layer(guard));
    routes
        .merge(system::openapi_route(api))
        .fallback(|| async { Problem::not_found("this path") })
        .method_not_allowed_fallback(|request: axum::extract::Request| async move {
            Problem::no_such_method(request.uri().path(), request.method())
        })
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIME_LIMIT))
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(|_| {
            axum::response::IntoResponse::into_response(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "this is our fault; the daemon's log says more",
            ))
        }))
        .layer(axum::middleware::from_fn(limits::keep))
        .layer(axum::middleware::from_fn_with_state(state.clone(), trace::follow))
        .with_state(state)
}
