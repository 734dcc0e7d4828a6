//! A house in Shanghai whose agents work Monday to Friday, 09:00 to 18:00, in May 2026, where the 4th is a
//! Monday; its clock is moved by hand. No assertion but the invariants lives here.

use crate::support::TestDatabase;
use crate::support::book::House;
use domain::callback::{DueTimes, Kind, Level, Unreached};
use domain::ids::{CallbackId, CustomerId, StaffId};
use domain::time::{Instant, Span, add_days};
use kinkeeper::service::callbacks::{
    self, CallbackView, Claim, Created, Desk, NewCallback, Nothing, Outcome, Pulled,
};
use kinkeeper::service::{Book, ServiceError};
use kinkeeper::store::callbacks::{Logged, StoredCallback};
use kinkeeper::store::{self, Lane, shifts, staff};
use sea_orm::{ConnectionTrait, Statement, Value};
use std::sync::Arc;

pub const ZONE: chrono_tz::Tz = chrono_tz::Asia::Shanghai;

/// `05-04 10:00` of 2026.
pub fn at(text: &str) -> Instant {
    Instant::parse(&format!("2026-{text}"), ZONE).expect("test instant")
}

pub struct Scene {
    pub book: Arc<Book>,
    /// Dropped last: the database lies in it.
    pub house: House,
}

impl Scene {
    pub async fn open(database: TestDatabase) -> Self {
        Self::open_with(database, &[]).await
    }

    /// As [`Scene::open`], with settings.
    pub async fn open_with(database: TestDatabase, settings: &[&str]) -> Self {
        let mut all = vec!["clock=2026-05-04T09:00:00+08:00", "shop.single_zone=true"];
        all.extend(settings);
        let house = House::open(database, &all).await;
        let book = house.app.book.clone();
        Self { book, house }
    }

