//! `callback`: the queue, for those who look at it.

use super::failure::Outcome;
use super::output::{FormatArg, table, wall};
use super::session::Global;
use crate::service::callbacks::{Filter, Row, Which, list};
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use domain::callback::State;
use serde_json::{Value, json};

/// Look at callbacks
#[derive(Debug, Subcommand)]
pub enum Callback {
    List(List),
}

/// List callbacks in the order of the queue
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper callback list --state ready")]
pub struct List {
    /// Only those in this state; where nothing is said, those that haven't ended
    #[arg(long, value_parser = read_state)]
    state: Option<State>,
    /// The ended ones too
    #[arg(long, conflicts_with = "state")]
    all: bool,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Go on after this cursor, as printed with the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    #[command(flatten)]
    format: FormatArg,
}

fn read_state(text: &str) -> Result<State, String> {
    let names: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).collect();
    State::parse(text).ok_or_else(|| format!("there are {}", names.join(", ")))
}

impl Callback {
    pub async fn run(self, global: &Global) -> Outcome {
        let Self::List(List { state, all, limit, after, format }) = self;
        let which = match (state, all) {
            (Some(state), _) => Which::In(state),
            (None, true) => Which::All,
            (None, false) => Which::Open,
        };
        let session = global.open().await?;
        let zone = session.zone().await?;
        let page = list(&session.app.book, Filter { which, after, limit: Some(limit) }).await?;
        let cursor = page.next_cursor;
        let rows = page.items;
        let data = json!({ "items": rows.iter().map(value).collect::<Vec<_>>(), "next_cursor": cursor });
        format.print(&data, |_| shown(&rows, which, cursor.as_deref(), zone))
    }
}

fn value(row: &Row) -> Value {
    json!({
        "id": row.id,
        "customer_id": row.customer_id,
        "kind": row.kind,
        "state": row.state,
        "reason": row.reason,
        "vip": row.vip,
        "required_level": row.required_level,
        "band": row.band.number(),
        "ring": row.ring.number(),
        "rank_at": row.rank_at,
        "due_at": row.due_at,
        "not_before": row.not_before,
        "attempts": row.attempts,
        "agent": row.agent,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
    })
}

fn shown(rows: &[Row], which: Which, cursor: Option<&str>, zone: Tz) -> String {
    if rows.is_empty() {
        return match which {
            Which::All => "no callbacks".to_owned(),
            Which::Open => "no open callbacks; --all shows those that have ended too".to_owned(),
            Which::In(state) => format!("no callbacks that are {state}"),
        };
    }
    let body = table(
        ["callback", "customer", "state", "band", "ring", "VIP", "due", "level", "attempts", "agent"],
        rows.iter().map(|row| {
            [
                row.id.to_string(),
                row.customer_id.to_string(),
                row.state.to_string(),
                row.band.number().to_string(),
                format!("R{}", row.ring.number()),
                if row.vip { "yes" } else { "" }.to_owned(),
                wall(row.due_at, zone),
                row.required_level.to_string(),
                row.attempts.to_string(),
                row.agent.clone().unwrap_or_default(),
            ]
        }),
    );
    match cursor {
        Some(cursor) => format!("{body}\n\nmore: --after {cursor}"),
        None => body,
    }
}
