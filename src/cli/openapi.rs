//! `openapi`: the description of the HTTP routes, without a daemon.

use super::failure::Outcome;
use super::output::json;
use crate::http;
use clap::Args;

/// Print the description of all HTTP routes, OpenAPI 3.1, as the daemon's /openapi.json answers it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper openapi > openapi.json")]
pub struct Openapi {}

impl Openapi {
    pub fn run(self) -> Outcome {
        json(&http::description())
    }
}
