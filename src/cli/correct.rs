//! `customer correct`: what is known of a person is set right.

use super::failure::{Failure, Outcome};
use super::output::FormatArg;
use super::session::Session;
use crate::service::correcting::{self, Corrected, Wanted};
use crate::service::profile::resolve;
use clap::Args;
use serde_json::{Map, Value};

/// Set right what is known of a person: wrong values go as if they had never been said
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper customer correct cus_42 --set email=rosa@example.com --unset phone --reason \"told us by telephone\" --dry-run")]
pub struct Correct {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    /// A trait and the value that holds: email, phone, name, birthday, timezone, locale, gender, address, …; a value that
    /// begins with { is JSON
    #[arg(long, value_name = "TRAIT=VALUE")]
    set: Vec<String>,
    /// A trait that has no value
    #[arg(long, value_name = "TRAIT")]
    unset: Vec<String>,
    /// Why, for those who will ask; nothing about the person
    #[arg(long)]
    reason: String,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl Correct {
    pub async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        let set = pairs(&self.set)?;
        let id = resolve(book, &self.customer).await?;
        let wanted = Wanted { set, unset: self.unset, reason: self.reason };
        if self.dry_run {
            let would = correcting::preview(book, id, wanted, &session.actor).await?;
            return self.format.print(&would, |would| format!("would: {}", told(would)));
        }
        let done = correcting::correct(book, id, wanted, &session.actor).await?;
        self.format.print(&done, told)
    }
}

fn pairs(given: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut set = Map::new();
    for pair in given {
        let wrong = |detail: String| Failure::BadInput(format!("--set: {detail}"));
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| wrong("write a trait and its value, such as email=rosa@example.com".to_owned()))?;
        let value = match value.trim_start().starts_with('{') {
            true => serde_json::from_str(value).map_err(|e| wrong(format!("{name} is no JSON: {e}")))?,
            false => Value::String(value.to_owned()),
        };
        if set.insert(name.to_owned(), value).is_some() {
            return Err(wrong(format!("{name} is given twice; leave one out")));
        }
    }
    Ok(set)
}

fn told(done: &Corrected) -> String {
    let mut parts = Vec::new();
    for (verb, fields) in [("set", &done.set), ("unset", &done.unset)] {
        if !fields.is_empty() {
            parts.push(format!("{verb} {}", fields.join(", ")));
        }
    }
    let mut lines = vec![format!(
        "{} is corrected: {}; taken back from {} earlier events, known by {} numbers and addresses less",
        done.customer,
        parts.join("; "),
        done.events,
        done.names_removed
    )];
    for shared in &done.shared {
        let who: Vec<String> = shared.candidates.iter().map(ToString::to_string).collect();
        let candidates = match who.is_empty() {
            true => String::new(),
            false => format!("; may be the same person as {} (customer candidates)", who.join(", ")),
        };
        lines.push(format!("{} others have this {} too{candidates}", shared.others, shared.field));
    }
    lines.join("\n")
}
