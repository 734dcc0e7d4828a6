//! `segment schema`: the JSON Schema of a segment's document, for editors. No book is opened.

use super::failure::Outcome;
use super::output::json;
use clap::Args;
use domain::segment;

/// Print the JSON Schema of a segment's document, for an editor to complete and check by
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper segment schema > segment.schema.json

Of a rule alone: `kinkeeper tag schema --rule`.")]
pub struct Schema {}

impl Schema {
    pub fn run(self) -> Outcome {
        json(&segment::schema())
    }
}
