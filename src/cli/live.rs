//! `status`, `go-live`, `stop`, `resume`: the operator's switches.

use super::failure::{Failure, Outcome};
use super::output::{Assent, Format, FormatArg, json, table, text, wall};
use super::session::Global;
use crate::service::eligibility::CampaignWeek;
use crate::service::import::Unfinished;
use crate::service::live::{self, Alert, Late, PREVIEW_DAYS, Preview, Status};
use crate::service::looking::ManyProfiles;
use crate::service::takeover::{self, TakeOver};
use crate::store::stops::StopScope;
use chrono_tz::Tz;
use clap::Args;
use domain::campaign::state::CampaignState;
use domain::problem::Problem;
use domain::time::{Instant, Span};

/// Show whether the book is live, its clock, what is due next, and how much there is
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper status --format json")]
pub struct StatusArgs {
    #[command(flatten)]
    format: FormatArg,
}

impl StatusArgs {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let zone = session.zone().await?;
        self.format.print(&live::status(&session.app.book).await?, |status| status_text(status, zone))
    }
}

fn status_text(status: &Status, zone: Tz) -> String {
    let on_the_wall = |at: Instant| wall(at, zone);
    let mut lines = vec![match status.live_since {
        None => "onboarding: facts and tags are kept, nothing leaves (kinkeeper go-live starts)".to_owned(),
        Some(since) => format!("{} since {}", status.state, on_the_wall(since)),
    }];
    for stop in &status.stops {
        let since = on_the_wall(stop.since);
        lines.push(format!("stop of {} since {since} by {}: {}", stop.scope, stop.by, stop.reason));
    }
    lines.push(format!("clock        {} in {zone} ({})", on_the_wall(status.now), status.clock));
    let last = status.last_fact_received_at.map_or_else(|| "none yet".to_owned(), on_the_wall);
    lines.push(format!("last fact    {last}"));
    let c = &status.counts;
    lines.push(format!(
        "the book     {} customers, {} orders, {} tickets, {} events, {} quarantined",
        c.customers, c.orders, c.tickets, c.events, c.quarantined
    ));
    lines.push(format!(
        "at work      {} customers due, {} enrollments active, {} complaints open",
        c.customers_due, c.active_enrollments, c.open_complaints
    ));
    for (name, states) in [("touchpoints", &c.touchpoints), ("callbacks", &c.callbacks)] {
        if !states.is_empty() {
            let parts: Vec<String> = states.iter().map(|(state, n)| format!("{n} {state}")).collect();
            lines.push(format!("{name:<12} {}", parts.join(", ")));
        }
    }
    for Late { worker, seconds } in &status.late {
        lines.push(format!("late         the {worker}, by {}", waited(*seconds)));
    }
    let free = status.disk.free_bytes.map_or_else(|| "unknown".to_owned(), bytes);
    lines.push(format!("disk         {} in the book, {free} left", bytes(status.disk.book_bytes)));
    if status.set_aside > 0 {
        lines.push(format!("set aside    {} that can't be worked on: kinkeeper doctor", status.set_aside));
    }
    if status.clock == "real" {
        lines.push(match status.backup_age_hours {
            Some(hours) => format!("last copy    {}", age(hours)),
            None => "last copy    none yet: kinkeeper backup FILE".to_owned(),
        });
    }
    lines.extend(status.unfinished_imports.iter().map(|left| format!("unfinished   {}", unfinished(left))));
    lines.extend(status.alerts.iter().map(|alert| format!("look into    {}", alerted(alert, zone))));
    if status.keys == 0 {
        lines.push("no API key yet: kinkeeper key create --role ingest".to_owned());
    }
    if !status.next_due.is_empty() {
        lines.push(String::new());
        lines.push(table(
            ["next due", "worker"],
            status.next_due.iter().map(|due| [on_the_wall(due.at), due.worker.to_owned()]),
        ));
    }
    lines.join("\n")
}

fn alerted(alert: &Alert, zone: Tz) -> String {
    match alert {
        Alert::ManyProfiles(ManyProfiles { actor, profiles }) => {
            format!("{actor} viewed {profiles} profiles within an hour, beside their own work")
        }
        Alert::QuarantineWaits { events, days } => {
            format!("{events} refused events wait for more than {days} days: kinkeeper quarantine list")
        }
        Alert::DiskNearlyFull => {
            "the disk is nearly full: less room is left than a copy of the book takes, or than 1 GiB"
                .to_owned()
        }
        Alert::PeopleToForget { people, first_at } => {
            let first = wall(*first_at, zone);
            format!(
                "{people} people are to be forgotten, the first at {first}: kinkeeper customer retention list"
            )
        }
    }
}

