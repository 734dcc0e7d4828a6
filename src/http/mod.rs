//! The HTTP doors: routes, who may use them, and errors as problem+json. Use cases live in `service`;
//! nothing here reaches the store.

mod problem;
mod system;

pub use problem::Problem;

use crate::service::Book;
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
use utoipa_axum::router::OpenApiRouter;

/// What every handler may use.
#[derive(Clone)]
pub struct AppState {
    pub book: Arc<Book>,
    /// Rung after a request made work, so that nobody waits for the next poll.
    pub alarm: Alarm,
    metrics: PrometheusHandle,
}

impl AppState {
    pub fn new(book: Arc<Book>, alarm: Alarm, metrics: PrometheusHandle) -> Self {
        Self { book, alarm, metrics }
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
))]
struct Api;

/// All routes.
pub fn router(state: AppState) -> Router {
    let (routes, api) = OpenApiRouter::with_openapi(Api::openapi()).merge(system::routes()).split_for_parts();
    routes
        .merge(system::openapi_route(api))
        .fallback(|| async { Problem::not_found("this path") })
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIME_LIMIT))
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(|_| {
            axum::response::IntoResponse::into_response(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "this is our fault; the daemon's log says more",
            ))
        }))
        .with_state(state)
}
