//! Effects happen once by their business keys, and what each kind of event leaves behind.

use crate::support::book::both_databases;
use crate::support::retail::Retail;
use serde_json::{Value, json};

const NOW: &str = "2011-12-01T00:00:00Z";

fn track(id: &str, event: &str, day: u32, properties: Value) -> Value {
    json!({"type": "track", "messageId": id, "userId": "u1", "event": event,
           "timestamp": format!("2011-11-{day:02}T10:00:00Z"), "properties": properties})
}

both_databases! {
    async fn orders_have_lines_of_their_greatest_version(book: Book) {
        let book = Retail::of(book).await;
        let lines = json!([
            {"sku": "a", "product_id": 7, "name": "Mug", "category": "kitchen", "style": "plain", "brand": "B", "quantity": 2, "price": "1.115"},
            {"sku": "b", "price": 3, "quantity": 0.5},
        ]);
        let completed = track("1", "Order Completed", 1, json!({"order_id": "o", "products": lines}));
        let updated = track("2", "Order Updated", 3, json!({"order_id": "o", "total": 5, "products": [{"sku": "c", "price": 5}]}));
        let total_only = track("3", "Order Updated", 4, json!({"order_id": "o", "total": 4}));
        book.accept(NOW, vec![completed.clone()]).await.expect("in");
        let kept = book.lines("SELECT line_no, sku, product_id, name, category, style, brand, quantity_milli, price_minor, amount_minor \
                               FROM order_line ORDER BY line_no").await;
        assert_eq!(kept, ["1|a|7|Mug|kitchen|plain|B|2000|112|224", "2|b|-|-|-|-|-|500|300|150"]);
        book.accept(NOW, vec![total_only, updated]).await.expect("in");
        assert_eq!(book.lines("SELECT line_no, sku, amount_minor FROM order_line").await, ["1|c|500"]);
        assert_eq!(book.lines("SELECT total_minor FROM orders").await, ["400"]);
        let older = track("0", "Order Updated", 2, json!({"order_id": "o", "total": 1, "products": []}));
        book.accept(NOW, vec![older]).await.expect("in");
        assert_eq!(book.lines("SELECT line_no, sku, amount_minor FROM order_line").await, ["1|c|500"]);
    }

    async fn a_line_nobody_adds_up_may_be_unreadable(book: Book) {
        let book = Retail::of(book).await;
        let said = json!({"order_id": "o", "total": 9, "products": [{"sku": "a", "price": "free", "quantity": "few"}, 5]});
        let receipt = book.accept(NOW, vec![track("1", "Order Completed", 1, said)]).await.expect("in");
        assert_eq!(receipt.rejected, []);
        assert_eq!(book.lines("SELECT sku, quantity_milli, price_minor, amount_minor FROM order_line").await, ["a|1000|-|0"]);
    }

    async fn what_is_said_of_a_parcel_is_kept_field_by_field(book: Book) {
        let book = Retail::of(book).await;
        let events = vec![
            track("p", "Order Placed", 1, json!({"order_id": "o", "pay_by": "2011-11-02"})),
            track("4", "Order Delivered", 9, json!({"order_id": "o"})),
            track("1", "Shipment Updated", 3, json!({"order_id": "o", "status": "shipped", "carrier": "SF", "promised_by": "2011-11-08T00:00:00Z"})),
            track("2", "Shipment Exception", 5, json!({"order_id": "o", "reason": "weather", "new_eta": "2011-11-09"})),
            track("3", "Shipment Updated", 6, json!({"order_id": "o", "place": "Leeds"})),
            track("5", "Shipment Updated", 4, json!({"order_id": "o", "shipment_id": "s2", "carrier": "YTO"})),
        ];
        for event in events {
            book.accept(NOW, vec![event]).await.expect("in");
        }
        let day = |n: i64| (n - 1) * 86_400_000_000 + 1_320_105_600_000_000;
        let ten = 36_000_000_000;
        let shipments = book.lines("SELECT shipment_key, order_key, status, carrier, place, promised_by, exception_at, reason, new_eta, delivered_at, \
                                    version_id FROM shipment ORDER BY shipment_key").await;
        assert_eq!(shipments, [
            format!("retail:o|retail:o|delivered|SF|Leeds|{}|{}|weather|{}|{}|4", day(8), day(5) + ten, day(9), day(9) + ten),
            "retail:s2|retail:o|-|YTO|-|-|-|-|-|-|5".to_owned(),
        ]);
        let placed = book.lines("SELECT placed_at, pay_by, paid_at FROM orders").await;
        assert_eq!(placed, [format!("{}|{}|-", day(1) + ten, day(2))]);
    }

    async fn texts_lie_apart_and_typed_parts_hold_none(book: Book) {
        let book = Retail::of(book).await;
        let events = vec![
            track("r", "Product Reviewed", 1, json!({"review_id": "r1", "product_id": "p", "rating": "4.5", "review_body": "secret words"})),
            track("c", "CSAT Submitted", 1, json!({"score": 2, "ticket_id": "t", "comment": "secret words"})),
            track("n", "NPS Submitted", 2, json!({"score": "10"})),
            track("m", "Contact Made", 2, json!({"channel": "SMS", "purpose": "marketing", "source": "desk", "message": "secret words"})),
            track("l", "Call Logged", 3, json!({"call_id": 5, "direction": "inbound", "duration_seconds": 61, "note": "secret words"})),
        ];
        book.accept(NOW, events).await.expect("in");
        let state = [
            book.lines("SELECT review_key, product_id, rating_milli FROM review").await,
            book.lines("SELECT feedback_key, kind, ticket_key, score FROM feedback ORDER BY kind").await,
            book.lines("SELECT contact_key, kind, channel, purpose, tool, inbound, seconds FROM contact_made ORDER BY kind").await,
        ];
        // What has no id of its own is named by a hash of its message: a message's id may say whom it is about.
        let hashed = |line: &String| match line.split_once("~api:") {
            Some((before, after)) => {
                let (hash, rest) = after.split_at(24);
                assert!(hash.bytes().all(|b| b.is_ascii_hexdigit()), "{line}");
                format!("{before}~api:#{rest}")
            }
            None => line.clone(),
        };
        assert_eq!(state.concat().iter().map(hashed).collect::<Vec<_>>(), [
            "retail:r1|p|4500",
            "retail:~api:#|csat|retail:t|2",
            "retail:~api:#|nps|-|10",
            "retail:5|call|call|-|-|1|61",
            "retail:~api:#|contact|sms|marketing|desk|0|-",
        ]);
        let apart = book.lines("SELECT COUNT(*) AS n FROM event_personal WHERE payload LIKE '%secret words%'").await;
        assert_eq!(apart, ["4"]);
        let left = book.lines("SELECT message_id FROM event WHERE properties LIKE '%secret%' OR fact LIKE '%secret%'").await;
        assert_eq!(left, Vec::<String>::new());
    }

    async fn scores_and_stars_that_cant_be_are_refused(book: Book) {
        let book = Retail::of(book).await;
        let events = vec![
            track("1", "CSAT Submitted", 1, json!({"score": 6})),
            track("2", "NPS Submitted", 1, json!({})),
            track("3", "Product Reviewed", 1, json!({"rating": 9})),
            track("4", "Shipment Updated", 1, json!({"carrier": "SF"})),
            track("5", "Contact Made", 1, json!({})),
            track("6", "Call Logged", 1, json!({"direction": "sideways"})),
            track("7", "Order Placed", 1, json!({"order_id": 1, "pay_by": "soon"})),
        ];
        let rejected = book.accept(NOW, events).await.expect("in").rejected;
        let told: Vec<String> = rejected.iter().map(|r| format!("{} {}", r.code, r.detail)).collect();
        assert_eq!(told, [
            "not_in_range properties.score: must be a whole number from 1 to 5",
            "missing_field properties.score: is missing; send the score, 0 to 10",
            "bad_rating properties.rating: must be a number of stars from 0 to 5; scale others to that",
            "missing_field properties.order_id: is missing; a shipment needs its order's id, or shipment_id",
            "missing_field properties.channel: is missing; a contact was made by a channel such as sms",
            "bad_direction properties.direction: must be inbound or outbound",
            "bad_timestamp properties.pay_by: is no instant; write it like 2026-09-25T09:55:00+08:00",
        ]);
    }

    async fn a_ticket_of_two_people_has_all_that_was_said(book: Book) {
        let book = Retail::of(book).await;
        let mut resolved = track("3", "Ticket Resolved", 5, json!({"ticket_id": "t"}));
        resolved["userId"] = json!("u2");
        let events = vec![
            resolved,
            track("1", "Ticket Opened", 3, json!({"ticket_id": "t", "sku": "a", "theme": "late", "severity": "S3"})),
            track("2", "Ticket Escalated", 4, json!({"ticket_id": "t", "severity": "S1", "chased": 2, "first_reply_at": "2011-11-03T11:00:00Z"})),
        ];
        for event in events {
            book.accept(NOW, vec![event]).await.expect("in");
        }
        let ticket = book.lines("SELECT t.state, i.value, t.sku, t.theme, t.severity, t.escalated, t.chased, t.first_reply_at \
                                 FROM ticket t JOIN identifier i ON i.customer_id = t.customer_id").await;
        assert_eq!(ticket, ["closed|u1|a|late|S1|1|2|1320318000000000"]);
    }
}
