//! The members of a segment, or of whom a rule holds, by id: read page by page, so that a segment of any size passes through a fixed
//! amount of memory.

use super::super::segments::Member;
use super::super::{Book, ServiceError};
use super::whom::Stands;
use super::{MOST, Question, among};
use crate::store::rule_sql::{self, Asking};
use crate::store::segments::{self as store, MemberRow};
use crate::store::{Lane, StoreError, audit, profiles};
use domain::ids::CustomerId;
use domain::segment::{Hand, node_key};
use serde_json::json;

/// Members written out at a time.
const AT_ONCE: i64 = 5_000;

/// How members are written out, a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFormat {
    /// For spreadsheets, with a header; nothing in it is taken for a formula.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// Whom to tell one after the other, all as of one instant.
pub struct Roll {
    question: Question,
    asking: Asking,
    after: CustomerId,
}

/// Members behind `after`.
pub async fn roll(book: &Book, question: Question, after: CustomerId) -> Result<Roll, ServiceError> {
    let now = book.now().await?;
    let asking = among(book, question.catalogue.clone(), &[question.whole.rule()], now).await?;
    Ok(Roll { question, asking, after })
}

impl LineFormat {
    /// What stands before the first member.
    pub fn head(self) -> Result<Vec<u8>, ServiceError> {
        match self {
            Self::Csv => csv_lines([Member::COLUMNS.map(str::to_owned)]),
            Self::Ndjson => Ok(Vec::new()),
        }
    }

    fn lines(self, members: &[Member]) -> Result<Vec<u8>, ServiceError> {
        if self == Self::Csv {
            return csv_lines(members.iter().map(Member::fields));
        }
        let mut text = Vec::new();
        for member in members {
            serde_json::to_writer(&mut text, member).map_err(unwritable)?;
            text.push(b'\n');
        }
        Ok(text)
    }
}

fn csv_lines(rows: impl IntoIterator<Item = [String; 4]>) -> Result<Vec<u8>, ServiceError> {
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in rows {
        table.write_record(row).map_err(unwritable)?;
    }
    table.into_inner().map_err(unwritable)
}

/// Nothing of a member can't be written; whatever is wrong isn't the caller's doing.
fn unwritable(error: impl std::fmt::Display) -> ServiceError {
    ServiceError::Internal(format!("a member can't be written as a line: {error}"))
}

impl Roll {
    /// The lines of the next members; `None` at the end.
    pub async fn lines(&mut self, book: &Book, format: LineFormat) -> Result<Option<Vec<u8>>, ServiceError> {
        let members = self.page(book, AT_ONCE).await?;
        if members.is_empty() { Ok(None) } else { format.lines(&members).map(Some) }
    }

    /// The next members, at most so many; nobody at the end.
    pub async fn page(&mut self, book: &Book, limit: i64) -> Result<Vec<Member>, ServiceError> {
        let rows = match (self.question.stands, &self.question.key) {
            (Stands::Kept, Some(key)) => store::members(book.store.reader(), key, self.after, limit)
                .await?
                .into_iter()
                .map(|MemberRow { customer, since, by_hand }| (customer, Some(since), by_hand))
                .collect(),
            _ => self.ask(book, limit).await?,
        };
        let ids: Vec<CustomerId> = rows.iter().map(|(id, ..)| *id).collect();
        let mut own = profiles::user_ids(book.store.reader(), &ids).await?;
        self.after = ids.last().copied().unwrap_or(self.after);
        let member = |(customer, since, by_hand)| Member {
            customer,
            customer_id: own.remove(&customer),
            since,
            by_hand,
        };
        Ok(rows.into_iter().map(member).collect())
    }

    async fn ask(
        &self,
        book: &Book,
        limit: i64,
    ) -> Result<Vec<(CustomerId, Option<domain::time::Instant>, bool)>, ServiceError> {
        let (whole, asking, after) = (self.question.whole.clone(), self.asking.clone(), self.after);
        let pinned_to = self.question.key.as_deref().filter(|_| self.question.stands == Stands::Pinned);
        let node = pinned_to.map(node_key);
        let found = book.store.ask(MOST, move |db| {
            Box::pin(async move {
                let ids = rule_sql::page(db, &whole, &asking, after, limit).await?;
                let pinned = match &node {
                    Some(node) => profiles::having_tag(db, &ids, (node, Some(Hand::Pinned.as_str()))).await?,
                    None => Default::default(),
                };
                Ok(ids.into_iter().map(|id| (id, None, pinned.contains(&id))).collect())
            })
        });
        Ok(found.await?)
    }
}

/// Puts down who took the members out.
pub async fn record_taken_out(book: &Book, question: &Question, actor: &str) -> Result<(), ServiceError> {
    let entry = audit::Entry {
        at: book.now().await?,
        actor: actor.to_owned(),
        action: "segment.members_exported".to_owned(),
        subject: question.key.as_deref().map_or_else(|| "book".to_owned(), node_key),
        detail: json!({}),
    };
    book.store
        .write(Lane::People, move |tx| Box::pin(audit::record(tx, entry)))
        .await
        .map_err(|error: StoreError| error.into())
}
