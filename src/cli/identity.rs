//! `customer merge`, `unmerge`, `candidates`, `set`: who is who, as people decide it.

use super::failure::Outcome;
use super::output::{FormatArg, table};
use super::session::Session;
use crate::service::ServiceError;
use crate::service::identity::{self, CandidateView};
use crate::service::profile::resolve;
use clap::Args;
use domain::ids::CustomerId;

/// Make two customers one: everything of both is the first one's from now on
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper customer merge cus_42 cus_57 --reason \"same number, confirmed by phone\"")]
pub struct Merge {
    /// Who stays: cus_42, or KIND:VALUE
    #[arg(value_name = "KEPT")]
    kept: String,
    /// Who is one with them
    #[arg(value_name = "OTHER")]
    other: String,
    /// Why, for those who will ask
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    format: FormatArg,
}

/// Give a merged customer back what was theirs
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper customer unmerge cus_57 --reason \"two sisters\"")]
pub struct Unmerge {
    /// The customer that was merged, by the id it had: cus_57
    #[arg(value_name = "ID")]
    customer: CustomerId,
    /// Why, for those who will ask
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    format: FormatArg,
}

/// List pairs of customers that may be one
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper customer candidates
  kinkeeper customer candidates --limit 500 --format json")]
pub struct Candidates {
    /// How many at the most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
    #[command(flatten)]
    format: FormatArg,
}

/// Say what kind of account a customer has
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper customer set cus_42 account_kind=reseller")]
pub struct Set {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    /// consumer, reseller, staff, test or brushing
    #[arg(value_name = "account_kind=KIND")]
    field: String,
    #[command(flatten)]
    format: FormatArg,
}

impl Merge {
    pub async fn run(self, session: &Session) -> Outcome {
        let Self { kept, other, reason, format } = self;
        let book = &session.app.book;
        let (kept, other) = (resolve(book, &kept).await?, resolve(book, &other).await?);
        let done = identity::merge(book, kept, other, &session.actor, reason.as_deref()).await?;
        format.print(&done, |done| {
            let named: Vec<String> = done.merged_from.iter().map(ToString::to_string).collect();
            format!("{} is one with {} now", done.customer, named.join(", "))
        })
    }
}

impl Unmerge {
    pub async fn run(self, session: &Session) -> Outcome {
        let Self { customer, reason, format } = self;
        let book = &session.app.book;
        let done = identity::unmerge(book, customer, &session.actor, reason.as_deref()).await?;
        format.print(&done, |done| {
            format!("{} has back what was theirs from {}", done.customer, done.parted_from)
        })
    }
}

impl Candidates {
    pub async fn run(self, session: &Session) -> Outcome {
        let Self { limit, format } = self;
        let book = &session.app.book;
        let found = identity::candidates(book, limit).await?;
        format.print(&found, |found| pairs(found))
    }
}

impl Set {
    pub async fn run(self, session: &Session) -> Outcome {
        let Self { customer, field, format } = self;
        let book = &session.app.book;
        let Some(("account_kind", kind)) = field.split_once('=') else {
            let detail = format!("\"{field}\" can't be set; write account_kind=KIND");
            return Err(ServiceError::invalid("field", "unknown_field", detail).into());
        };
        let id = resolve(book, &customer).await?;
        let done = identity::set_account_kind(book, id, kind, &session.actor).await?;
        format.print(&done, |done| {
            format!("{} is a {} account now, was {}", done.customer, done.account_kind, done.before)
        })
    }
}

fn pairs(found: &[CandidateView]) -> String {
    if found.is_empty() {
        return "no pairs to look at".to_owned();
    }
    let shown = |id: CustomerId, user: &Option<String>| match user {
        Some(user) => format!("{id} ({user})"),
        None => id.to_string(),
    };
    table(
        ["first", "second", "share", "since"],
        found.iter().map(|pair| {
            [
                shown(pair.first, &pair.first_user_id),
                shown(pair.second, &pair.second_user_id),
                pair.by.clone(),
                pair.seen_at.to_rfc3339(),
            ]
        }),
    )
}
