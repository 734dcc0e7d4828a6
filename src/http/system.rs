//! For those who run the daemon: is it alive, is it ready, its numbers, its description.

use super::{AppState, Problem};
use crate::service::ServiceError;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(docs))
}

/// `/openapi.json`: the description of all routes, OpenAPI 3.1.
pub fn openapi_route(api: OpenApi) -> Router<AppState> {
    let api = Arc::new(api);
    Router::new().route("/openapi.json", get(move || async move { Json((*api).clone()) }))
}

/// What `/readyz` found.
#[derive(Serialize, utoipa::ToSchema)]
struct Ready {
    /// Always true: what isn't ready answers 503.
    ready: bool,
    /// The book's clock, RFC 3339.
    now: String,
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "system", responses((status = 200, body = str)))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// The database answers and its schema is the one this daemon knows.
#[utoipa::path(get, path = "/readyz", tag = "system", responses((status = 200, body = Ready), (status = 503, body = Problem)))]
async fn readyz(State(state): State<AppState>) -> Result<Json<Ready>, Problem> {
    let now = state.book.now().await.map_err(|error| match error {
        ServiceError::Internal(detail) => {
            ServiceError::Unavailable { retry_after: std::time::Duration::from_secs(1), detail }
        }
        other => other,
    })?;
    Ok(Json(Ready { ready: true, now: now.to_rfc3339() }))
}

/// The daemon's numbers in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "system", responses((status = 200, body = str)))]
async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], state.metrics.render())
}

/// The page that shows this description; needs nothing from elsewhere.
const DOCS: &str = include_str!("../../web/docs.html");

/// This description, to read and search in a browser.
#[utoipa::path(get, path = "/docs", tag = "system", responses((status = 200, body = str)))]
async fn docs() -> impl IntoResponse {
    let policy =
        "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)], DOCS)
}
