//! `tag schema`: the JSON Schema of a tag's document, for editors. No book is opened.

use super::failure::Outcome;
use super::output::json;
use clap::Args;
use domain::{rule, tag};

/// Print the JSON Schema of a tag's document, for an editor to complete and check by
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper tag schema > tag.schema.json
  kinkeeper tag schema --rule > rule.schema.json")]
pub struct Schema {
    /// Of a rule alone
    #[arg(long)]
    rule: bool,
}

impl Schema {
    pub fn run(self) -> Outcome {
        json(&if self.rule { rule::schema() } else { tag::schema() })
    }
}
