//! Reads the log of all callbacks from its beginning and judges each pull by rules written anew here: who had
//! what, who waited, whose turn it was. It shares no decision with the code under test.

use super::scene::Scene;
use domain::callback::Level;
use domain::ids::StaffId;
use sea_orm::{ConnectionTrait, QueryResult, Statement};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const HOUR: i64 = 3_600_000_000;

/// One callback as the log has told it so far.
#[derive(Debug)]
struct Told {
    state: String,
    vip: bool,
    created: i64,
    due: i64,
    reach_due: i64,
    boost: i64,
    attempts: i64,
    not_before: i64,
    holder: Option<i64>,
    /// Who made the last attempt, and since when it waits: for half an hour it is theirs to take.
    last: Option<i64>,
    since: i64,
    /// Who declined it since it last woke: it may be theirs again or not, so nothing is said about them.
    declined: BTreeSet<i64>,
}

impl Told {
    fn active_due(&self) -> i64 {
        if self.attempts == 0 { self.due } else { self.reach_due.min(self.not_before + 2 * HOUR) }
    }

    /// Whether the agent surely may take it: those who could say no are left out.
    fn surely_open_to(&self, agent: i64, level: Level, now: i64) -> bool {
        let reserved = self.last.is_some_and(|last| last != agent) && now < self.since + HOUR / 2;
        let level_fits = !self.vip || level >= Level::Senior;
        self.state == "ready" && level_fits && !reserved && !self.declined.contains(&agent)
    }

    /// Lower is sooner, for an agent of this level.
    fn order(&self, id: i64, now: i64, level: Level) -> (bool, bool, i64, i64, i64) {
        let senior_prefers = level >= Level::Senior && self.vip;
        (now < self.active_due(), !senior_prefers, self.active_due() - self.boost, self.created, id)
    }
}

/// What the log came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub pulls: usize,
    pub vip_pulls: usize,
    pub lapses: usize,
    pub declines: usize,
    pub ended: usize,
    pub open: usize,
}

fn int(row: &QueryResult, column: &str) -> i64 {
    row.try_get("", column).expect("a number")
}

fn micros(detail: &Value, field: &str) -> i64 {
    let text = detail[field].as_str().unwrap_or_else(|| panic!("{field} in {detail}"));
    domain::time::Instant::parse(text, super::scene::ZONE).expect("an instant").micros()
}

/// Judges every pull; `levels` are the agents'. All callbacks are of one kind, without owner, team or skills,
/// each for a customer of its own; VIPs' are the only marks.
pub async fn judged(scene: &Scene, levels: &BTreeMap<StaffId, Level>) -> Sums {
    let db = scene.book.store.reader();
    let ask = |sql: &str| Statement::from_string(db.get_database_backend(), sql);
    let reach = db.query_all_raw(ask("SELECT id, reach_due_at FROM callback")).await.expect("readable");
    let reach: BTreeMap<i64, i64> =
        reach.iter().map(|row| (int(row, "id"), int(row, "reach_due_at"))).collect();
    let sql = "SELECT id, callback_id, at, event, from_state, to_state, detail FROM callback_log ORDER BY id";
    let lines = db.query_all_raw(ask(sql)).await.expect("readable");
    let mut told: BTreeMap<i64, Told> = BTreeMap::new();
    let mut sums = Sums::default();
    for line in &lines {
        let text = |column: &str| line.try_get::<String>("", column).expect("text");
        let (id, now, event) = (int(line, "callback_id"), int(line, "at"), text("event"));
        let detail: Value = serde_json::from_str(&text("detail")).expect("JSON");
        if event == "created" {
            told.insert(id, created(&detail, now, text("to_state"), reach[&id]));
            continue;
        }
        let agent = detail["staff_id"].as_str().map(|text| text.parse::<StaffId>().expect("an agent").0);
        if event == "pull" {
            sums.pulls += 1;
            let puller = agent.expect("whoever pulled");
            sums.vip_pulls += usize::from(told[&id].vip);
            judge_pull(&told, id, puller, levels[&StaffId(puller)], now);
        }
        let this = told.get_mut(&id).expect("created before anything else");
        assert_eq!(this.state, text("from_state"), "{id}: a step from where it wasn't ({event})");
        match event.as_str() {
            "pull" => this.holder = agent,
            "start" => assert_eq!(this.holder, agent, "{id} begun by whoever doesn't hold it"),
            "wake" => {
                this.declined.clear();
                this.since = now;
            }
            "decline" => {
                assert_eq!(this.holder.take(), agent, "{id} given back by whoever doesn't hold it");
                this.declined.extend(agent);
                sums.declines += 1;
            }
            "lease_lapsed" | "agent_gone" => {
                this.holder = None;
                sums.lapses += 1;
            }
            "reached" | "not_reached" => {
                assert_eq!(this.holder.take(), agent, "{id} ended by whoever doesn't hold it");
                this.attempts += 1;
                this.last = agent;
                if detail.get("not_before").is_some() {
                    this.not_before = micros(&detail, "not_before");
                }
            }
            _ => {}
        }
        this.state = text("to_state");
    }
    let ended = |t: &&Told| matches!(t.state.as_str(), "completed" | "exhausted" | "cancelled" | "expired");
    sums.ended = told.values().filter(ended).count();
    sums.open = told.len() - sums.ended;
    sums
}

fn created(detail: &Value, now: i64, state: String, reach_due: i64) -> Told {
    let vip = detail["vip"] == true;
    Told {
        state,
        vip,
        created: now,
        due: micros(detail, "due_at"),
        reach_due,
        boost: if vip { 48 * HOUR } else { 0 },
        attempts: 0,
        not_before: micros(detail, "not_before"),
        holder: None,
        last: None,
        since: now,
        declined: BTreeSet::new(),
    }
}

fn judge_pull(told: &BTreeMap<i64, Told>, id: i64, puller: i64, level: Level, now: i64) {
    let taken = &told[&id];
    assert_eq!((taken.state.as_str(), taken.holder), ("ready", None), "{id} was held when {puller} got it");
    assert!(!taken.vip || level >= Level::Senior, "{id}: a VIP's went to a {level}");
    let order = taken.order(id, now, level);
    for (other, t) in told.iter().filter(|(_, t)| t.surely_open_to(puller, level, now)) {
        let overtaken = t.order(*other, now, level) < order;
        // What a senior keeps free is for VIPs alone, so a VIP's may go before what ranks higher.
        assert!(
            !overtaken || taken.vip && !t.vip,
            "at {} {puller} ({level}) got {id} {taken:?} while {other} was before it: {t:?}",
            domain::time::Instant::from_micros(now)
        );
    }
}