    pub async fn run(&self, sql: &str, args: Vec<Value>) -> u64 {
        let backend = self.book.store.reader().get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, args);
        let unit = self.book.store.write(Lane::People, move |tx| {
            Box::pin(
                async move { Ok::<_, store::StoreError>(tx.execute_raw(statement).await?.rows_affected()) },
            )
        });
        unit.await.unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let db = self.book.store.reader();
        let statement = Statement::from_string(db.get_database_backend(), sql);
        let row = db.query_one_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        row.expect("a row").try_get_by_index(0).expect("a number")
    }

    /// Puts the clock forward without doing what is due.
    pub async fn set_now(&self, text: &str) {
        let now = at(text).micros();
        let moved = self.run("UPDATE clock SET now_at = $1 WHERE now_at <= $1", vec![now.into()]).await;
        assert_eq!(moved, 1, "{text} is before the clock");
    }

    /// Puts the clock forward and lets the router do what is due there.
    pub async fn go_to(&self, text: &str) {
        self.set_now(text).await;
        self.route().await;
    }

    pub async fn route(&self) -> u64 {
        let now = self.book.now().await.expect("a clock");
        let mut moved = 0;
        loop {
            match callbacks::move_due(&self.book, now, 100).await.expect("moves") {
                0 => return moved,
                n => moved += n,
            }
        }
    }

    pub async fn agent(&self, key: &str, level: Level) -> StaffId {
        self.agent_of(key, level, 5, 30).await
    }

    /// On shift Monday to Friday, 09:00 to 18:00, for three weeks from 05-04.
    pub async fn agent_of(&self, key: &str, level: Level, capacity_held: i64, calls_per_day: i64) -> StaffId {
        let member = staff::Staff {
            key: key.to_owned(),
            name: key.to_owned(),
            email: None,
            role: "agent".to_owned(),
            level: level.as_str().to_owned(),
            team: None,
            skills: vec![],
            capacity_held,
            calls_per_day,
            state: "active".to_owned(),
        };
        let unit = self.book.store.write(Lane::People, move |tx| {
            Box::pin(async move {
                let id = staff::put(tx, &member).await?;
                let days = (0..21).filter(|d| d % 7 < 5);
                let rows = days.map(|d| shifts::ShiftRow {
                    staff_id: id,
                    starts_at: at("05-04 09:00") + Span::days(d),
                    ends_at: at("05-04 18:00") + Span::days(d),
                });
                shifts::replace(tx, id, at("05-01 00:00"), at("06-01 00:00"), rows.collect()).await?;
                Ok::<_, store::StoreError>(id)
            })
        });
        unit.await.expect("an agent")
    }

    pub async fn remove_shifts(&self, id: StaffId) {
        let (from, until) = (at("05-01 00:00"), at("06-01 00:00"));
        let unit = self.book.store.write(Lane::People, move |tx| {
            Box::pin(async move { shifts::replace(tx, id, from, until, vec![]).await })
        });
        unit.await.expect("replaced");
    }

    pub async fn customer(&self) -> CustomerId {
        let sql =
            "INSERT INTO customer (shop_id, account_kind, created_at) SELECT id, 'consumer', 0 FROM shop";
        self.run(sql, vec![]).await;
        CustomerId(self.number("SELECT MAX(id) FROM customer").await)
    }

    pub async fn tag(&self, id: CustomerId, key: &str) {
        let sql = "INSERT INTO tag_current (customer_id, key, value, since, as_of, source, rule_version, evidence) \
                   VALUES ($1, $2, 'true', 0, 0, 'rule', 1, '{}')";
        self.run(sql, vec![id.0.into(), key.into()]).await;
    }

    pub async fn vip(&self) -> CustomerId {
        let id = self.customer().await;
        self.tag(id, "vip").await;
        id
    }

    /// A reason to call somebody from the opening of this day to the close of working day 3.
    pub fn reason(&self, origin: &str, customer: CustomerId, not_before: &str, due: &str) -> NewCallback {
        let due_at = at(due);
        NewCallback {
            origin_key: origin.to_owned(),
            customer_id: customer,
            kind: Kind::ImportantTicket,
            reason: "important ticket T-1".to_owned(),
            script: Some("important_ticket".to_owned()),
            required_level: Level::Junior,
            skills: vec![],
            optional_skills: vec![],
            team: None,
            owner: None,
            times: DueTimes { not_before: at(not_before), due_at, reach_due_at: due_at + Span::days(2) },
        }
    }

    pub async fn create(&self, new: NewCallback) -> Created {
        let desk = Desk::open(&self.book).await.expect("a desk");
        let unit = self
            .book
            .store
            .write(Lane::Work, move |tx| Box::pin(async move { callbacks::create(tx, &desk, &new).await }));
        unit.await.expect("created")
    }

    /// A callback that is ready from 05-04 09:00 on, for a customer of its own.
    pub async fn ready(&self, origin: &str, due: &str) -> CallbackId {
        let customer = self.customer().await;
        self.create(self.reason(origin, customer, "05-04 09:00", due)).await.id()
    }

    pub async fn ready_vip(&self, origin: &str, due: &str) -> CallbackId {
        let customer = self.vip().await;
        self.create(self.reason(origin, customer, "05-04 09:00", due)).await.id()
    }

    pub async fn pull(&self, agent: StaffId) -> Result<CallbackView, Nothing> {
        match callbacks::next(&self.book, agent).await.expect("a pull") {
            Pulled::Got(view) => Ok(*view),
            Pulled::None(why) => Err(why),
        }
    }

    pub async fn got(&self, agent: StaffId) -> CallbackView {
        self.pull(agent).await.expect("one is ready")
    }

    pub async fn nothing(&self, agent: StaffId) -> Nothing {
        self.pull(agent).await.expect_err("nothing is ready")
    }

    pub async fn start(&self, agent: StaffId, view: &CallbackView) -> Result<CallbackView, ServiceError> {
        callbacks::start(&self.book, claim(agent, view)).await
    }

    pub async fn not_reached(&self, agent: StaffId, view: &CallbackView, how: Unreached) -> CallbackView {
        callbacks::outcome(&self.book, claim(agent, view), Outcome::NotReached(how))
            .await
            .expect("an outcome")
    }

    /// Pulls, starts and ends a call that reached nobody.
    pub async fn try_in_vain(&self, agent: StaffId) -> CallbackView {
        let view = self.got(agent).await;
        self.start(agent, &view).await.expect("started");
        self.not_reached(agent, &view, Unreached::NoAnswer).await
    }

    pub async fn stored(&self, id: CallbackId) -> StoredCallback {
        store::callbacks::find(self.book.store.reader(), id).await.expect("readable").expect("there")
    }

    pub async fn log(&self, id: CallbackId) -> Vec<Logged> {
        store::callbacks::log_of(self.book.store.reader(), id).await.expect("readable")
    }

    pub async fn events(&self, id: CallbackId) -> Vec<String> {
        self.log(id).await.into_iter().map(|line| line.event).collect()
    }

    /// What must hold at any time, by SQL written without looking at the code.
    pub async fn invariants_hold(&self) {
        for name in ["g9_callbacks", "g10_one_holder", "g11_vip_level"] {
            let path = format!("{}/invariants/{name}.sql", env!("CARGO_MANIFEST_DIR"));
            let sql = std::fs::read_to_string(&path).expect("the invariant is there");
            let db = self.book.store.reader();
            let statement = Statement::from_string(db.get_database_backend(), sql);
            let broken = db.query_all_raw(statement).await.unwrap_or_else(|e| panic!("{name}: {e}"));
            let said = broken.iter().map(|row| {
                let text = |n| row.try_get_by_index::<String>(n).expect("text");
                format!("{}: {}", text(0), text(1))
            });
            assert_eq!(said.collect::<Vec<_>>(), Vec::<String>::new(), "{name}");
        }
    }
}

pub fn claim(agent: StaffId, view: &CallbackView) -> Claim {
    Claim { id: view.id, agent, fence: Some(view.fence) }
}

/// `05-04 13:30` of an instant.
pub fn shown(instant: Instant) -> String {
    instant.local(ZONE).format("%m-%d %H:%M").to_string()
}

/// The given day of May at a time.
pub fn day(n: i64, time: &str) -> String {
    let date = add_days(chrono::NaiveDate::from_ymd_opt(2026, 5, 4).expect("a date"), n);
    format!("{} {time}", date.format("%m-%d"))
}

pub fn content() -> domain::callback::CallResult {
    serde_json::from_value(serde_json::json!({"resolved": "yes", "satisfaction": 5})).expect("a result")
}
