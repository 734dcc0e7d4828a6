//! The audit log as people read it (审计): who did what to what, latest first.

use super::{Book, ServiceError, page};
use crate::store::audit::{self, Filter};
use domain::time::Instant;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Which entries; all of these that are given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    pub subject: Option<String>,
    pub actor: Option<String>,
    /// What the action begins with.
    pub action: Option<String>,
}

/// A page of entries.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditPage {
    pub items: Vec<AuditLine>,
    pub next_cursor: Option<String>,
}

/// One thing somebody did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditLine {
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// A member of staff by their key, `key:…`, `cli:<user>`, `customer` or `kinkeeper`.
    pub actor: String,
    /// Past tense.
    #[schema(example = "campaign.approved")]
    pub action: String,
    #[schema(example = "campaign:winback")]
    pub subject: String,
    #[schema(value_type = Object)]
    pub detail: Value,
}

pub async fn list(
    book: &Book,
    which: &Which,
    cursor: Option<&str>,
    limit: i64,
) -> Result<AuditPage, ServiceError> {
    let before = page::read_cursor(cursor, |text| text.parse().ok())?;
    let filter =
        Filter { subject: which.subject.clone(), actor: which.actor.clone(), action: which.action.clone() };
    let rows = audit::list(book.store.reader(), &filter, before, page::one_more(limit)).await?;
    let (rows, next_cursor) = page::cut(rows, limit, |(id, _)| id.to_string());
    let line = |(_, e): (i64, audit::Entry)| AuditLine {
        at: e.at,
        actor: e.actor,
        action: e.action,
        subject: e.subject,
        detail: e.detail,
    };
    Ok(AuditPage { items: rows.into_iter().map(line).collect(), next_cursor })
}
