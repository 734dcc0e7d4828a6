//! The heavy shapes of rules are answered from their indexes: what each database says it would do, in a book in which what the rule is
//! about is a small part, is what `plans.txt` says. `KINKEEPER_WRITE_PLANS=1` writes that file anew.

use crate::support::care::Care;
use crate::support::{TestDatabase, on_both_databases};
use domain::rule;
use kinkeeper::service::asking;
use kinkeeper::store::rule_sql;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use std::fmt::Write;

/// What is published, so that what events say at it is in the index.
const PUBLISHED: &str = "kind: segment\nkey: readers\nname: {en: Readers, zh-CN: 读者}\nrule:\n  any:\n    \
    - {event: Order Completed, where: [{property: products.category, eq: tea}, {property: products.price, gte: 5}]}\n    \
    - {event: Order Completed, sum: {of: total, gt: 5}}\n    \
    - {event: Shelf Viewed, where: [{property: products.category, eq: tea}, {property: products.price, gte: 5}, {property: order_id, eq: a}]}\n";

/// Rules by what they are called in the file.
fn shapes() -> Vec<(&'static str, Value)> {
    let bought = json!({"property": "products.category", "eq": "Tea"});
    let orders = |more: Value| {
        let mut rule = json!({"event": "Order Completed"});
        rule.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        rule
    };
    vec![
        ("profile", json!({"profile": "spend_365", "gte": "1000.00"})),
        ("tag", json!({"tag": "churn_risk", "eq": "true"})),
        ("no tag", json!({"not": {"tag": "churn_risk", "exists": true}})),
        ("tag since", json!({"tag": "value_tier", "in": ["gold", "diamond"], "since": {"older_than": "7d"}})),
        ("no tag since", json!({"tag": "churn_risk", "exists": false, "since": {"within": "30d"}})),
        ("segment", json!({"segment": "readers", "since": {"within": "30d"}})),
        ("event within", orders(json!({"within": "30d"}))),
        ("no event within", json!({"not": orders(json!({"within": "30d"}))})),
        ("count within", orders(json!({"count": {"gte": 2}, "within": "90d"}))),
        ("few within", orders(json!({"count": {"lte": 1}, "within": "90d"}))),
        ("last", orders(json!({"last": {"older_than": "180d"}}))),
        ("where", orders(json!({"where": [bought.clone()]}))),
        ("where within", orders(json!({"where": [bought.clone()], "within": "90d", "count": {"gte": 2}}))),
        (
            "one element",
            orders(json!({"where": [bought.clone(), {"property": "products.price", "gte": "5"}]})),
        ),
        ("begins with", orders(json!({"where": [{"property": "products.category", "starts_with": "te"}]}))),
        ("sum", orders(json!({"sum": {"of": "total", "gte": "100"}, "within": "90d"}))),
        (
            "sum where",
            orders(json!({"where": [bought.clone()], "sum": {"of": "products.price", "gte": "100"}})),
        ),
        ("last said", orders(json!({"last": {"of": "products.category", "eq": "Tea"}, "within": "10d"}))),
        ("mean", orders(json!({"avg": {"of": "total", "gte": "100"}, "within": "90d"}))),
        (
            "element without",
            orders(json!({"where": [bought.clone(), {"property": "products.price", "exists": false}]})),
        ),
        (
            "three and a tag",
            json!({"all": [{"profile": "spend_365", "gte": "100"}, {"profile": "orders_365", "gte": 1}, {"days_since": "last_order_at", "lte": 90},
                           {"tag": "value_tier", "in": ["silver", "gold"]}]}),
        ),
    ]
}

/// Customers of whom the book is made up, how often, and events of each.
const PEOPLE: usize = 40;
const TIMES: i64 = 100;
const EVENTS: i64 = 25;

fn story(user: usize) -> Vec<Value> {
    let event = |n: i64| {
        let n = n + user as i64;
        let name = if n % 12 == 0 { "Order Completed" } else { "Shelf Viewed" };
        let category = if n % 24 == 0 { "Tea" } else { "Lamps" };
        json!({"type": "track", "event": name, "userId": format!("u{user}"), "messageId": format!("{user} {n}"),
               "timestamp": format!("{}-{:02}-10T08:00:00Z", 2010 + n % 2, 1 + n % 11),
               "properties": {"order_id": format!("{user} {n}"), "total": n * 20,
                              "products": [{"category": category, "price": n}, {"category": "Lamps", "price": 2}]}})
    };
    (0..EVENTS).map(event).collect()
}

/// The rows of a table again and again; of each column that tells them apart what it is the `k`th time.
async fn multiply(care: &Care, table: &str, apart: &[(&str, String)]) {
    let columns = care.house.lines(&columns_of(care, table)).await;
    let each: Vec<String> = columns
        .iter()
        .map(|column| match apart.iter().find(|(name, _)| name == column) {
            Some((_, expression)) => expression.clone(),
            None => format!("t.{column}"),
        })
        .collect();
    let sql = format!(
        "WITH RECURSIVE times (k) AS (SELECT {one} UNION ALL SELECT k + 1 FROM times WHERE k < {TIMES}) \
         INSERT INTO {table} ({}) SELECT {} FROM {table} t CROSS JOIN times",
        columns.join(", "),
        each.join(", "),
        one = "CAST(1 AS BIGINT)",
    );
    assert!(care.exec::<i64>(&sql, []).await > 0, "{table} has rows");
}

fn is_postgres(care: &Care) -> bool {
    matches!(care.house.app.book.store.reader().get_database_backend(), sea_orm::DbBackend::Postgres)
}

