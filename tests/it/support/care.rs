//! A shop that cares: the shipped campaigns running in a book on a virtual clock, customers and planned
//! touchpoints put there by hand, and only the dispatcher at work. No assertion about the product lives here
//! but the oracle's own.

use super::TestDatabase;
use super::book::House;
use domain::campaign::definition::{Channel, Purpose};
use domain::ids::{CampaignId, CampaignVersionId, CouponBatchId, CustomerId, EnrollmentId, TouchpointId};
use domain::time::{Instant, Span};
use kinkeeper::app::App;
use kinkeeper::service::apply::{self, Input};
use kinkeeper::service::{campaigns, live};
use kinkeeper::store::enrollments::{self, NewEnrollment};
use kinkeeper::store::touchpoints::{self, NewTouchpoint};
use kinkeeper::store::{Lane, StoreError};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde_json::json;
use std::path::Path;

/// 2011-12-25T00:00 in London: midnight, quiet hours until 09:00.
pub const CHRISTMAS: &str = "2011-12-25T00:00:00Z";

pub fn at(text: &str) -> Instant {
    Instant::parse(text, chrono_tz::UTC).expect("the test's instant")
}

/// Christmas, at this time of the day.
pub fn christmas(time: &str) -> Instant {
    at(&format!("2011-12-25T{time}:00Z"))
}

pub struct Care {
    pub house: House,
}

/// A touchpoint to plan.
#[derive(Clone)]
pub struct Plan {
    pub customer: i64,
    pub campaign: &'static str,
    pub occasion: String,
    pub step: usize,
    pub template: &'static str,
    pub coupon: bool,
    pub send_at: Instant,
    pub expires_at: Instant,
}

impl Plan {
    /// A greeting at ten, good for the day.
    pub fn festival(customer: i64) -> Self {
        Self {
            customer,
            campaign: "festival",
            occasion: "christmas:2011".to_owned(),
            step: 0,
            template: "festival",
            coupon: false,
            send_at: christmas("10:00"),
            expires_at: at("2011-12-26T00:00:00Z"),
        }
    }
    /// The first word of a win-back, wanted at midnight, good for three days.
    pub fn winback(customer: i64) -> Self {
        Self {
            campaign: "winback",
            occasion: format!("after:retail:{customer}"),
            template: "winback_d0",
            send_at: christmas("00:00"),
            expires_at: at("2011-12-28T00:00:00Z"),
            ..Self::festival(customer)
        }
    }
    /// Its coupon.
    pub fn coupon(customer: i64) -> Self {
        Self { step: 2, template: "winback_d7", coupon: true, ..Self::winback(customer) }
    }
}

/// The demo's shop.
const SHOP: [&str; 6] = [
    "shop.key=retail",
    "shop.name=Retail",
    "shop.timezone=Europe/London",
    "shop.currency=GBP",
    "shop.locale=en",
    "shop.sender_address=care@example.com",
];

impl Care {
    /// Live since the 1st, at midnight of Christmas Day, coupons for 4,000.00.
    pub async fn open(database: TestDatabase) -> Self {
        Self::open_with(database, &[]).await
    }

    pub async fn open_with(database: TestDatabase, overrides: &[&str]) -> Self {
        let care = Self::in_onboarding(database, overrides).await;
        let book = &care.house.app.book;
        live::go_live(book, "test").await.expect("goes live");
        let shift = "UPDATE meta SET value = $1 WHERE key = 'go_live_at'";
        care.exec(shift, [at("2011-12-01T00:00:00Z").micros().to_string()]).await;
        care
    }

    pub async fn in_onboarding(database: TestDatabase, overrides: &[&str]) -> Self {
        let clock = format!("clock={CHRISTMAS}");
        let given = [&[clock.as_str()], &SHOP[..], overrides].concat();
        let care = Self { house: House::open(database, &given).await };
        care.apply(include_str!("../../../demo/retail/coupons.yaml")).await;
        for key in ["festival", "winback"] {
            campaigns::approve(&care.house.app.book, key, "test").await.expect("approved");
        }
        care
    }

    /// The same book as a second process on it would have it.
    pub async fn beside(&self) -> App {
        self.house.beside(&SHOP).await
    }

    pub async fn apply(&self, text: &str) {
        let book = &self.house.app.book;
        let input = Input { name: "test.yaml".to_owned(), text: text.to_owned(), kind: None };
        let prepared = apply::prepare(book, &[input]).await.expect("sound");
        apply::commit(book, prepared, "test").await.expect("applied");
    }

