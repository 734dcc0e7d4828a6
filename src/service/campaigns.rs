//! Campaigns as people handle them: what there is, what keeps one from being approved, approving, starting
//! and pausing. Who enters one, and when, is `planning`'s.

use super::approval::obstacles;
use super::{Book, ServiceError, apply, planning};
use crate::store::campaigns::{self, CampaignRow, VersionRow};

use crate::store::{StoreError, Tx, audit, meta, occurrences, send_gate, stops};
use domain::campaign::definition::Definition;
use domain::campaign::parse::parse;
use domain::campaign::state::{CampaignEvent, CampaignState, TransitionError};
use domain::ids::CampaignVersionId;
use domain::problem::{Problem, nearest};
use domain::time::Instant;
use serde::Serialize;
use serde_json::{Value, json};

/// One campaign in a list.
#[derive(Debug, Clone, Serialize)]
pub struct CampaignView {
    pub key: String,
    /// In English and Chinese.
    pub name: domain::campaign::definition::LocalName,
    pub state: CampaignState,
    pub purpose: domain::campaign::definition::Purpose,
    /// What starts it: `tag churn_risk`.
    pub trigger: String,
    pub priority: i64,
    /// The version customers enter under.
    pub version: i64,
    /// A newer version that waits for approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_review_version: Option<i64>,
    pub author: String,
    pub running_since: Option<Instant>,
    /// A stop that keeps it from sending, if one is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// One campaign in full.
#[derive(Debug, Clone, Serialize)]
pub struct CampaignDetail {
    #[serde(flatten)]
    pub view: CampaignView,
    pub approved_by: Option<String>,
    pub approved_at: Option<Instant>,
    /// The version in review if there is one, else the one in use.
    pub document: Value,
    /// What keeps the newest version from being approved; empty where nothing does.
    pub obstacles: Vec<Problem>,
    pub history: Vec<HistoryLine>,
}

/// Something done to a campaign.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryLine {
    pub at: Instant,
    pub actor: String,
    pub action: String,
}

/// A campaign with its newest version, read.
struct Loaded {
    row: CampaignRow,
    latest: VersionRow,
    definition: Definition,
}

fn read(version: &VersionRow) -> Result<Definition, ServiceError> {
    let (definition, problems) = parse(&version.document);
    definition.filter(|_| problems.is_empty()).ok_or_else(|| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        ServiceError::Internal(format!(
            "campaign_version.document of row {}: {}",
            version.id.0,
            told.join("; ")
        ))
    })
}

async fn load(book: &Book, row: CampaignRow) -> Result<Loaded, ServiceError> {
    let latest = campaigns::latest_version(book.store.reader(), row.id).await?;
    let latest =
        latest.ok_or_else(|| ServiceError::Internal(format!("campaign {} has no version", row.key)))?;
    let definition = read(&latest)?;
    Ok(Loaded { row, latest, definition })
}

async fn find(book: &Book, key: &str) -> Result<Loaded, ServiceError> {
    let db = book.store.reader();
    match campaigns::find(db, key).await? {
        Some(row) => load(book, row).await,
        None => {
            let all = campaigns::list(db).await?;
            let near = nearest(key, all.iter().map(|row| row.key.as_str()));
            let hint = near.map_or_else(String::new, |near| format!(" (did you mean {near}?)"));
            Err(ServiceError::NotFound(format!("the campaign {key}{hint}")))
        }
    }
}

/// A campaign with its newest version, approved or not.
pub async fn newest(book: &Book, key: &str) -> Result<(CampaignRow, VersionRow, Definition), ServiceError> {
    let Loaded { row, latest, definition } = find(book, key).await?;
    Ok((row, latest, definition))
}

/// A campaign with the version customers enter under; before one is approved, with its newest.
pub async fn entered_under(
    book: &Book,
    key: &str,
) -> Result<(CampaignRow, VersionRow, Definition), ServiceError> {
    let Loaded { row, latest, definition } = find(book, key).await?;
    match row.current_version_id {
        Some(id) if id != latest.id => {
            let (version, definition) = in_use(book, id).await?;
            Ok((row, version, definition))
        }
        _ => Ok((row, latest, definition)),
    }
}

