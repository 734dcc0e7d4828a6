//! Asking who is in a segment, or would be: previews while somebody writes a rule, and members.

use super::segments::unreadable;
use super::{AppState, Problem, request};
use crate::http::auth::Principal;
use crate::service::asking::{self, CountedBy, LineFormat, Roll, SegmentCount, SegmentPreview, Whom};
use crate::service::segments::{self, Members};
use crate::service::{Book, ServiceError};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::ids::CustomerId;
use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Whom to look for: exactly one of these.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewBody {
    /// A published segment's: its members.
    #[schema(example = "recent_buyers")]
    key: Option<String>,
    /// A rule: those of whom it holds.
    #[schema(value_type = Option<Object>, example = json!({"profile": "last_order_at", "within": "30d"}))]
    rule: Option<Value>,
    /// A segment's document as it is being written, also checked against the others: those of whom its rule holds.
    #[schema(value_type = Option<Object>)]
    document: Option<Value>,
}

impl PreviewBody {
    fn whom(self) -> Result<Whom, ServiceError> {
        match (self.key, self.rule, self.document) {
            (Some(key), None, None) => Ok(Whom::Segment(key)),
            (None, Some(rule), None) => Ok(Whom::Rule(rule)),
            (None, None, Some(document)) => Ok(Whom::Document(document)),
            _ => {
                let detail = "give one of key (a published segment), rule and document (a segment's)";
                Err(ServiceError::invalid("", "one_of", detail))
            }
        }
    }
}

/// Whom to count, exactly one of `key`, `rule` and `document`, and how.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountBody {
    /// A published segment's: its members.
    #[schema(example = "recent_buyers")]
    key: Option<String>,
    /// A rule: those of whom it holds.
    #[schema(value_type = Option<Object>, example = json!({"profile": "last_order_at", "within": "30d"}))]
    rule: Option<Value>,
    /// A segment's document as it is being written, also checked against the others: those of whom its rule holds.
    #[schema(value_type = Option<Object>)]
    document: Option<Value>,
    /// `columns`, `sample` or `database`; the quickest that there is just now if left out.
    #[schema(example = "sample")]
    by: Option<String>,
}

/// How many customers a segment or a rule means, while somebody types: at once, and perhaps estimated. The exact number with what each
/// condition leaves is `preview`'s. Given up after 8 s.
#[utoipa::path(
    post,
    path = "/api/v1/segments/count",
    tag = "segments",
    request_body = CountBody,
    responses(
        (status = 200, body = SegmentCount),
        (status = 400, body = Problem, description = "not JSON of this form, or no such `by`"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem, description = "no such segment"),
        (status = 409, body = Problem, description = "a property that no index is kept of, and too much to look at without"),
        (status = 413, body = Problem),
        (status = 422, body = Problem, description = "what is wrong with the rule, place by place"),
        (status = 503, body = Problem, description = "it took too long; ask less at once"),
    ),
    security(("key" = []))
)]
pub async fn count(
    State(state): State<AppState>,
    _: Principal,
    sent: Bytes,
) -> Result<Json<SegmentCount>, Problem> {
    let CountBody { key, rule, document, by } = request::body::<CountBody>(&sent)?;
    let ways = CountedBy::ALL.map(CountedBy::as_str).into_iter();
    let by = by.map(|by| request::word(&by, "by", ways, CountedBy::parse)).transpose()?;
    let whom = PreviewBody { key, rule, document }.whom()?;
    let question = asking::question(&state.book, whom).await?;
    Ok(Json(asking::count_now(&state.book, question, by, asking::SOON).await?))
}

/// How many a segment or a rule means, what each of its conditions leaves, some of those who are meant, and the sentence, all as of one
/// instant. Nothing is published. Given up after 8 s.
#[utoipa::path(
    post,
    path = "/api/v1/segments/preview",
    tag = "segments",
    request_body = PreviewBody,
    responses(
        (status = 200, body = SegmentPreview),
        (status = 400, body = Problem, description = "not JSON of this form"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem, description = "no such segment"),
        (status = 409, body = Problem, description = "a property that no index is kept of"),
        (status = 413, body = Problem),
        (status = 422, body = Problem, description = "what is wrong with the rule, place by place"),
        (status = 503, body = Problem, description = "it took too long; ask less at once"),
    ),
    security(("key" = []))
)]
pub async fn preview(
    State(state): State<AppState>,
    principal: Principal,
    sent: Bytes,
) -> Result<Json<SegmentPreview>, Problem> {
    let whom = request::body::<PreviewBody>(&sent)?.whom()?;
    let question = asking::question(&state.book, whom).await?;
    Ok(Json(asking::preview(&state.book, question, asking::SOON, &principal.actor()).await?))
}

