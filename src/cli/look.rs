//! `customer search`, `timeline`, `note`, `erase`, `access-log`: finding somebody, what happened, what to remember or to
//! forget, who looked.

use super::failure::Outcome;
use super::output::{Assent, FormatArg, table, text, wall};
use super::session::Session;
use crate::service::erasing;
use crate::service::happened::{self, History, HistoryLine};
use crate::service::looking::{self, Looks};
use crate::service::profile::resolve;
use crate::service::search::{self, Found, Search as Wanted};
use chrono_tz::Tz;
use clap::Args;

/// Find customers by an id, a number, an address, an order, a part of a name, a tag, or a segment
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper customer search lin
  kinkeeper customer search --tag value_tier=diamond --limit 50")]
pub struct Search {
    /// What is in hand; all customers if left out
    q: Option<String>,
    /// Only those with this tag: churn_risk, or value_tier=diamond
    #[arg(long)]
    tag: Option<String>,
    /// Only members of this segment, live or a list
    #[arg(long, conflicts_with = "tag")]
    segment: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=search::PAGE))]
    limit: i64,
    /// Go on after this cursor, as printed with the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    #[command(flatten)]
    format: FormatArg,
}

impl Search {
    pub async fn run(self, session: &Session) -> Outcome {
        let Self { q, tag, segment, limit, after, format } = self;
        let wanted = Wanted { q, tag, segment, cursor: after, limit };
        let found = search::search(&session.app.book, &wanted, &session.actor).await?;
        format.print(&found, found_text)
    }
}

fn found_text(found: &Found) -> String {
    if found.items.is_empty() {
        return "nobody".to_owned();
    }
    let body = table(
        ["customer", "shop's id", "name", "contacts", "tier", "found by"],
        found.items.iter().map(|c| {
            [
                c.id.to_string(),
                c.customer_id.clone().unwrap_or_default(),
                c.name.clone().unwrap_or_default(),
                c.contacts.join(", "),
                c.tags.get("value_tier").cloned().unwrap_or_default(),
                c.matched_by.to_owned(),
            ]
        }),
    );
    more(body, found.next_cursor.as_deref())
}

fn more(body: String, cursor: Option<&str>) -> String {
    match cursor {
        Some(cursor) => format!("{body}\n\nmore: --after '{cursor}'"),
        None => body,
    }
}

/// All that happened with a customer, latest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper customer timeline user_id:12346")]
pub struct Timeline {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    /// At most so many
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=happened::PAGE))]
    limit: i64,
    /// Go on after this cursor, as printed with the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    #[command(flatten)]
    format: FormatArg,
}

impl Timeline {
    pub async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        let id = resolve(book, &self.customer).await?;
        let zone = session.zone().await?;
        let found = happened::history(book, id, self.after.as_deref(), self.limit).await?;
        looking::viewed(book, &session.actor, id).await?;
        self.format.print(&found, |found| history_text(found, zone))
    }
}

fn history_text(found: &History, zone: Tz) -> String {
    if found.items.is_empty() {
        return "nothing yet".to_owned();
    }
    let row = |line: &HistoryLine| {
        let amount = line.amount.map(|amount| amount.to_string()).unwrap_or_default();
        let told = [line.about.clone(), line.became.clone(), Some(amount), line.why.clone()];
        let told: Vec<String> = told.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        [wall(line.at, zone), line.kind.to_owned(), line.what.clone(), told.join(" · ")]
    };
    more(table(["when", "", "what", ""], found.items.iter().map(row)), found.next_cursor.as_deref())
}

/// Write something down about a customer
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper customer note cus_42 \"prefers to be called after six\"")]
pub struct Note {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    text: String,
}

impl Note {
    pub async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        let id = resolve(book, &self.customer).await?;
        happened::add_note(book, id, &self.text, &session.actor).await?;
        text(&format!("noted about {id}"))
    }
}

/// Forget a person for good: contact points, names, birthday, traits, free text. Sums stay under a number
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kinkeeper customer erase user_id:12346 --reason \"asked by letter, 2026-09-25\""
)]
pub struct Erase {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    /// Why, for those who will ask; nothing about the person
    #[arg(long)]
    reason: String,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl Erase {
    pub async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        let id = resolve(book, &self.customer).await?;
        Assent::from_flag(self.yes).require(&format!("Forget {id}? It can't be taken back."))?;
        let done = erasing::erase(book, id, &self.reason, &session.actor).await?;
        self.format.print(&done, |done| match done.already {
            true => format!("{} was erased at {} already", done.customer, done.erased_at),
            false => format!(
                "{} is erased: {} contact points suppressed, {} mails kept as files removed",
                done.customer, done.suppressed, done.mails_removed
            ),
        })
    }
}

/// Who looked at a customer, latest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper customer access-log cus_42")]
pub struct AccessLog {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=200))]
    limit: i64,
    /// Go on after this cursor, as printed with the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    #[command(flatten)]
    format: FormatArg,
}

impl AccessLog {
    pub async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        let id = resolve(book, &self.customer).await?;
        let zone = session.zone().await?;
        let found = looking::list(book, id, self.after.as_deref(), self.limit).await?;
        self.format.print(&found, |found| looks_text(found, zone))
    }
}

fn looks_text(found: &Looks, zone: Tz) -> String {
    if found.items.is_empty() {
        return "nobody yet".to_owned();
    }
    let rows = found.items.iter().map(|look| [wall(look.at, zone), look.actor.clone(), look.act.to_owned()]);
    more(table(["when", "who", "what"], rows), found.next_cursor.as_deref())
}