fn trigger_words(row: &CampaignRow) -> String {
    format!("{} {}", row.head.trigger_kind, row.head.trigger_key)
}

async fn view(
    book: &Book,
    loaded: &Loaded,
    in_force: &[stops::StopRow],
) -> Result<CampaignView, ServiceError> {
    let Loaded { row, latest, definition } = loaded;
    let current = match row.current_version_id {
        Some(id) if id != latest.id => campaigns::find_version(book.store.reader(), id).await?,
        _ => None,
    };
    let stopped = in_force.iter().find(|stop| match &stop.scope {
        stops::StopScope::All => true,
        stops::StopScope::Campaign(key) => *key == row.key,
        stops::StopScope::Channel(_) => false,
    });
    Ok(CampaignView {
        key: row.key.clone(),
        name: definition.name.clone(),
        state: row.state,
        purpose: row.head.purpose,
        trigger: trigger_words(row),
        priority: row.head.priority,
        version: current.as_ref().map_or(latest.version, |version| version.version),
        in_review_version: current.as_ref().map(|_| latest.version),
        author: latest.author.clone(),
        running_since: row.running_since,
        stopped: stopped.map(|stop| format!("{}: {}", stop.scope, stop.reason)),
    })
}

/// Every campaign, highest priority first.
pub async fn list(book: &Book) -> Result<Vec<CampaignView>, ServiceError> {
    let db = book.store.reader();
    let in_force = stops::list_in_force(db).await?;
    let mut views = Vec::new();
    for row in campaigns::list(db).await? {
        let loaded = load(book, row).await?;
        views.push(view(book, &loaded, &in_force).await?);
    }
    Ok(views)
}

pub async fn show(book: &Book, key: &str) -> Result<CampaignDetail, ServiceError> {
    let db = book.store.reader();
    let loaded = find(book, key).await?;
    let in_force = stops::list_in_force(db).await?;
    let history = audit::list_about(db, &subject(key), 20).await?;
    Ok(CampaignDetail {
        view: view(book, &loaded, &in_force).await?,
        approved_by: loaded.latest.approved_by.clone(),
        approved_at: loaded.latest.approved_at,
        obstacles: obstacles(book, &loaded.definition).await?,
        history: history
            .into_iter()
            .map(|entry| HistoryLine { at: entry.at, actor: entry.actor, action: entry.action })
            .collect(),
        document: loaded.latest.document,
    })
}

fn subject(key: &str) -> String {
    format!("campaign:{key}")
}

/// What a change of state came to.
#[derive(Debug, Clone, Serialize)]
pub struct Moved {
    pub key: String,
    pub state: CampaignState,
    pub version: i64,
}

/// Approves the newest version. A campaign in review runs from now on; one that runs goes on under the new
/// version, and who is on their way finishes on the version they entered.
pub async fn approve(book: &Book, key: &str, actor: &str) -> Result<Moved, ServiceError> {
    let loaded = find(book, key).await?;
    let problems = obstacles(book, &loaded.definition).await?;
    if !problems.is_empty() {
        let told: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        return Err(ServiceError::Conflict(format!("{key} can't be approved yet:{}", told.concat())));
    }
    let to = match loaded.row.state {
        CampaignState::InReview => started(CampaignState::InReview.apply(CampaignEvent::Approve)),
        state @ (CampaignState::Running | CampaignState::Paused)
            if loaded.row.current_version_id != Some(loaded.latest.id) =>
        {
            Ok(state)
        }
        CampaignState::Running => {
            return Err(ServiceError::Conflict(format!(
                "{key} runs under its newest version already; change its document and run `kinkeeper apply -f FILE` first"
            )));
        }
        CampaignState::Paused => {
            return Err(ServiceError::Conflict(format!(
                "{key} is approved and paused; `kinkeeper campaign start {key}` lets it go on"
            )));
        }
        CampaignState::Approved => Ok(CampaignState::Running),
        state => state.apply(CampaignEvent::Approve),
    };
    let to = to.map_err(|e| refused(key, &e))?;
    move_to(book, loaded, to, "campaign.approved", actor).await
}

