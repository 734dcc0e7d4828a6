//! Whom events are about: names decide, once, in the log's order.

use super::{NOW, identify, keep, number, order, rows, send, who};
use crate::support::{book::House, on_both_databases};
use domain::ids::CustomerId;
use kinkeeper::service::identity::{candidates, merge, unmerge};
use kinkeeper::service::profile::{IdentifierKind, find, profile};
use serde_json::{Value, json};

const SPRING: &str = "2026-03-01T04:00:00Z";
const PHONE: &str = "13912345678";

async fn found(house: &House, kind: IdentifierKind, value: &str) -> CustomerId {
    find(&house.app.book, kind, value).await.expect("asked").expect("is in the book")
}

fn from_taobao(id: &str, phone: &str, message: &str) -> Value {
    json!({"type": "track", "event": "Order Completed", "messageId": message, "anonymousId": message, "timestamp": SPRING,
           "properties": {"order_id": message, "total": "100"},
           "context": {"externalIds": [{"type": "taobao", "id": id}], "traits": {"phone": phone}}})
}

on_both_databases! {
    async fn one_event_with_the_strong_names_of_two_makes_them_one(database) {
        let house = House::open(database, &[NOW]).await;
        send(&house, vec![from_taobao("林小姐", PHONE, "t1"), order("u1", "s1", SPRING, "100")]).await;
        let (bought, own) =
            (found(&house, IdentifierKind::External, "taobao:林小姐").await, who(&house, "u1").await);
        assert_ne!(bought, own);
        send(&house, vec![identify("u1", SPRING, json!({"phone": PHONE}))]).await;
        assert_eq!(found(&house, IdentifierKind::External, "taobao:林小姐").await, own, "who has the user id stays");
        keep(&house).await;
        let view = profile(&house.app.book, bought).await.expect("asked").expect("still answers");
        assert_eq!((view.id, view.merged_from, view.aggregates.orders_ever), (own, vec![bought], 2));
        let audited = "SELECT COUNT(*) FROM audit WHERE action = 'customer.merged' AND actor = 'kinkeeper'";
        assert_eq!(number(&house, audited).await, 1);

        // A person says no: no event makes them one again, and the late ones go where they name.
        unmerge(&house.app.book, bought, "test", None).await.expect("parted");
        let again = json!({"type": "identify", "messageId": "again", "userId": "u1", "traits": {"phone": PHONE}});
        send(&house, vec![again, from_taobao("林小姐", PHONE, "t2")]).await;
        keep(&house).await;
        let view = profile(&house.app.book, bought).await.expect("asked").expect("is there");
        assert_eq!((view.id, view.orders.len()), (bought, 2));
    }

    async fn all_of_it_in_one_batch_is_the_same(database) {
        let house = House::open(database, &[NOW]).await;
        send(&house, vec![
            from_taobao("林小姐", PHONE, "t1"),
            order("u1", "s1", SPRING, "100"),
            identify("u1", SPRING, json!({"phone": PHONE})),
            from_taobao("林小姐", "", "t2"),
        ]).await;
        let own = who(&house, "u1").await;
        assert_eq!(number(&house, &format!("SELECT COUNT(*) FROM orders WHERE customer_id = {}", own.0)).await, 3);
        assert_eq!(number(&house, "SELECT COUNT(DISTINCT origin_customer_id) FROM orders").await, 2);
        let elsewhere = format!("SELECT COUNT(*) FROM event_personal WHERE customer_id <> {}", own.0);
        assert_eq!(number(&house, &elsewhere).await, 0);
    }

    async fn two_user_ids_with_one_address_are_a_candidate(database) {
        let house = House::open(database, &[NOW]).await;
        let with = |user| identify(user, SPRING, json!({"email": "family@example.com"}));
        send(&house, vec![with("a")]).await;
        send(&house, vec![with("b"), with("b")]).await;
        let (a, b) = (who(&house, "a").await, who(&house, "b").await);
        assert_ne!(a, b);
        let pairs = candidates(&house.app.book, 10).await.expect("listed");
        let told: Vec<_> = pairs.iter().map(|p| (p.first, p.second, p.by.as_str())).collect();
        assert_eq!(told, [(a, b, "email")]);
        assert_eq!(pairs[0].second_user_id.as_deref(), Some("b"));
        let points = rows(&house, "SELECT id FROM contact_point WHERE value = 'family@example.com'").await;
        assert_eq!(points.len(), 2, "both can be reached there");
        merge(&house.app.book, a, b, "test", None).await.expect("merged");
        assert_eq!(candidates(&house.app.book, 10).await.expect("listed"), []);
    }

    async fn what_is_shared_blocked_or_hidden_identifies_nobody(database) {
        let house = House::open(database, &[NOW]).await;
        let users = ["a", "b", "c", "d", "e"];
        for user in users {
            let traits = json!({"phone": PHONE, "email": "test@test.com"});
            send(&house, vec![identify(user, SPRING, traits)]).await;
        }
        assert_eq!(candidates(&house.app.book, 10).await.expect("listed").len(), 2, "until it is shared by four");
        send(&house, vec![from_taobao("林**", PHONE, "m1"), from_taobao("林**", "138****5678", "m2")]).await;
        let people = number(&house, "SELECT COUNT(DISTINCT customer_id) FROM orders").await;
        assert_eq!((people, number(&house, "SELECT COUNT(*) FROM identifier WHERE kind = 'external'").await), (2, 0));
    }

    async fn an_alias_gives_a_browser_its_user_id(database) {
        let house = House::open(database, &[NOW]).await;
        send(&house, vec![
            json!({"type": "track", "event": "Newsletter Read", "messageId": "1", "anonymousId": "browser", "timestamp": SPRING}),
            json!({"type": "alias", "messageId": "2", "previousId": "browser", "userId": "u1", "timestamp": SPRING}),
        ]).await;
        assert_eq!(number(&house, "SELECT COUNT(*) FROM customer").await, 1);
        assert_eq!(found(&house, IdentifierKind::AnonymousId, "browser").await, who(&house, "u1").await);
    }
}
