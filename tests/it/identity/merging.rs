//! Merging and parting, case by case.

use super::{NOW, identify, keep, number, order, rows, send, track, who};
use crate::support::{book::House, on_both_databases};
use domain::ids::CustomerId;
use kinkeeper::service::ServiceError;
use kinkeeper::service::identity::{merge, unmerge};
use kinkeeper::service::profile::profile;
use kinkeeper::store::clusters::{ANEW, FOLDED, MOVED, STAYS};
use kinkeeper::store::personal_copy::{BOOKKEEPING, SECTIONS};
use sea_orm::ConnectionTrait;
use serde_json::json;
use std::collections::BTreeSet;

const SPRING: &str = "2026-03-01T04:00:00Z";

async fn tag(house: &House, id: CustomerId, key: &str) -> Option<String> {
    let view = profile(&house.app.book, id).await.expect("asked").expect("is there");
    view.tags.into_iter().find(|tag| tag.key == key).map(|tag| tag.value)
}

on_both_databases! {
    async fn two_merged_customers_of_6000_are_one_diamond(database) {
        let house = House::open(database, &[NOW]).await;
        send(&house, vec![order("a", "1", SPRING, "6000"), order("b", "2", SPRING, "6000")]).await;
        keep(&house).await;
        let (a, b) = (who(&house, "a").await, who(&house, "b").await);
        assert_eq!(tag(&house, a, "value_tier").await.as_deref(), Some("gold"));
        merge(&house.app.book, a, b, "test", Some("the same number")).await.expect("merged");
        keep(&house).await;
        assert_eq!(tag(&house, a, "value_tier").await.as_deref(), Some("diamond"));
        assert_eq!(tag(&house, a, "vip").await.as_deref(), Some("true"));
        let why = format!("SELECT COUNT(*) FROM tag_history WHERE customer_id = {} AND key = 'value_tier' AND cause = 'merge'", a.0);
        assert_eq!(number(&house, &why).await, 1);
        let seen = profile(&house.app.book, b).await.expect("asked").expect("still answers");
        assert_eq!((seen.id, seen.merged_from), (a, vec![b]));
        let audited = "SELECT COUNT(*) FROM audit WHERE action = 'customer.merged' AND actor = 'test'";
        assert_eq!(number(&house, audited).await, 1);

        unmerge(&house.app.book, b, "test", None).await.expect("parted");
        keep(&house).await;
        for id in [a, b] {
            assert_eq!(tag(&house, id, "value_tier").await.as_deref(), Some("gold"));
            assert_eq!(tag(&house, id, "vip").await, None);
        }
        let fold = "SELECT COUNT(*) FROM tag_current t WHERE t.value <> COALESCE((SELECT h.to_value FROM tag_history h \
            WHERE h.customer_id = t.customer_id AND h.key = t.key ORDER BY h.as_of DESC, h.id DESC LIMIT 1), '')";
        assert_eq!(number(&house, fold).await, 0, "the ledger's fold is what holds");
    }

    async fn a_merge_that_cant_be_is_refused(database) {
        let house = House::open(database, &[NOW]).await;
        send(&house, vec![order("a", "1", SPRING, "1"), order("b", "2", SPRING, "1"), order("c", "3", SPRING, "1")]).await;
        let (a, b, c) = (who(&house, "a").await, who(&house, "b").await, who(&house, "c").await);
        let book = &house.app.book;
        assert!(matches!(merge(book, a, a, "test", None).await, Err(ServiceError::Invalid(_))));
        assert!(matches!(merge(book, a, CustomerId(999), "test", None).await, Err(ServiceError::NotFound(_))));
        assert!(matches!(unmerge(book, a, "test", None).await, Err(ServiceError::Conflict(_))));
        merge(book, a, b, "test", None).await.expect("merged");
        assert!(matches!(merge(book, b, a, "test", None).await, Err(ServiceError::Conflict(_))), "one already");
        // Merging the merged is merging who they are: flat.
        let done = merge(book, c, b, "test", None).await.expect("merged");
        assert_eq!((done.customer, done.merged_from), (c, vec![a, b]));
        assert_eq!(number(&house, &format!("SELECT COUNT(*) FROM customer WHERE merged_into = {}", c.0)).await, 2);
        let Err(ServiceError::Conflict(told)) = unmerge(book, c, "test", None).await else { panic!("refused") };
        assert!(told.contains(&a.to_string()) && told.contains(&b.to_string()), "{told}");
        unmerge(book, a, "test", None).await.expect("parted");
        assert_eq!((who(&house, "a").await, who(&house, "b").await), (a, c));
    }

    async fn the_most_restrictive_side_counts_while_they_are_one(database) {
        let house = House::open(database, &[NOW]).await;
        let consent = |user, at, granted| {
            track(user, "Consent Changed", at, json!({"channel": "email", "purpose": "marketing", "granted": granted}))
        };
        send(&house, vec![
            consent("a", "2026-03-01T00:00:00Z", true),
            consent("b", "2026-02-01T00:00:00Z", false),
            identify("c", SPRING, json!({"name": "C"})),
        ]).await;
        let (a, b, c) = (who(&house, "a").await, who(&house, "b").await, who(&house, "c").await);
        let state = |id: CustomerId| {
            let house = &house;
            async move {
                let view = profile(&house.app.book, id).await.expect("asked").expect("is there");
                view.consents.into_iter().map(|c| c.state).collect::<Vec<_>>()
            }
        };
        merge(&house.app.book, a, c, "test", None).await.expect("merged");
        assert_eq!(state(a).await, ["granted"], "silence restricts nobody");
        merge(&house.app.book, a, b, "test", None).await.expect("merged");
        assert_eq!(state(a).await, ["denied"], "the older denial of the other side beats the newer grant");
        send(&house, vec![consent("a", "2026-04-01T00:00:00Z", true)]).await;
        assert_eq!(state(a).await, ["denied"], "one side can't speak for the other");
        send(&house, vec![consent("b", "2026-05-01T00:00:00Z", true)]).await;
        assert_eq!(state(a).await, ["granted"]);
        unmerge(&house.app.book, b, "test", None).await.expect("parted");
        assert_eq!((state(a).await, state(b).await, state(c).await.len()), (vec!["granted".to_owned()], vec!["granted".to_owned()], 1));
    }

    async fn late_events_land_on_who_they_are_and_go_back(database) {
        let house = House::open(database, &[NOW]).await;
        send(&house, vec![order("a", "1", SPRING, "100"), order("b", "2", SPRING, "100")]).await;
        let (a, b) = (who(&house, "a").await, who(&house, "b").await);
        merge(&house.app.book, a, b, "test", None).await.expect("merged");
        send(&house, vec![order("b", "3", SPRING, "70"), identify("b", SPRING, json!({"email": "b@example.com"}))]).await;
        let whose = format!("SELECT COUNT(*) FROM event WHERE customer_id = {} AND origin_customer_id = {}", a.0, b.0);
        assert_eq!(number(&house, &whose).await, 3);
        assert_eq!(number(&house, "SELECT COUNT(*) FROM customer_due").await, 1, "nobody waits as who they were");
        unmerge(&house.app.book, b, "test", None).await.expect("parted");
        keep(&house).await;
        let view = profile(&house.app.book, b).await.expect("asked").expect("is there");
        assert_eq!((view.orders.len(), view.contact_points.len(), view.aggregates.orders_ever), (2, 1, 2));
        let view = profile(&house.app.book, a).await.expect("asked").expect("is there");
        assert_eq!((view.orders.len(), view.contact_points.len()), (1, 0));
    }

    async fn every_table_with_a_customer_follows_a_merge_or_says_why_not(database) {
        let house = House::open(database, &[NOW]).await;
        let sql = match house.app.book.store.reader().get_database_backend() == sea_orm::DbBackend::Postgres {
            true => "SELECT table_name AS t, column_name AS c FROM information_schema.columns WHERE table_schema = 'public'",
            false => "SELECT m.name AS t, p.name AS c FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'",
        };
        let mut there = BTreeSet::new();
        let mut with_origin = BTreeSet::new();
        for row in rows(&house, sql).await {
            let (table, column): (String, String) = (row.try_get("", "t").expect("a name"), row.try_get("", "c").expect("a name"));
            match column.as_str() {
                "customer_id" => drop(there.insert(table)),
                "origin_customer_id" => drop(with_origin.insert(table)),
                _ => {}
            }
        }
        let moved: BTreeSet<String> = MOVED.iter().map(|moved| moved.table.to_owned()).collect();
        let folded = FOLDED.iter().map(|table| (*table).to_owned());
        let told: BTreeSet<&str> =
            SECTIONS.iter().flat_map(|section| section.tables).chain(BOOKKEEPING).copied().collect();
        let untold: Vec<&String> = there.iter().filter(|table| !told.contains(table.as_str())).collect();
        assert!(untold.is_empty(), "{untold:?}: show them in store::personal_copy, or say there why not");
        let others = ANEW.iter().chain(STAYS).map(|table| (*table).to_owned()).chain(folded.clone());
        assert_eq!(there, moved.iter().cloned().chain(others).collect(), "name it in store::clusters");
        assert_eq!(with_origin, moved.into_iter().chain(folded).collect(), "what is moved knows where it came from");
    }
}
