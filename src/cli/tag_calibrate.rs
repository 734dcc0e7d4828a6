//! `tag calibrate`: thresholds from shares of active buyers, as a document to publish.

use super::failure::{Failure, Outcome};
use super::output::{Format, FormatArg, json, table, text};
use super::session::Session;
use crate::service::calibrating::{self, Proposal};
use clap::Args;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

/// Propose the thresholds by which given shares of active buyers have a level or a higher one
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper tag calibrate value_tier --share diamond=1% --share gold=5% > tier.yaml
  kinkeeper tag publish -f tier.yaml

Active buyers are consumers with a counted order in 365 d. A threshold is the cut-off rounded up to two digits. The
document goes to stdout and what it would come to goes to stderr; nothing is published. Levels without a share keep theirs.")]
pub struct Calibrate {
    /// A tag whose levels compare one number of the profile
    #[arg(value_name = "KEY")]
    tag: String,
    /// How many of all active buyers are to have this level or a higher one; may be given several times
    #[arg(long, required = true, value_name = "LEVEL=PERCENT")]
    share: Vec<String>,
    #[command(flatten)]
    format: FormatArg,
}

impl Calibrate {
    pub async fn run(self, session: &Session) -> Outcome {
        let proposal = calibrating::propose(&session.app.book, &self.tag, &self.share).await?;
        if self.format.format == Format::Json {
            return json(&proposal);
        }
        eprintln!("{}", told(&proposal));
        let yaml = serde_saphyr::to_string(&InOrder(&proposal.document));
        text(&yaml.map_err(|e| Failure::Failed(e.to_string()))?)
    }
}

fn told(proposal: &Proposal) -> String {
    let share = |n: i64| {
        let tenths = n.saturating_mul(1_000) / proposal.active_buyers.max(1);
        format!("{n} ({}.{} %)", tenths / 10, tenths % 10)
    };
    let rows = proposal.levels.iter().map(|step| {
        [
            step.level.clone(),
            step.share.clone().unwrap_or_default(),
            step.now.clone(),
            step.proposed.clone(),
            share(step.buyers),
            step.customers.to_string(),
            step.today.to_string(),
        ]
    });
    let headers = [
        "level or higher",
        "asked",
        "now from",
        "proposed from",
        "active buyers",
        "customers",
        "have it today",
    ];
    let mut told = format!(
        "{} by {}, of {} active buyers as of {}\n{}",
        proposal.tag,
        proposal.field,
        proposal.active_buyers,
        proposal.at,
        table(headers, rows)
    );
    if proposal.behind > 0 {
        told +=
            &format!("\n{} customers are due: `kinkeeper drain` first, for exact counts", proposal.behind);
    }
    told
}

/// A tag's document with its fields in the order in which people write them.
struct InOrder<'a>(&'a Value);

const ORDER: [&str; 15] = [
    "kind",
    "key",
    "value",
    "name",
    "en",
    "zh-CN",
    "group",
    "hold",
    "settle",
    "unless",
    "by_hand",
    "otherwise",
    "profile",
    "rule",
    "levels",
];

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let rank = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
                let mut sorted: Vec<_> = fields.iter().collect();
                sorted.sort_by_key(|(key, _)| rank(key));
                let mut map = serializer.serialize_map(Some(sorted.len()))?;
                for (key, value) in sorted {
                    map.serialize_entry(key, &InOrder(value))?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&InOrder(item))?;
                }
                list.end()
            }
            other => other.serialize(serializer),
        }
    }
}
