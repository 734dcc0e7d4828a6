//! `customer retention`: who is to be forgotten because nobody has heard of them for long, and keeping somebody.

use super::failure::Outcome;
use super::output::{FormatArg, table, text, wall};
use super::session::Session;
use crate::service::profile::resolve;
use crate::service::retention::{self, ListedView};
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use domain::ids::CustomerId;

/// See who is to be forgotten because nobody has heard of them for long, and keep somebody
#[derive(Debug, Subcommand)]
pub enum Retention {
    List(List),
    Veto(Veto),
}

/// List people who are to be forgotten, and those kept by a veto
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper customer retention list --format json")]
pub struct List {
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
    /// Go on after this customer
    #[arg(long, value_name = "ID")]
    after: Option<CustomerId>,
    #[command(flatten)]
    format: FormatArg,
}

/// Keep somebody who is on the list, for as long again as people are kept
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kinkeeper customer retention veto cus_42 --reason \"guarantee until 2028\""
)]
pub struct Veto {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    /// Why, for those who will ask
    #[arg(long)]
    reason: String,
}

impl Retention {
    pub async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        match self {
            Self::List(List { limit, after, format }) => {
                let zone = session.zone().await?;
                let found = retention::list(book, after, limit).await?;
                format.print(&found, |found| listed_text(found, zone))
            }
            Self::Veto(Veto { customer, reason }) => {
                let id = resolve(book, &customer).await?;
                retention::veto(book, id, &reason, &session.actor).await?;
                text(&format!("{id} is kept"))
            }
        }
    }
}

fn listed_text(found: &[ListedView], zone: Tz) -> String {
    if found.is_empty() {
        return "nobody".to_owned();
    }
    let row = |one: &ListedView| {
        let kept = one.vetoed_at.map(|at| format!("kept since {}", wall(at, zone)));
        let because = one.veto_reason.clone().unwrap_or_default();
        let until = format!("forgotten from {}", wall(one.due_at, zone));
        [one.customer.to_string(), wall(one.listed_at, zone), kept.unwrap_or(until), because]
    };
    table(["customer", "listed", "", "why"], found.iter().map(row))
}
