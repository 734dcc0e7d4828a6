//! Facts come in: idempotent twice, projected the same in any order, bad ones kept apart.

use crate::support::book::both_databases;
use crate::support::retail::{Retail, at};
use domain::customer::consent::Word;
use domain::event::Fact;
use domain::ids::CustomerId;
use domain::time::Instant;
use kinkeeper::store::{consents, customers, facts, meta};
use serde_json::{Value, json};

fn track(id: &str, user: &str, event: &str, when: &str, properties: Value) -> Value {
    json!({"type": "track", "messageId": id, "userId": user, "event": event, "timestamp": when, "properties": properties})
}

fn order(id: &str, order: &str, total: &str) -> Value {
    track(id, "u1", "Order Completed", "2011-11-01T10:00:00Z", json!({"order_id": order, "total": total}))
}

fn refund(id: &str, properties: Value) -> Value {
    track(id, "u1", "Order Refunded", "2011-11-02T10:00:00Z", properties)
}

const NOW: &str = "2011-12-01T00:00:00Z";
async fn orders(book: &Retail) -> Vec<String> {
    // Booleans differ between the databases, so the state is spelled out.
    let sql = "SELECT order_key, total_minor, refunded_minor, CASE WHEN paid_at IS NULL THEN 'unpaid' \
               WHEN cancelled_at IS NULL THEN 'paid' ELSE 'cancelled' END AS state FROM orders ORDER BY order_key";
    book.lines(sql).await
}