/// A page of members, or all of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MembersQuery {
    /// json: a page; csv, ndjson: all members, a line each, as they are read. json if left out.
    #[param(example = "csv")]
    format: Option<String>,
    /// Of a page: 1 to 1,000; 100 if left out.
    limit: Option<u32>,
    /// Of a page: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What `format` says.
#[derive(Debug, Clone, Copy)]
enum Form {
    Page,
    Lines(LineFormat),
}

impl MembersQuery {
    fn form(&self) -> Result<Form, Problem> {
        let read = |word: &str| match word {
            "json" => Some(Form::Page),
            "csv" => Some(Form::Lines(LineFormat::Csv)),
            "ndjson" => Some(Form::Lines(LineFormat::Ndjson)),
            _ => None,
        };
        let given = self.format.as_deref().unwrap_or("json");
        let form = request::word(given, "format", ["json", "csv", "ndjson"].into_iter(), read)?;
        if matches!(form, Form::Lines(_)) && (self.limit.is_some() || self.cursor.is_some()) {
            let detail =
                format!("{given} gives all members; leave limit and cursor out, or take format=json");
            return Err(Problem::bad_request("bad_query", detail));
        }
        Ok(form)
    }
}

/// The members of a segment, by id: of a live one or a list as last kept, of one on demand as found now.
#[utoipa::path(
    get,
    path = "/api/v1/segments/{key}/members",
    tag = "segments",
    params(("key" = String, Path, description = "the segment", example = "recent_buyers"), MembersQuery),
    responses(
        (status = 200, content((Members = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"))),
        (status = 400, body = Problem, description = "format, limit, or no such parameter"),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "on demand, with a property that no index is kept of"),
        (status = 422, body = Problem, description = "cursor"),
        (status = 503, body = Problem, description = "on demand, and it took too long; keep it live"),
    ),
    security(("key" = []))
)]
pub async fn members(
    State(state): State<AppState>,
    principal: Principal,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<MembersQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let (Path(key), page) = (path.map_err(unreadable)?, request::query(query)?);
    match page.form()? {
        Form::Page => {
            let limit = request::limit(page.limit, 100, 1..=segments::PAGE)?;
            let whom = Whom::Segment(key);
            Ok(Json(segments::members(&state.book, whom, page.cursor.as_deref(), limit).await?)
                .into_response())
        }
        Form::Lines(format) => Ok(written_out(state.book, key, format, &principal.actor()).await?),
    }
}

/// All members as lines. What goes wrong before the first of them is answered; what does later breaks the answer off.
async fn written_out(
    book: Arc<Book>,
    key: String,
    format: LineFormat,
    actor: &str,
) -> Result<Response, ServiceError> {
    let question = asking::question(&book, Whom::Segment(key.clone())).await?;
    asking::record_taken_out(&book, &question, actor).await?;
    let mut roll = asking::roll(&book, question, CustomerId(0)).await?;
    let mut begun = format.head()?;
    begun.extend(roll.lines(&book, format).await?.unwrap_or_default());
    let (kind, end) = match format {
        LineFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        LineFormat::Ndjson => ("application/x-ndjson", "ndjson"),
    };
    let further = stream::try_unfold((roll, book), move |(mut roll, book): (Roll, Arc<Book>)| async move {
        let lines = roll.lines(&book, format).await.inspect_err(|error| {
            tracing::warn!(%error, "members that were being sent break off");
        })?;
        Ok::<_, ServiceError>(lines.map(|lines| (lines, (roll, book))))
    });
    let body = Body::from_stream(stream::iter([Ok(begun)]).chain(further));
    let saved_as = format!("attachment; filename=\"{key}.{end}\"");
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, saved_as)];
    Ok((headers, body).into_response())
}