fn waited(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn bytes(n: i64) -> String {
    match n {
        ..1_048_576 => format!("{} KiB", n / 1_024),
        1_048_576..1_073_741_824 => format!("{} MiB", n / 1_048_576),
        _ => format!("{}.{} GiB", n / 1_073_741_824, n % 1_073_741_824 * 10 / 1_073_741_824),
    }
}

fn age(hours: i64) -> String {
    match hours {
        0 => "less than an hour old".to_owned(),
        1 => "an hour old".to_owned(),
        2..48 => format!("{hours} hours old"),
        _ => format!("{} days old", hours / 24),
    }
}

/// What to do about an import that was begun and not ended.
pub(super) fn unfinished(import: &Unfinished) -> String {
    let Unfinished { kind, file, rows_done, command, .. } = import;
    match import.under_way {
        true => format!("the import of {kind} {file} is under way, {rows_done} rows are done"),
        false => format!(
            "the import of {kind} {file} was interrupted after {rows_done} rows; `{command}`, where the file lies, goes on with it"
        ),
    }
}

/// Start caring: from now on causes count, once and for good. Shows the first week, then asks
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper go-live
  kinkeeper go-live --close-complaints 2026-09-01

Complaints that are open stay open and hold marketing to those who complained, unless --close-complaints says that
they are over.")]
pub struct GoLive {
    /// Close complaints opened before this date (the shop's own), or all with `now`; nothing is sent because of it
    #[arg(long, value_name = "DATE")]
    close_complaints: Option<String>,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl GoLive {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let book = &session.app.book;
        let (status, zone) = (live::status(book).await?, session.zone().await?);
        let before =
            self.close_complaints.as_deref().map(|text| before(text, zone, status.now)).transpose()?;
        if status.live_since.is_none() {
            let preview = live::preview(book).await?;
            // On stdout goes what the command did; the preview is part of the question.
            eprintln!("{}", preview_text(&preview));
            if let Some(before) = before {
                eprintln!("{}", closing_text(&takeover::preview(book, before).await?, zone));
            }
            Assent::from_flag(self.yes).require("Go live? It can't be taken back.")?;
        }
        let closed = match before {
            Some(before) => takeover::close(book, before, &session.actor).await?,
            None => 0,
        };
        let at = live::go_live(book, &session.actor).await?;
        match self.format.format {
            Format::Json => json(&serde_json::json!({ "live_since": at, "complaints_closed": closed })),
            Format::Table if before.is_some() => {
                text(&format!("{closed} complaints closed; live since {at}"))
            }
            Format::Table => text(&format!("live since {at}")),
        }
    }
}

/// Up to when complaints are taken over.
fn before(text: &str, zone: Tz, now: Instant) -> Result<Instant, Failure> {
    if text == "now" {
        return Ok(now + Span::micros(1));
    }
    Instant::parse(text, zone).ok_or_else(|| {
        let detail = format!("\"{text}\" is no date; write one like 2026-09-01, or `now` for all complaints");
        Failure::Unchanged(vec![Problem::new("--close-complaints", "bad_date", detail)])
    })
}

fn closing_text(taken: &TakeOver, zone: Tz) -> String {
    let mut lines = vec![format!("  to be closed         {} complaints", taken.complaints)];
    lines.extend(
        taken
            .first
            .iter()
            .map(|(key, at)| format!("                       {key}, open since {}", wall(*at, zone))),
    );
    if taken.complaints > taken.first.len() as i64 {
        lines.push("                       …".to_owned());
    }
    lines.join("\n")
}

fn preview_text(p: &Preview) -> String {
    let mut lines = vec![format!("Going live at {}. What happened before starts nothing.", p.at)];
    lines.push(format!("The next {PREVIEW_DAYS} days, as far as they can be foreseen:"));
    if p.campaigns.is_empty() {
        lines.push("  campaigns            none runs and none waits for approval".to_owned());
    }
    lines.extend(p.campaigns.iter().map(campaign_text));
    if p.occasions.is_empty() {
        lines.push(format!("  occasions            none in the next {PREVIEW_DAYS} days"));
    }
    for slot in &p.occasions {
        lines.push(format!("  occasion             {} at {} local time", slot.campaign, slot.slot));
    }
    lines.push(format!("  open complaints      {} (marketing to them is held)", p.open_complaints));
    lines.push(format!(
        "  customers            {}, {} with a mail address, {} of them without consent to marketing",
        p.customers, p.with_email, p.without_marketing_consent
    ));
    lines.push(format!(
        "  calls                {}, and {} rostered hours to make them",
        p.calls, p.rostered_hours
    ));
    lines.join("\n")
}

/// What a campaign would do, and under it how people come in.
fn campaign_text(week: &CampaignWeek) -> String {
    let CampaignWeek { campaign, how, enters, messages, without, calls, .. } = week;
    let mut parts = vec![format!("{enters} enter")];
    if *messages + *without > 0 {
        parts.push(format!("{messages} messages, {without} held or left out"));
    }
    if let Some(face) = week.coupons.filter(|face| face.minor > 0) {
        parts.push(format!("coupons of up to {face} at face value"));
    }
    if *calls > 0 {
        parts.push(format!("{calls} calls"));
    }
    let state = if week.state == CampaignState::Running { "" } else { " (in review: silent until approved)" };
    format!("  {campaign:<20} {}{state}\n  {:<20} {how}", parts.join(", "), "")
}

/// What a stop reaches.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct ScopeArgs {
    /// Everything
    #[arg(long)]
    all: bool,
    /// One channel, such as email
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// One campaign
    #[arg(long, value_name = "KEY")]
    campaign: Option<String>,
}

impl ScopeArgs {
    fn scope(self) -> StopScope {
        match (self.channel, self.campaign) {
            (Some(name), _) => StopScope::Channel(name),
            (None, Some(key)) => StopScope::Campaign(key),
            (None, None) => StopScope::All,
        }
    }
}

/// Stop sending at once: everything, one channel or one campaign. Survives restarts
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper stop --all --reason \"wrong price in the mail\"")]
pub struct Stop {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Why, for those who will ask
    #[arg(long)]
    reason: String,
}

impl Stop {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let row = live::stop(&session.app.book, self.scope.scope(), &self.reason, &session.actor).await?;
        text(&format!(
            "{} is stopped since {}; `kinkeeper resume` with the same scope lifts it",
            row.scope, row.stopped_at
        ))
    }
}

/// Lift a stop
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinkeeper resume --all")]
pub struct Resume {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl Resume {
    pub async fn run(self, global: &Global) -> Outcome {
        let session = global.open().await?;
        let scope = self.scope.scope();
        live::resume(&session.app.book, scope.clone(), &session.actor).await?;
        text(&format!("{scope} goes on"))
    }
}
