//! `customer export`: what a person may ask for of what is held about them.

use super::failure::Outcome;
use super::output::{json, text};
use super::session::Session;
use crate::service::personal_copy;
use crate::service::profile::resolve;
use clap::{Args, ValueEnum};

/// A person's copy of everything that is held about them, unmasked; noted in the access log
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper customer export user_id:12346 > copy.json
  kinkeeper customer export cus_42 --format html > copy.html")]
pub struct Export {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    /// For another program, or a page for the person in their language
    #[arg(long, value_enum, default_value = "json")]
    format: CopyFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CopyFormat {
    Json,
    Html,
}

impl Export {
    pub async fn run(self, session: &Session) -> Outcome {
        let book = &session.app.book;
        let id = resolve(book, &self.customer).await?;
        let copy = personal_copy::make(book, id, &session.actor).await?;
        match self.format {
            CopyFormat::Json => json(&copy),
            CopyFormat::Html => text(&copy.page()?),
        }
    }
}