fn columns_of(care: &Care, table: &str) -> String {
    if is_postgres(care) {
        format!("SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'")
    } else {
        format!("SELECT name FROM pragma_table_info('{table}')")
    }
}

async fn book(database: TestDatabase) -> Care {
    let url = database.url();
    let care = Care::in_onboarding(database, &[]).await;
    let house = &care.house;
    care.apply(PUBLISHED).await;
    for user in 0..PEOPLE {
        house.send(story(user)).await;
    }
    house.app.engine().drain_all().await.expect("kept");
    // Each time other people, and their events beside the first's.
    let shift = |column: &str| (column.to_owned(), format!("t.{column} + k * 1000000"));
    let (customer, event) = (shift("customer_id"), shift("event_id"));
    let with = |of: &(String, String), name: &'static str| (name, of.1.clone());
    multiply(&care, "profile", &[with(&customer, "customer_id")]).await;
    multiply(&care, "tag_current", &[with(&customer, "customer_id")]).await;
    multiply(&care, "tag_ended", &[with(&customer, "customer_id")]).await;
    let id = ("id", "t.id + k * 1000000".to_owned());
    let message = ("message_id", "t.message_id || '-' || k".to_owned());
    multiply(&care, "event", &[with(&customer, "customer_id"), id, message]).await;
    multiply(&care, "event_property", &[with(&event, "event_id")]).await;
    if is_postgres(&care) {
        // As its housekeeping does now and then.
        let beside = sea_orm::Database::connect(url).await.expect("connected");
        beside.execute_unprepared("VACUUM ANALYZE").await.expect("looked through");
    }
    care
}

/// What the database says it would do, a step a line, the outermost first.
async fn plan(care: &Care, rule: &Value) -> Vec<String> {
    let book = &care.house.app.book;
    let rule = rule::parse(rule).unwrap_or_else(|problems| panic!("{rule}: {problems:?}"));
    let now = book.now().await.expect("now");
    let asking = asking::at(book, &[&rule], now).await.expect("asked");
    let db = book.store.reader();
    let counted = rule_sql::counting(&rule, &asking, db).await.expect("a condition");
    let explain = if is_postgres(care) { "EXPLAIN (COSTS OFF)" } else { "EXPLAIN QUERY PLAN" };
    let statement = Statement::from_sql_and_values(
        db.get_database_backend(),
        format!("{explain} {}", counted.sql),
        counted.args,
    );
    let rows = db.query_all_raw(statement).await.expect("explained");
    let column = if is_postgres(care) { "QUERY PLAN" } else { "detail" };
    rows.iter().map(|row| row.try_get::<String>("", column).expect("a line")).collect()
}

/// Where rows are read, as the plan tells: nothing of costs, of how rows are joined, of what is bound.
fn read_where(plan: &[String]) -> Vec<String> {
    let line = |line: &String| {
        let line = line.trim().trim_start_matches("->").trim().trim_start_matches("Parallel ").to_owned();
        (line.contains(" Scan") || line.starts_with("SCAN ") || line.starts_with("SEARCH ")).then_some(line)
    };
    plan.iter().filter_map(line).collect()
}

/// Whether a table that has rows of everybody's past is read from end to end.
fn reads_a_log(line: &str) -> bool {
    let of = |table: &str, alias: &str| {
        line.starts_with(&format!("Seq Scan on {table}"))
            || line == format!("SCAN {alias}")
            || line.starts_with(&format!("SCAN {alias} USING"))
    };
    [
        ("event", "e"),
        ("event_property", "v0"),
        ("event_property", "m"),
        ("event_property", "q"),
        ("tag_current", "t"),
        ("tag_ended", "t"),
    ]
    .into_iter()
    .any(|(table, alias)| of(table, alias))
}

fn path() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/asking/plans.txt")
}

/// The part of the file that is this database's.
fn part(text: &str, database: &str) -> String {
    let head = format!("# {database}\n");
    let rest = text.split_once(&head).map_or("", |(_, rest)| rest);
    rest.split("\n# ").next().unwrap_or_default().trim_end().to_owned()
}

on_both_databases! {
    async fn heavy_rules_are_answered_from_their_indexes(database) {
        let care = book(database).await;
        let name = if is_postgres(&care) { "PostgreSQL" } else { "SQLite" };
        let mut found = String::new();
        let mut wrong = Vec::new();
        for (shape, rule) in shapes() {
            let plan = plan(&care, &rule).await;
            let lines = read_where(&plan);
            assert!(!lines.is_empty(), "{shape}: {plan:?}");
            wrong.extend(lines.iter().filter(|line| reads_a_log(line)).map(|line| format!("{shape}: {line}")));
            write!(found, "\n{shape}: {rule}\n    {}\n", lines.join("\n    ")).expect("written");
        }
        assert!(wrong.is_empty(), "a log is read from end to end\n{}\n{found}", wrong.join("\n"));
        let found = found.trim().to_owned();
        let text = std::fs::read_to_string(path()).unwrap_or_default();
        if std::env::var_os("KINKEEPER_WRITE_PLANS").is_some() {
            let parts = ["SQLite", "PostgreSQL"].map(|of| {
                let part = if of == name { found.clone() } else { part(&text, of) };
                format!("# {of}\n{part}\n")
            });
            std::fs::write(path(), parts.join("\n")).expect("written");
            return;
        }
        assert_eq!(found, part(&text, name), "KINKEEPER_WRITE_PLANS=1 writes tests/it/asking/plans.txt anew");
    }
}