    /// Customers `from..=to` with an address of their own and consent.
    pub async fn customers(&self, ids: std::ops::RangeInclusive<i64>) {
        for id in ids {
            self.customer(id, &format!("c{id}@example.com")).await;
            self.consents(id, "granted", at("2011-11-01T00:00:00Z")).await;
        }
    }

    pub async fn customer(&self, id: i64, address: &str) {
        let created = at("2011-01-01T00:00:00Z").micros();
        self.exec(
            "INSERT INTO customer (id, shop_id, account_kind, created_at) \
             VALUES ($1, (SELECT MIN(id) FROM shop), 'consumer', $2)",
            [id, created],
        )
        .await;
        self.exec(
            "INSERT INTO customer_personal (customer_id, name, traits) VALUES ($1, 'Ada Example', '{}')",
            [id],
        )
        .await;
        self.exec::<Value>(
            "INSERT INTO contact_point (customer_id, channel, value, class, usable, is_primary) \
             VALUES ($1, 'email', $2, 'real', 1, 1)",
            [id.into(), address.into()],
        )
        .await;
    }

    pub async fn consents(&self, customer: i64, state: &str, at: Instant) {
        self.exec::<Value>(
            "INSERT INTO consent (customer_id, channel, purpose, state, source, evidence, occurred_at, recorded_at) \
             VALUES ($1, 'email', 'marketing', $2, 'test', '', $3, $3)",
            [customer.into(), state.into(), at.micros().into()],
        )
        .await;
    }

    /// Gives a customer the tag, as the keeper would have.
    pub async fn at_risk(&self, customer: i64, since: Instant) {
        let before_live = i64::from(since < at("2011-12-01T00:00:00Z"));
        self.exec::<Value>(
            "INSERT INTO tag_current (customer_id, key, value, since, as_of, source, rule_version, evidence) \
             VALUES ($1, 'churn_risk', 'true', $2, $2, 'computed', 1, '{}')",
            [customer.into(), since.micros().into()],
        )
        .await;
        self.exec::<Value>(
            "INSERT INTO tag_history (customer_id, key, to_value, since, as_of, recorded_at, cause, historical, \
             rule_version, evidence) VALUES ($1, 'churn_risk', 'true', $2, $2, $2, 'time', $3, 1, '{}')",
            [customer.into(), since.micros().into(), before_live.into()],
        )
        .await;
    }

    /// Enters a customer and plans one touchpoint, as the journeys would.
    pub async fn plan(&self, plan: Plan) -> TouchpointId {
        let book = &self.house.app.book;
        let campaign = self.number(&format!("SELECT id FROM campaign WHERE key = '{}'", plan.campaign)).await;
        let version =
            self.number(&format!("SELECT current_version_id FROM campaign WHERE id = {campaign}")).await;
        let batch = self.number("SELECT id FROM coupon_batch WHERE key = 'winback-50'").await;
        let priority = self.number(&format!("SELECT priority FROM campaign WHERE id = {campaign}")).await;
        let now = book.now().await.expect("a clock");
        let entry = NewEnrollment {
            campaign_id: CampaignId(campaign),
            version_id: CampaignVersionId(version),
            customer_id: CustomerId(plan.customer),
            occasion_key: plan.occasion.clone(),
            cause_at: plan.send_at,
            payload: json!({}),
        };
        let written: Result<(), StoreError> = book
            .store
            .write(Lane::People, move |tx| {
                Box::pin(async move { enrollments::enter(tx, now, vec![entry]).await.map(drop) })
            })
            .await;
        written.expect("entered");
        let enrollment = self
            .number(&format!(
                "SELECT id FROM enrollment WHERE campaign_id = {campaign} AND customer_id = {} \
                 AND occasion_key = '{}'",
                plan.customer, plan.occasion
            ))
            .await;
        let new = NewTouchpoint {
            customer_id: CustomerId(plan.customer),
            enrollment_id: EnrollmentId(enrollment),
            campaign_id: CampaignId(campaign),
            step: plan.step,
            channel: Channel::Email,
            purpose: Purpose::Marketing,
            priority: u8::try_from(priority).expect("0 to 100"),
            send_at: plan.send_at,
            expires_at: plan.expires_at,
            local_date: plan.send_at.local_date(chrono_tz::Europe::London),
            template_key: plan.template.to_owned(),
            coupon_batch_id: plan.coupon.then_some(CouponBatchId(batch)),
            message_id: format!("<retail.enr_{enrollment}.{}.email@example.com>", plan.step),
        };
        let written: Result<(), StoreError> = book
            .store
            .write(Lane::People, move |tx| Box::pin(async move { touchpoints::plan(tx, now, new).await }))
            .await;
        written.expect("planned");
        TouchpointId(
            self.number(&format!(
                "SELECT id FROM touchpoint WHERE enrollment_id = {enrollment} AND step = {}",
                plan.step
            ))
            .await,
        )
    }

