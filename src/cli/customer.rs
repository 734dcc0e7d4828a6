//! `customer`: one person in the book.

use super::correct::Correct;
use super::failure::Outcome;
use super::identity::{Candidates, Merge, Set, Unmerge};
use super::look::{AccessLog, Erase, Note, Search, Timeline};
use super::output::FormatArg;
use super::person::Export;
use super::retention::Retention;
use super::session::Global;
use super::{explain_text, profile_text};
use crate::service::ServiceError;
use crate::service::profile::{profile, resolve};
use crate::service::{eligibility, looking};
use clap::{Args, Subcommand, ValueEnum};
use domain::rule::Lang;

/// Find customers, look at one, and say who is who
#[derive(Debug, Subcommand)]
pub enum Customer {
    Search(Search),
    Show(Show),
    Timeline(Timeline),
    Explain(Explain),
    Note(Note),
    Correct(Correct),
    Export(Export),
    Erase(Erase),
    AccessLog(AccessLog),
    Merge(Merge),
    Unmerge(Unmerge),
    Candidates(Candidates),
    Set(Set),
    #[command(subcommand)]
    Retention(Retention),
}

/// Show a customer: numbers, tags with why, consents, touches; contact points masked
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper customer show user_id:12346
  kinkeeper customer show cus_42 --format json")]
pub struct Show {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    #[command(flatten)]
    format: FormatArg,
}

/// Why a customer has a tag or doesn't, or why a campaign would or wouldn't write to them
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper customer explain cus_42 --tag value_tier
  kinkeeper customer explain cus_42 --tag churn_risk --lang zh-cn
  kinkeeper customer explain user_id:12346 --campaign winback")]
pub struct Explain {
    /// cus_42, or KIND:VALUE such as user_id:12346
    #[arg(value_name = "ID|KIND:VALUE")]
    customer: String,
    #[command(flatten)]
    what: What,
    /// The language of a tag's conditions
    #[arg(long, value_enum, default_value_t = LangArg::En)]
    lang: LangArg,
    #[command(flatten)]
    format: FormatArg,
}

/// A language people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LangArg {
    En,
    ZhCn,
}

impl From<LangArg> for Lang {
    fn from(lang: LangArg) -> Self {
        match lang {
            LangArg::En => Self::En,
            LangArg::ZhCn => Self::ZhCn,
        }
    }
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Explain a tag
    #[arg(long, value_name = "KEY")]
    tag: Option<String>,
    /// Explain a segment
    #[arg(long, value_name = "KEY")]
    segment: Option<String>,
    /// Explain a campaign
    #[arg(long, value_name = "KEY")]
    campaign: Option<String>,
}

impl Customer {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let book = &session.app.book;
        match self {
            Self::Search(command) => command.run(&session).await,
            Self::Timeline(command) => command.run(&session).await,
            Self::Note(command) => command.run(&session).await,
            Self::Correct(command) => command.run(&session).await,
            Self::Export(command) => command.run(&session).await,
            Self::Erase(command) => command.run(&session).await,
            Self::AccessLog(command) => command.run(&session).await,
            Self::Show(Show { customer, format }) => {
                let id = resolve(book, &customer).await?;
                let view = profile(book, id).await?;
                let view = view.ok_or_else(|| ServiceError::NotFound(format!("the customer {id}")))?;
                looking::viewed(book, &session.actor, view.id).await?;
                format.print(&view, profile_text::render)
            }
            Self::Explain(Explain { customer, what, lang, format }) => {
                let id = resolve(book, &customer).await?;
                let zone = session.zone().await?;
                match (what.tag, what.segment, what.campaign) {
                    (None, Some(key), _) => {
                        let found = eligibility::explain_segment(book, id, &key, lang.into()).await?;
                        format.print(&found, |found| explain_text::segment(found, zone))
                    }
                    (Some(key), ..) => {
                        let found = eligibility::explain_tag(book, id, &key, lang.into()).await?;
                        format.print(&found, |found| explain_text::tag(found, zone))
                    }
                    (None, None, Some(key)) => {
                        let found = eligibility::explain_campaign(book, id, &key).await?;
                        format.print(&found, |found| explain_text::campaign(found, zone))
                    }
                    (None, None, None) => Ok(()),
                }
            }
            Self::Merge(merge) => merge.run(&session).await,
            Self::Unmerge(unmerge) => unmerge.run(&session).await,
            Self::Candidates(candidates) => candidates.run(&session).await,
            Self::Set(set) => set.run(&session).await,
            Self::Retention(retention) => retention.run(&session).await,
        }
    }
}