both_databases! {
    async fn a_message_sent_twice_has_the_effect_of_one(book: Book) {
        let book = Retail::of(book).await;
        let events = vec![order("m1", "o1", "100"), order("m1", "o1", "100"), order("m2", "o2", "5")];
        let first = book.accept(NOW, events.clone()).await.expect("taken in");
        assert_eq!((first.accepted, first.duplicate), (2, 1));
        let again = book.accept(NOW, events).await.expect("taken in");
        assert_eq!((again.accepted, again.duplicate, again.rejected.len()), (0, 3, 0));
        assert_eq!(orders(&book).await, ["retail:o1|10000|0|paid", "retail:o2|500|0|paid"]);
        assert_eq!(book.lines("SELECT COUNT(*) AS n FROM event").await, ["2"]);
        assert_eq!(book.lines("SELECT fact_rev FROM customer_due").await, ["1"], "a resend is no new fact");
        assert_eq!(book.event_key_violations().await, Vec::<String>::new());
    }

    async fn an_order_under_a_new_message_id_is_logged_without_effect(book: Book) {
        let book = Retail::of(book).await;
        book.accept(NOW, vec![order("m1", "o1", "100")]).await.expect("taken in");
        book.accept(NOW, vec![order("m2", "o1", "999"), order("m3", "o1", "998")]).await.expect("taken in");
        assert_eq!(orders(&book).await, ["retail:o1|10000|0|paid"]);
        let log = book.lines("SELECT message_id, effective FROM event ORDER BY message_id").await;
        assert_eq!(log, ["m1|1", "m2|0", "m3|0"]);
        assert_eq!(events(&book, "u1").await.len(), 1);
        assert_eq!(book.event_key_violations().await, Vec::<String>::new());
    }

    async fn refunds_count_once_each_and_never_below_nothing(book: Book) {
        let book = Retail::of(book).await;
        let partial = |id: &str, refund_id: &str| refund(id, json!({"order_id": "o1", "refund_id": refund_id, "total": -30}));
        book.accept(NOW, vec![order("m1", "o1", "100"), partial("r1", "a"), partial("r2", "b")]).await.expect("in");
        assert_eq!(orders(&book).await, ["retail:o1|10000|6000|paid"], "two refunds of 30 on 100 leave 40");

        // The same refund under a new message id, with and without a refund id of its own.
        let fingerprint = |id: &str| refund(id, json!({"order_id": "o2", "amount": 30}));
        let events = vec![order("m2", "o2", "100"), fingerprint("r3"), fingerprint("r4"), partial("r5", "a")];
        book.accept(NOW, events).await.expect("in");
        let expected = ["retail:o1|10000|6000|paid", "retail:o2|10000|3000|paid"];
        assert_eq!(orders(&book).await, expected, "one refund of 30 on 100 leaves 70");

        // The rest, before its order is known; more than the order.
        let rest = refund("r6", json!({"order_id": "o3"}));
        let more = refund("r7", json!({"order_id": "o4", "refund_id": "c", "amount": 500}));
        book.accept(NOW, vec![rest, more]).await.expect("in");
        assert_eq!(orders(&book).await[2..], ["retail:o3|0|0|unpaid", "retail:o4|0|0|unpaid"]);
        book.accept(NOW, vec![order("m3", "o3", "80"), order("m4", "o4", "20")]).await.expect("in");
        assert_eq!(orders(&book).await[2..], ["retail:o3|8000|8000|paid", "retail:o4|2000|2000|paid"]);
    }

    async fn one_bad_event_doesnt_fail_its_batch(book: Book) {
        let book = Retail::of(book).await;
        let bad = track("bad", "u1", "Order Completed", "2011-11-01T10:00:00Z", json!({"order_id": "x", "total": "free"}));
        let nul = track("nul", "u1", "Note", "2011-11-01T10:00:00Z", json!({"a": "b\0c"}));
        let browsing = json!({"type": "page", "userId": "u1"});
        let events = vec![order("m1", "o1", "1"), bad, nul, browsing, order("m2", "o2", "2")];
        for _ in 0..2 {
            let receipt = book.accept(NOW, events.clone()).await.expect("taken in");
            let rejected: Vec<_> = receipt.rejected.iter().map(|r| (r.index, r.code)).collect();
            assert_eq!(rejected, [(1, "amount_not_a_number"), (2, "nul_character")]);
            assert!(receipt.rejected[0].detail.starts_with("properties.total: "), "{}", receipt.rejected[0].detail);
        }
        assert_eq!(orders(&book).await.len(), 2);
        let kept = book.lines("SELECT message_id, code, state FROM quarantine ORDER BY id").await;
        assert_eq!(kept, ["bad|amount_not_a_number|open", "nul|nul_character|open"], "kept once, though sent twice");
    }

    async fn whatever_the_order_of_arrival_the_projections_are_the_same(book: Book) {
        let ticket = |id: &str, event: &str, day: u32, properties: Value| {
            let mut properties = properties;
            properties["ticket_id"] = json!("t1");
            track(id, "u1", event, &format!("2011-11-{day:02}T10:00:00Z"), properties)
        };
        let events = vec![
            order("m1", "o1", "100"),
            track("m2", "u1", "Order Updated", "2011-11-05T10:00:00Z", json!({"order_id": "o1", "total": 90})),
            track("m3", "u1", "Order Updated", "2011-11-04T10:00:00Z", json!({"order_id": "o1", "total": 50})),
            refund("r1", json!({"order_id": "o1", "refund_id": "a", "amount": 30})),
            order("m4", "o2", "10"),
            track("m5", "u1", "Order Cancelled", "2011-11-06T10:00:00Z", json!({"order_id": "o2"})),
            ticket("t1", "Ticket Opened", 10, json!({"complaint": true, "severity": "S3"})),
            ticket("t2", "Ticket Updated", 11, json!({"severity": "S1"})),
            ticket("t3", "Ticket Resolved", 12, json!({})),
            ticket("t4", "Ticket Reopened", 13, json!({})),
            json!({"type": "identify", "messageId": "i1", "userId": "u1", "timestamp": "2011-11-01T00:00:00Z",
                   "traits": {"email": "OLD@example.com", "name": "Rosa", "timezone": "Europe/Paris"}}),
            json!({"type": "identify", "messageId": "i2", "userId": "u1", "timestamp": "2011-11-02T00:00:00Z",
                   "traits": {"email": "new@example.com"}}),
        ];
        let mut seen = Vec::new();
        let first = Retail::of(book).await;
        for turn in 0..4 {
            let book = first.another().await;
            let mut shuffled = events.clone();
            shuffled.rotate_left(turn * 3);
            if turn % 2 == 1 {
                shuffled.reverse();
            }
            for event in shuffled {
                book.accept(NOW, vec![event]).await.expect("taken in");
            }
            let mut state = orders(&book).await;
            state.extend(book.lines("SELECT ticket_key, state, reopened, complaint, severity, version_id FROM ticket").await);
            state.extend(book.lines("SELECT channel, value, is_primary FROM contact_point ORDER BY value").await);
            state.extend(book.lines("SELECT name, traits FROM customer_personal").await);
            state.extend(book.lines("SELECT zone FROM customer").await);
            seen.push(state);
        }
        let traits = "{\"email\":[\"new@example.com\",1320192000000000,\"i2\"],\"name\":[\"Rosa\",1320105600000000,\"i1\"],\
                      \"timezone\":[\"Europe/Paris\",1320105600000000,\"i1\"]}";
        let expected = [
            "retail:o1|9000|3000|paid",
            "retail:o2|1000|0|cancelled",
            "retail:t1|open|1|1|S1|t4",
            "email|new@example.com|1",
            "email|old@example.com|0",
            &format!("Rosa|{traits}"),
            "Europe/Paris",
        ];
        for state in seen {
            assert_eq!(state, expected);
        }
    }

    async fn user_ids_with_one_address_are_several_people(book: Book) {
        let book = Retail::of(book).await;
        let identify = |id: &str, who: Value| {
            let mut event = json!({"type": "identify", "messageId": id, "traits": {"email": "shared@example.com"}});
            event.as_object_mut().expect("an object").extend(who.as_object().expect("an object").clone());
            event
        };
        let events = vec![
            identify("1", json!({"anonymousId": "a1"})),
            identify("2", json!({"userId": "u1", "anonymousId": "a1"})),
            identify("3", json!({"userId": "u2", "anonymousId": "a1"})),
            identify("4", json!({"userId": 3})),
        ];
        book.accept(NOW, events).await.expect("taken in");
        let names = book.lines("SELECT kind, value FROM identifier ORDER BY customer_id, id").await;
        let of_the_first = ["user_id|u1", "email|shared@example.com", "anonymous_id|a1"];
        assert_eq!(names, [&of_the_first[..], &["user_id|u2", "user_id|3"]].concat());
        let sharing = customers::list_by_contact(book.store.reader(), "email", "shared@example.com").await.expect("read");
        assert_eq!(sharing.len(), 3, "one address, three customers");
    }

    async fn the_latest_consent_counts_by_when_it_was_said(book: Book) {
        let book = Retail::of(book).await;
        let consent = |id: &str, when: &str, granted: bool| {
            track(id, "u1", "Consent Changed", when, json!({"channel": "email", "purpose": "marketing", "granted": granted}))
        };
        book.accept(NOW, vec![consent("1", "2011-11-02T00:00:00Z", false)]).await.expect("in");
        book.accept(NOW, vec![consent("2", "2011-11-01T00:00:00Z", true)]).await.expect("in");
        let who = customer(&book, "u1").await;
        let latest = consents::consents_in_force(book.store.reader(), &[who]).await.expect("read");
        let latest: Vec<_> = latest[&who].iter().map(|((channel, purpose), said)| (channel.as_str(), purpose.as_str(), said.word)).collect();
        assert_eq!(latest, [("email", "marketing", Word::Denied)]);
    }

    async fn facts_read_back_as_they_were_said(book: Book) {
        let book = Retail::of(book).await;
        let events = vec![
            order("m1", "o1", "100"),
            refund("r1", json!({"refund_id": "a", "amount": 30})),
            track("t1", "u1", "Ticket Opened", "2011-11-03T00:00:00Z", json!({"ticket_id": "t", "complaint": "yes", "amount": 12.5})),
            track("t2", "u1", "Ticket Updated", "2011-11-04T00:00:00Z", json!({"ticket_id": "t", "important": true})),
            track("c1", "u1", "Newsletter Read", "2011-11-05T00:00:00Z", json!({"email": "a@b.example", "issue": 4})),
        ];
        book.accept(NOW, events).await.expect("in");
        book.accept("2011-12-01T00:00:01Z", vec![order("later", "o9", "1")]).await.expect("in");
        let facts: Vec<Fact> = events_until(&book, "u1", at(NOW)).await.into_iter().map(|e| e.fact).collect();
        assert_eq!(facts.len(), 5, "what was received later isn't there yet");
        assert_eq!(facts[0], Fact::OrderCompleted { order_id: "retail:o1".into(), total_minor: 10_000 });
        assert_eq!(facts[1], Fact::OrderRefunded { order_id: None, refund_id: Some("a".into()), amount_minor: Some(3_000) });
        let Fact::TicketUpdated(ticket) = &facts[3] else { panic!("{:?}", facts[3]) };
        assert!(ticket.complaint && ticket.important, "an update that leaves out the complaint doesn't end it");
        assert_eq!(ticket.amount_minor, Some(1_250));
        assert_eq!(facts[4], Fact::Custom { name: "Newsletter Read".into() });
        assert_eq!(book.lines("SELECT properties FROM event WHERE message_id = 'c1'").await, ["{\"issue\":4}"]);
    }

    async fn an_event_somebody_listens_to_starts_something_after_go_live_only(book: Book) {
        let book = Retail::of(book).await;
        let listens = "INSERT INTO campaign (key, state, trigger_kind, trigger_key, purpose, priority, created_at, changed_at) \
                       VALUES ('c', 'running', 'event', 'Ticket Resolved', 'service', 0, 0, 0)";
        book.run::<i64>(listens, []).await;
        let ticket = |id: &str, name: &str, when: &str, properties: Value| {
            let mut properties = properties;
            properties["ticket_id"] = json!("t");
            track(id, "u1", name, when, properties)
        };
        let opened = ticket("1", "Ticket Opened", "2011-11-20T00:00:00Z", json!({"important": true, "amount": 600}));
        let early = ticket("2", "Ticket Resolved", "2011-11-30T23:59:59Z", json!({}));
        book.accept(NOW, vec![opened, early.clone()]).await.expect("in onboarding");
        let live = at(NOW);
        let set: Result<bool, kinkeeper::store::StoreError> =
            book.store.write(kinkeeper::store::Lane::People, move |tx| Box::pin(meta::set_go_live_at(tx, live))).await;
        assert!(set.expect("live"));
        let events = vec![
            ticket("3", "Ticket Reopened", "2011-12-01T00:00:00Z", json!({})),
            ticket("4", "Ticket Resolved", "2011-12-01T00:00:00Z", json!({})),
            ticket("5", "Ticket Resolved", "2011-11-30T23:59:58Z", json!({})),
        ];
        book.accept("2011-12-01T00:01:00Z", events).await.expect("in");
        let queued = book.lines("SELECT key, origin_key, cause_at, due_at, payload FROM trigger_queue").await;
        assert_eq!(queued.len(), 1, "{queued:?}");
        let start = "Ticket Resolved|ticket:retail:t:1|1322697600000000|1322697660000000|";
        assert!(queued[0].starts_with(start), "{}", queued[0]);
        let payload: Value = serde_json::from_str(&queued[0][start.len()..]).expect("JSON");
        assert_eq!((&payload["important"], &payload["amount_minor"]), (&json!(true), &json!(60_000)));
        assert_eq!(payload["resolved_at"], json!("2011-12-01T00:00:00Z"));
    }

    async fn an_order_wakes_journeys_and_a_complaints_end_what_waited_for_it(book: Book) {
        let book = Retail::of(book).await;
        let ticket = |id: &str, name: &str, ticket: &str, complaint: bool| {
            track(id, "u1", name, "2011-11-20T00:00:00Z", json!({"ticket_id": ticket, "complaint": complaint}))
        };
        let opened = vec![ticket("1", "Ticket Opened", "a", false), ticket("2", "Ticket Opened", "b", true)];
        book.accept(NOW, opened).await.expect("in");
        let who = customer(&book, "u1").await.0;
        let later = at("2012-01-01T00:00:00Z").micros();
        book.run::<i64>("INSERT INTO campaign (id, key, state, trigger_kind, trigger_key, purpose, priority, created_at, changed_at) \
            VALUES (1, 'c', 'running', 'tag', 'churn_risk', 'marketing', 0, 0, 0)", []).await;
        for (n, state) in [(1, "active"), (2, "done")] {
            book.run::<i64>(&format!("INSERT INTO enrollment (id, campaign_id, campaign_version_id, customer_id, occasion_key, arm, \
                cause_at, entered_at, step, state, payload, wake_at, fence) \
                VALUES ({n}, 1, 1, {who}, 'o{n}', 'treated', 0, 0, 0, '{state}', '{{}}', {later}, 0)"), []).await;
        }
        for (n, reason) in [(1, "complaint_open"), (2, "cap")] {
            book.run::<i64>(&format!("INSERT INTO touchpoint (id, customer_id, enrollment_id, campaign_id, step, channel, purpose, priority, \
                state, reason, send_at, not_before, expires_at, local_date, template_key, message_id, attempts, created_at, fence) \
                VALUES ({n}, {who}, {n}, 1, 0, 'email', 'marketing', 0, 'deferred', '{reason}', 0, {later}, {later}, '2011-12-01', 't', 'm{n}', 0, 0, 0)"), []).await;
        }
        let waits = async || {
            let mut waits = book.lines(&format!("SELECT 'enrollment' AS what, id, wake_at FROM enrollment WHERE wake_at < {later}")).await;
            waits.extend(book.lines(&format!("SELECT 'touchpoint' AS what, id, not_before FROM touchpoint WHERE not_before < {later}")).await);
            waits
        };
        book.accept("2011-12-02T00:00:00Z", vec![ticket("3", "Ticket Resolved", "a", false)]).await.expect("in");
        assert_eq!(waits().await, Vec::<String>::new(), "a ticket that was no complaint wakes nobody");
        book.accept("2011-12-03T00:00:00Z", vec![order("m1", "o1", "1")]).await.expect("in");
        let woken = format!("enrollment|1|{}", at("2011-12-03T00:00:00Z").micros());
        assert_eq!(waits().await, std::slice::from_ref(&woken));
        // Its resolution needn't say again that it is a complaint.
        let resolved = track("4", "u1", "Ticket Resolved", "2011-11-21T00:00:00Z", json!({"ticket_id": "b"}));
        book.accept("2011-12-04T00:00:00Z", vec![resolved]).await.expect("in");
        let freed = format!("touchpoint|1|{}", at("2011-12-04T00:00:00Z").micros());
        assert_eq!(waits().await, [woken, freed]);
    }

    async fn many_senders_at_once_lose_and_double_nothing(book: Book) {
        let book = std::sync::Arc::new(Retail::of(book).await);
        let sender = |n: usize| {
            let book = book.clone();
            tokio::spawn(async move {
                let mut events: Vec<Value> = (0..40)
                    .map(|i| track(&format!("m{}", i % 20), &format!("u{}", i % 7), "Order Completed", "2011-11-01T10:00:00Z",
                        json!({"order_id": format!("o{}", i % 20), "total": 1})))
                    .collect();
                events.rotate_left(n * 5);
                book.accept(NOW, events).await
            })
        };
        let senders: Vec<_> = (0..8).map(sender).collect();
        let mut accepted = 0;
        for sender in senders {
            accepted += sender.await.expect("no panic").expect("taken in").accepted;
        }
        assert_eq!(accepted, 20);
        assert_eq!(orders(&book).await.len(), 20);
        assert_eq!(book.lines("SELECT COUNT(*) AS n FROM identifier").await, book.lines("SELECT COUNT(*) AS n FROM customer").await);
        assert_eq!(book.event_key_violations().await, Vec::<String>::new());
    }
}

async fn customer(book: &Retail, user: &str) -> CustomerId {
    let found = customers::find_by_identifier(book.store.reader(), "user_id", "retail", user).await;
    found.expect("read").expect("known")
}

async fn events_until(book: &Retail, user: &str, until: Instant) -> Vec<domain::event::Event> {
    let who = customer(book, user).await;
    facts::events_of(book.store.reader(), &[who], until, &Default::default())
        .await
        .expect("read")
        .remove(&who)
        .unwrap_or_default()
}

async fn events(book: &Retail, user: &str) -> Vec<domain::event::Event> {
    events_until(book, user, Instant::MAX).await
}