    /// Lets the dispatcher do what is due, and nobody else.
    pub async fn dispatch(&self) {
        dispatch(&self.house.app).await;
    }

    /// Puts the clock forward, then dispatches.
    pub async fn dispatch_at(&self, now: Instant) {
        self.set_now(now).await;
        self.dispatch().await;
    }

    pub async fn set_now(&self, now: Instant) {
        self.exec("UPDATE clock SET now_at = $1 WHERE id = 1 AND now_at <= $1", [now.micros()]).await;
    }

    /// `state` or `state reason`.
    pub async fn state(&self, id: TouchpointId) -> String {
        let sql = "SELECT state, reason FROM touchpoint WHERE id = $1";
        let rows = self.rows(sql, [id.0]).await;
        let row = rows.first().expect("the touchpoint");
        let state: String = row.try_get("", "state").expect("a state");
        match row.try_get::<Option<String>>("", "reason").expect("a reason or none") {
            Some(reason) => format!("{state} {reason}"),
            None => state,
        }
    }

    /// The addresses in the file channel's journal, in order.
    pub fn mailed(&self) -> Vec<String> {
        mailed(&self.house.folder.path().join("mail"))
    }

    /// The mails written, whole.
    pub fn mails(&self) -> Vec<String> {
        let mut files = Vec::new();
        let folder = self.house.folder.path().join("mail");
        for day in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            for file in std::fs::read_dir(day.path()).into_iter().flatten().flatten() {
                files.push(std::fs::read_to_string(file.path()).expect("a mail"));
            }
        }
        files
    }

    /// Every violation the oracle's SQL finds.
    pub async fn violations(&self) -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("invariants");
        let mut found = Vec::new();
        for file in std::fs::read_dir(folder).expect("the oracle's folder").flatten() {
            if file.path().extension().is_none_or(|e| e != "sql") {
                continue;
            }
            let sql = std::fs::read_to_string(file.path()).expect("its SQL");
            for row in self.rows::<Value>(sql.trim().trim_end_matches(';'), []).await {
                let text = |i| row.try_get_by_index::<String>(i).unwrap_or_default();
                found.push(format!("{}: {} {}", file.file_name().display(), text(0), text(1)));
            }
        }
        found
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let rows = self.rows::<Value>(sql, []).await;
        rows.first()
            .and_then(|row| row.try_get_by_index(0).ok())
            .unwrap_or_else(|| panic!("{sql}: no number"))
    }

    pub async fn rows<V: Into<Value>>(
        &self,
        sql: &str,
        args: impl IntoIterator<Item = V>,
    ) -> Vec<QueryResult> {
        let reader = self.house.app.book.store.reader();
        let args: Vec<Value> = args.into_iter().map(Into::into).collect();
        let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, args);
        reader.query_all_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    pub async fn exec<V: Into<Value>>(&self, sql: &str, args: impl IntoIterator<Item = V>) -> u64 {
        let store = &self.house.app.book.store;
        let args: Vec<Value> = args.into_iter().map(Into::into).collect();
        let statement = Statement::from_sql_and_values(store.reader().get_database_backend(), sql, args);
        let done: Result<u64, StoreError> = store
            .write(Lane::People, move |tx| {
                Box::pin(async move { Ok(tx.execute_raw(statement).await?.rows_affected()) })
            })
            .await;
        done.unwrap_or_else(|e| panic!("{sql}: {e}"))
    }
}

/// Drains one house's dispatcher at its clock.
pub async fn dispatch(app: &App) {
    let engine = app.engine();
    let hired = engine.staff().iter().find(|h| h.worker.name() == "dispatcher").expect("a dispatcher");
    loop {
        let now = app.book.now().await.expect("a clock");
        if hired.worker.drain(now, hired.budget).await.expect("drains").done == 0 {
            return;
        }
    }
}

pub fn mailed(folder: &Path) -> Vec<String> {
    let journal = std::fs::read_to_string(folder.join("outbox.jsonl")).unwrap_or_default();
    journal
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON"))
        .map(|line| line["to"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// A machine second, for leases that are over.
pub const SECOND: Span = Span::seconds(1);
