//! Errors as RFC 9457 problem+json. The one place where a service error becomes a status code.

use super::trace::TraceId;
use crate::service::ServiceError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// `application/problem+json`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub title: &'static str,
    pub status: u16,
    /// Stable machine-readable word.
    pub code: &'static str,
    /// What is wrong with this request, and what would help.
    pub detail: String,
    /// What the daemon's log calls this request; the same as the answer's `X-Request-Id`.
    #[schema(value_type = Option<String>)]
    pub trace_id: TraceId,
    /// Every problem found with the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    #[serde(skip)]
    #[schema(ignore)]
    pub retry_after_seconds: Option<u64>,
    #[serde(skip)]
    #[schema(ignore)]
    pub reader: Reader,
}

/// Who is to understand a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    Anybody,
    /// The SDKs of Segment and RudderStack, which look for the detail under `message`. Without it RudderStack's takes
    /// a refusal for a broken network, and sends again for minutes.
    Sdks,
}

/// As [`Reader::Sdks`] has it.
#[derive(Serialize)]
struct WithMessage<'a> {
    #[serde(flatten)]
    problem: &'a Problem,
    message: &'a str,
}

/// One problem with one place of the input.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    pub at: String,
    pub code: String,
    pub detail: String,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            trace_id: TraceId,
            errors: Vec::new(),
            retry_after_seconds: None,
            reader: Reader::Anybody,
        }
    }

    /// As the SDKs of Segment and RudderStack read it.
    #[must_use]
    pub fn for_sdks(self) -> Self {
        Self { reader: Reader::Sdks, ..self }
    }

    pub fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }
    pub fn no_such_method(path: &str, method: &axum::http::Method) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("{path} has no {method}"))
    }
    /// A defect; what it was goes to the log.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        ServiceError::Internal(error.to_string()).into()
    }
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} was not found"))
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound(what) => Self::not_found(&what),
            ServiceError::Invalid(problems) => {
                let detail = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                let errors = problems
                    .into_iter()
                    .map(|p| FieldError { at: p.at, code: p.code.to_owned(), detail: p.detail })
                    .collect();
                Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) }
            }
            ServiceError::Conflict(detail) => Self::new(StatusCode::CONFLICT, "conflict", detail),
            ServiceError::Forbidden(detail) => Self::forbidden(detail),
            ServiceError::TooMany { retry_after, detail } => Self {
                retry_after_seconds: Some(retry_after.as_secs().max(1)),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
            },
            ServiceError::Unavailable { retry_after, detail } => {
                tracing::warn!(%detail, "a request could not be taken");
                let answer = "the database can't take this just now; try again after Retry-After";
                Self {
                    retry_after_seconds: Some(retry_after.as_secs().max(1)),
                    ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", answer)
                }
            }
            ServiceError::Internal(detail) => {
                tracing::error!(%detail, "a request failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "this is our fault; the daemon's log says more",
                )
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after_seconds;
        let mut response = match self.reader {
            Reader::Anybody => (status, axum::Json(self)).into_response(),
            Reader::Sdks => {
                let with_message = WithMessage { problem: &self, message: &self.detail };
                (status, axum::Json(with_message)).into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer, Basic"));
        }
        response
    }
}
