//! Several documents at once, several people at once, and books that were kept before epochs were written down: whatever is published, the book
//! can be kept by it.

use super::ten;
use crate::support::care::{Care, at};
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use domain::time::Span;
use kinkeeper::service::apply::{self, Input};
use kinkeeper::service::identity::set_account_kind;
use kinkeeper::service::{Book, ServiceError, keeping};
use migration::MigratorTrait;
use sea_orm::{ConnectionTrait, Database};

async fn prepared(book: &Book, text: &str) -> apply::Prepared {
    let input = Input { name: "tags.yaml".to_owned(), text: text.to_owned(), kind: None };
    apply::prepare(book, &[input]).await.expect("sound")
}

fn tag(key: &str, rule: &str) -> String {
    format!("kind: tag\nkey: {key}\nname: {{en: {key}, zh-CN: {key}}}\nrule: {rule}\n---\n")
}

async fn keep(care: &Care) {
    let book = &care.house.app.book;
    let now = book.now().await.expect("the time");
    while keeping::keep_due(book, now, 100).await.expect("kept") > 0 {}
}

async fn who_have(care: &Care, key: &str) -> Vec<String> {
    let sql = format!(
        "SELECT key, as_of, cause, COUNT(*) AS n FROM tag_history WHERE key = '{key}' AND to_value IS NOT NULL \
                       GROUP BY key, as_of, cause ORDER BY as_of"
    );
    care.house.lines(&sql).await
}

const BUYS: &str = "{profile: orders_ever, gte: 1}";

on_both_databases! {
    async fn documents_of_one_publication_hold_from_one_instant_in_whatever_order_they_stand(database) {
        let care = Care::open(database).await;
        ten(&care.house).await;
        keep(&care).await;
        let start = care.house.app.book.now().await.expect("the time");
        // The first refers to the one behind it, which isn't there yet; then they change sides.
        let forward = tag("aa_first", "{tag: bb_second}") + &tag("bb_second", BUYS);
        let swapped = tag("aa_first", BUYS) + &tag("bb_second", "{not: {tag: aa_first}}");
        for (n, text) in [forward, swapped].into_iter().enumerate() {
            care.set_now(start + Span::hours(1 + n as i64)).await;
            care.apply(&text).await;
        }
        care.set_now(start + Span::days(1)).await;
        keep(&care).await;
        let first = (start + Span::hours(1)).micros();
        let second = (start + Span::hours(2)).micros();
        assert_eq!(who_have(&care, "aa_first").await, [format!("aa_first|{first}|rule|9")]);
        assert_eq!(who_have(&care, "bb_second").await, [format!("bb_second|{first}|rule|9"), format!("bb_second|{second}|rule|1")]);
    }

    async fn what_two_people_publish_at_once_is_no_circle(database) {
        let care = Care::open(database).await;
        let book = &care.house.app.book;
        care.apply(&(tag("aa", BUYS) + &tag("bb", BUYS))).await;
        let one = prepared(book, &tag("aa", "{tag: bb}")).await;
        let other = prepared(book, &tag("bb", "{tag: aa}")).await;
        apply::commit(book, other, "other").await.expect("published");
        match apply::commit(book, one, "one").await {
            Err(ServiceError::Conflict(why)) => assert!(why.contains("circle"), "{why}"),
            outcome => panic!("{outcome:?}"),
        }
        ten(&care.house).await;
        keep(&care).await;
        care.apply(&tag("aa", "{tag: vip}")).await;
        keep(&care).await;
    }

    async fn what_is_published_at_the_instant_of_a_naming_is_no_earlier(database) {
        let care = Care::open(database).await;
        let house = &care.house;
        ten(house).await;
        keep(&care).await;
        let now = house.app.book.now().await.expect("the time") + Span::days(1);
        care.set_now(now).await;
        care.apply(&tag("buys", BUYS)).await;
        let id: i64 = house.lines("SELECT customer_id FROM identifier WHERE value = 'u3'").await[0].parse().expect("an id");
        set_account_kind(&house.app.book, CustomerId(id), "staff", "test").await.expect("named");
        keep(&care).await;
        let sql = format!("SELECT as_of, cause FROM tag_history WHERE key = 'buys' AND customer_id = {id}");
        assert_eq!(house.lines(&sql).await, [format!("{}|rule", now.micros())]);
    }

    async fn a_book_kept_before_turns_were_written_down_goes_on_from_its_rules(database) {
        let care = Care::open(database).await;
        ten(&care.house).await;
        keep(&care).await;
        // As the migration leaves such a book: one turn, and definitions of no epoch.
        for sql in ["UPDATE rule_version SET epoch = 0", "UPDATE customer_due SET rule_epoch = rule_epoch + 4",
            "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 4 AS TEXT) WHERE key = 'rule_epoch'",
            "UPDATE rule_turn SET epoch = epoch + 4"] {
            care.exec(sql, Vec::<i64>::new()).await;
        }
        let now = at("2012-01-03T00:00:00Z");
        care.set_now(now).await;
        care.apply(&format!("kind: tag\n{}", crate::publishing::TIER.replace("10000.00", "6000.00"))).await;
        care.set_now(now + Span::days(1)).await;
        keep(&care).await;
        let sql = "SELECT key, as_of, cause, historical, COUNT(*) AS n FROM tag_history WHERE key IN ('vip', 'value_tier') \
                   AND to_value IN ('true', 'diamond') GROUP BY key, as_of, cause, historical ORDER BY key";
        let at = now.micros();
        assert_eq!(care.house.lines(sql).await, [format!("value_tier|{at}|rule|1|3"), format!("vip|{at}|rule|1|3")]);
    }

    async fn the_migration_says_by_which_rules_a_book_was_kept_so_far(database) {
        let connection = Database::connect(format!("{}?mode=rwc", database.url())).await.expect("a connection");
        let names: Vec<String> = migration::Migrator::migrations().iter().map(|one| one.name().to_owned()).collect();
        let before = names.iter().position(|name| name.ends_with("_turns")).expect("there");
        migration::Migrator::up(&connection, Some(before as u32)).await.expect("the schema of before");
        for sql in ["INSERT INTO meta (key, value) VALUES ('rule_epoch', '7')",
            "INSERT INTO rule_version (key, version, document, document_hash, published_at) VALUES ('a', 1, '{}', 'h', 41), ('a', 2, '{}', 'h', 42)"] {
            connection.execute_unprepared(sql).await.expect("written");
        }
        migration::Migrator::up(&connection, None).await.expect("today's schema");
        let sql = "SELECT epoch, at FROM rule_turn";
        let row = connection.query_one_raw(sea_orm::Statement::from_string(connection.get_database_backend(), sql)).await;
        let row = row.expect("asked").expect("a turn");
        let found: (i64, i64) = (row.try_get_by_index(0).expect("a number"), row.try_get_by_index(1).expect("a number"));
        assert_eq!(found, (7, 42));
    }
}