/// Approved means running: an approved campaign that waits for a second command is one that never starts.
fn started(approved: Result<CampaignState, TransitionError>) -> Result<CampaignState, TransitionError> {
    approved.and_then(|state| state.apply(CampaignEvent::Start))
}

/// Lets an approved or paused campaign run.
pub async fn start(book: &Book, key: &str, actor: &str) -> Result<Moved, ServiceError> {
    let loaded = find(book, key).await?;
    let event = match loaded.row.state {
        CampaignState::Paused => CampaignEvent::Resume,
        _ => CampaignEvent::Start,
    };
    let to = loaded.row.state.apply(event).map_err(|e| refused(key, &e))?;
    move_to(book, loaded, to, "campaign.started", actor).await
}

/// Holds a running campaign: who is inside waits.
pub async fn pause(book: &Book, key: &str, actor: &str) -> Result<Moved, ServiceError> {
    let loaded = find(book, key).await?;
    let to = loaded.row.state.apply(CampaignEvent::Pause).map_err(|e| refused(key, &e))?;
    move_to(book, loaded, to, "campaign.paused", actor).await
}

fn refused(key: &str, error: &TransitionError) -> ServiceError {
    let remedy = match error.from {
        "in_review" => format!("; `kinkeeper campaign approve {key}` comes first"),
        "draft" | "done" => {
            format!("; change its document and run `kinkeeper apply -f FILE`, then approve {key}")
        }
        "running" => format!("; it runs. `kinkeeper campaign pause {key}` holds it"),
        "paused" => format!("; it is paused. `kinkeeper campaign start {key}` lets it go on"),
        _ => String::new(),
    };
    ServiceError::Conflict(format!("{key} is {}{remedy}", error.from))
}

async fn move_to(
    book: &Book,
    loaded: Loaded,
    to: CampaignState,
    action: &'static str,
    actor: &str,
) -> Result<Moved, ServiceError> {
    let Loaded { row, latest, definition } = loaded;
    let approving = action == "campaign.approved";
    let (version, definition) = match row.current_version_id {
        Some(id) if !approving && id != latest.id => in_use(book, id).await?,
        _ => (latest, definition),
    };
    let moved = Moved { key: row.key.clone(), state: to, version: version.version };
    let slots = match approving {
        true => planning::coming_slots(book, row.id, version.id, &definition, book.now().await?).await?,
        false => Vec::new(),
    };
    let actor = actor.to_owned();
    book.write(move |tx, at| {
        Box::pin(async move {
            send_gate::close(tx).await?;
            if approving {
                approve_version(tx, &row, &version, &definition, &actor, at).await?;
                occurrences::put_under(tx, row.id, slots).await?;
            }
            let first_run = (approving && row.state == CampaignState::InReview).then_some(at);
            campaigns::set_state(tx, row.id, row.state, to, first_run, at).await?;
            let detail = json!({ "version": version.version, "from": row.state, "to": to });
            let (action, subject) = (action.to_owned(), subject(&row.key));
            audit::record(tx, audit::Entry { at, actor, action, subject, detail }).await?;
            meta::raise_change_seq(tx).await
        })
    })
    .await
    .map_err(|error: StoreError| ServiceError::from(error))?;
    Ok(moved)
}

async fn in_use(book: &Book, id: CampaignVersionId) -> Result<(VersionRow, Definition), ServiceError> {
    let version = campaigns::find_version(book.store.reader(), id).await?;
    let version =
        version.ok_or_else(|| ServiceError::Internal(format!("campaign_version {} is gone", id.0)))?;
    let definition = read(&version)?;
    Ok((version, definition))
}

async fn approve_version(
    tx: &Tx,
    row: &CampaignRow,
    version: &VersionRow,
    definition: &Definition,
    actor: &str,
    at: Instant,
) -> Result<(), StoreError> {
    if version.approved_at.is_none() {
        campaigns::approve_version(tx, version.id, actor, at).await?;
    }
    campaigns::set_current(tx, row.id, version.id, &apply::head(definition), at).await
}
