//! The profile in one call: everything about a customer from facts that came in by the front door, in a fixed
//! number of statements, masked.

use crate::support::door::{ask, key, put_sal};
use crate::support::{book::House, on_both_databases};
use domain::ids::CustomerId;
use kinkeeper::cli::profile_text::render;
use kinkeeper::service::profile::{IdentifierKind, ProfileView, find, profile};
use kinkeeper::store::suppressions::{self, SuppressionRow};
use kinkeeper::store::{Lane, StoreError};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

/// 2026-09-25T02:00:00Z.
const NOW: &str = "clock=2026-09-25T10:00:00+08:00";

async fn accept(house: &House, events: Vec<Value>) {
    house.send(events).await;
    house.app.engine().drain_all().await.expect("kept");
}

async fn run(house: &House, sql: &str) {
    let sql = sql.to_owned();
    let done: Result<(), StoreError> = house
        .app
        .book
        .store
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                let statement = Statement::from_string(tx.get_database_backend(), sql);
                let changed = tx.execute_raw(statement).await?.rows_affected();
                assert!(changed > 0, "nothing was changed");
                Ok(())
            })
        })
        .await;
    done.expect("the statement is right");
}

fn identify(user: &str, traits: Value) -> Value {
    json!({"type": "identify", "messageId": format!("i-{user}"), "userId": user, "traits": traits,
           "timestamp": "2026-01-02T03:00:00Z"})
}

fn track(user: &str, event: &str, at: &str, properties: Value) -> Value {
    json!({"type": "track", "messageId": format!("{user} {event} {at}"), "userId": user, "event": event,
           "timestamp": at, "properties": properties})
}

fn order(user: &str, day: u32) -> Value {
    let at = format!("2026-03-{day:02}T04:00:00Z");
    track(user, "Order Completed", &at, json!({"order_id": format!("{user}-{day}"), "total": "500.00"}))
}

/// Lin Wei: gold, a complaint open, opted out of mail, two orders come back.
async fn lin(house: &House) -> CustomerId {
    let mut events = vec![identify(
        "12346",
        json!({"name": "Lin Wei", "email": "Lin.Wei@Example.com", "phone": "138 0013 1234",
               "timezone": "Asia/Urumqi", "locale": "zh-CN",
               "consents": {"email": {"marketing": "granted"}, "sms": {"service": "granted"}}}),
    )];
    events.extend((1..=13).map(|day| order("12346", day)));
    events.extend([
        track("12346", "Order Refunded", "2026-03-20T04:00:00Z", json!({"order_id": "12346-13", "refund_id": "r1", "total": "100"})),
        track("12346", "Order Cancelled", "2026-03-20T04:00:00Z", json!({"order_id": "12346-12"})),
        track("12346", "Ticket Opened", "2026-04-01T04:00:00Z", json!({"ticket_id": "T1", "important": true})),
        track("12346", "Ticket Resolved", "2026-04-02T04:00:00Z", json!({"ticket_id": "T1"})),
        track("12346", "Ticket Opened", "2026-09-20T04:00:00Z",
              json!({"ticket_id": "T2", "complaint": true, "severity": "S2", "amount": "88.50", "order_id": "12346-3"})),
        track("12346", "Consent Changed", "2026-09-01T04:00:00Z",
              json!({"channel": "email", "purpose": "marketing", "state": "denied"})),
    ]);
    accept(house, events).await;
    find(&house.app.book, IdentifierKind::UserId, "12346").await.expect("asked").expect("Lin is there")
}

/// A coupon, a journey between two steps, a sent and a skipped touch, and two callbacks.
async fn care(house: &House, id: CustomerId) {
    let CustomerId(id) = id;
    let at = |text: &str| crate::support::retail::at(text).micros();
    let version = "(SELECT v.id FROM campaign_version v JOIN campaign c ON c.id = v.campaign_id WHERE c.key = 'winback')";
    let campaign = "(SELECT id FROM campaign WHERE key = 'winback')";
    let entered = at("2026-09-15T02:00:00Z");
    run(house, &format!(
        "INSERT INTO coupon (batch_id, customer_id, source_ref, code_hash, sealed, last4, face_minor, state, reserved_at, \
         issued_at, expires_at) VALUES ((SELECT id FROM coupon_batch WHERE key = 'winback-50'), {id}, 'x', 'h', 's', 'K7QM', \
         5000, 'issued', {entered}, {entered}, {})", at("2026-10-15T02:00:00Z"))).await;
    run(house, &format!(
        "INSERT INTO enrollment (campaign_id, campaign_version_id, customer_id, occasion_key, arm, cause_at, entered_at, step, \
         state, payload, wake_at, fence) VALUES ({campaign}, {version}, {id}, 'winback:1', 'treated', {entered}, {entered}, 1, \
         'active', '{{}}', {}, 0)", at("2026-09-22T02:00:00Z"))).await;
    let touch = |step: i64, state: &str, reason: &str, handed: &str, ended: i64| {
        format!(
            "INSERT INTO touchpoint (customer_id, enrollment_id, campaign_id, step, channel, purpose, priority, state, reason, \
             send_at, not_before, expires_at, local_date, template_key, message_id, attempts, created_at, handed_at, ended_at, \
             fence) VALUES ({id}, (SELECT MAX(id) FROM enrollment), {campaign}, {step}, 'email', 'marketing', 50, '{state}', \
             {reason}, {entered}, {entered}, {ended}, '2026-09-15', 'winback_d0', 'm', 1, {entered}, {handed}, {ended}, 0)"
        )
    };
    let sent = at("2026-09-15T02:30:00Z");
    run(house, &touch(0, "sent", "NULL", &sent.to_string(), at("2026-09-15T02:30:01Z"))).await;
    run(house, &touch(2, "skipped", "'no_consent'", "NULL", at("2026-09-22T02:00:00Z"))).await;
    put_sal(&house.app, "active").await;
    for (kind, state, staff, result, ended) in [
        ("satisfaction", "ready", "NULL", "NULL", "NULL".to_owned()),
        (
            "important_ticket",
            "completed",
            "(SELECT id FROM staff)",
            "'{\"satisfied\": true}'",
            sent.to_string(),
        ),
    ] {
        let due = at("2026-09-28T09:00:00Z");
        run(
            house,
            &format!(
                "INSERT INTO callback (customer_id, kind, state, reason, required_level, skills, optional_skills, \
                 last_staff_id, vip, severe, complaint, churn_risk, chased, courtesy, created_at, not_before, due_at, \
                 reach_due_at, active_due_at, band, rank_at, ring, attempts, attempt_day_count, fence, result, ended_at) \
                 VALUES ({id}, '{kind}', '{state}', 'ticket T1', 'junior', '[]', '[]', {staff}, 0, 0, 0, 0, 0, 0, \
                 {entered}, {entered}, {due}, {due}, {due}, 2, {due}, 0, 1, 0, 1, {result}, {ended})"
            ),
        )
        .await;
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

async fn view(house: &House, id: CustomerId) -> ProfileView {
    profile(&house.app.book, id).await.expect("read").expect("there")
}

on_both_databases! {
    async fn a_profile_holds_everything_known(database) {
        let house = House::open(database, &[NOW]).await;
        let id = lin(&house).await;
        care(&house, id).await;
        let view = serde_json::to_value(view(&house, id).await).expect("JSON");
        assert_eq!(view["id"], id.to_string());
        let head = ["customer_id", "shop", "name", "locale", "zone", "account_kind", "as_of"].map(|k| &view[k]);
        assert_eq!(head, ["12346", "shop", "Lin Wei", "zh-CN", "Asia/Urumqi", "consumer", "2026-09-25T02:00:00Z"]);

        let a = &view["aggregates"];
        assert_eq!(a["spend_365"], json!({"amount": "5900.00", "currency": "CNY"}));
        assert_eq!([&a["orders_365"], &a["order_days"], &a["open_complaints"]], [12, 12, 1]);
        assert_eq!(a["last_order_at"], "2026-03-13T04:00:00Z");

        let orders = view["orders"].as_array().expect("orders");
        assert_eq!(orders.len(), 10, "the last ten");
        let told = |n: usize| [text(&orders[n]["order_id"]), text(&orders[n]["state"])];
        assert_eq!([told(0), told(1), told(9)], [["12346-13", "partly_refunded"], ["12346-12", "cancelled"], ["12346-4", "paid"]]);
        assert_eq!(orders[0]["refunded"]["amount"], "100.00");

        let tickets: Vec<_> = view["tickets"].as_array().expect("tickets").iter().map(|t| (&t["ticket_id"], &t["state"])).collect();
        assert_eq!(tickets, [(&json!("T2"), &json!("open")), (&json!("T1"), &json!("closed"))]);
        assert_eq!(view["tickets"][0]["amount"], json!({"amount": "88.50", "currency": "CNY"}));
        assert_eq!(view["tickets"][0]["order_id"], "12346-3");

        let consents: Vec<_> = view["consents"].as_array().expect("consents").iter()
            .map(|c| [&c["channel"], &c["purpose"], &c["state"]].map(|v| text(v).to_owned()).join(" ")).collect();
        assert_eq!(consents, ["email marketing denied", "sms service granted"]);

        assert_eq!([&view["coupons"][0]["last4"], &view["coupons"][0]["state"]], ["K7QM", "issued"]);
        assert_eq!(view["coupons"][0]["face"]["amount"], "50.00");

        let next = &view["journeys"][0]["next"];
        assert_eq!([&next["does"], &next["what"], &next["at"]], ["send", "winback_d7", "2026-09-22T02:00:00Z"]);

        let touches: Vec<_> = view["touches"].as_array().expect("touches").iter()
            .map(|t| (text(&t["state"]), t["reason"].as_str(), text(&t["at"]))).collect();
        assert_eq!(touches, [
            ("skipped", Some("no_consent"), "2026-09-22T02:00:00Z"),
            ("sent", None, "2026-09-15T02:30:00Z"),
        ]);

        let callbacks = view["callbacks"].as_array().expect("callbacks");
        let told: Vec<_> = callbacks.iter().map(|c| [text(&c["kind"]), text(&c["state"]), text(&c["due_at"])]).collect();
        assert_eq!(told, [
            ["satisfaction", "ready", "2026-09-28T09:00:00Z"],
            ["important_ticket", "completed", "2026-09-28T09:00:00Z"],
        ]);
        assert_eq!([&callbacks[1]["staff"], &callbacks[1]["result"]["satisfied"]], [&json!("sal"), &json!(true)]);
    }

    async fn a_tag_says_why_in_both_languages(database) {
        let house = House::open(database, &[NOW]).await;
        let id = lin(&house).await;
        let view = view(&house, id).await;
        let tag = view.tags.iter().find(|tag| tag.key == "value_tier").expect("there always is one");
        assert_eq!((tag.value.as_str(), tag.rule_version), ("gold", 1));
        assert_eq!(tag.evidence, json!({"spend_365": "5900.00", "threshold": "5000.00"}));
        let why = tag.why.as_ref().expect("a rule decided it");
        assert_eq!(why.en, "Value tier is Gold since 2026-03-10: net spend in 365 d is at least 5000.00 (net spend in 365 d: 5900.00).");
        assert_eq!(why.zh_cn, "客户价值分层自 2026-03-10 起为「金」：365 天净消费不低于 5000.00（365 天净消费：5900.00）。");
        let churn = view.tags.iter().find(|tag| tag.key == "churn_risk").expect("196 days without an order");
        assert_eq!(churn.since.to_string(), "2026-09-08T18:00:00Z", "the first instant of day 180 in Urumqi");
    }

    async fn what_must_be_known_first_is_in_the_warnings(database) {
        let house = House::open(database, &[NOW]).await;
        let id = lin(&house).await;
        let book = &house.app.book;
        let row = SuppressionRow {
            channel: "email".to_owned(),
            value_hash: book.secrets.contact_hash("email", "lin.wei@example.com"),
            scope: "all".to_owned(),
            reason: "asked by letter".to_owned(),
            actor: "test".to_owned(),
            created_at: book.now().await.expect("now"),
        };
        let added: Result<u64, StoreError> =
            book.store.write(Lane::People, move |tx| Box::pin(async move { suppressions::add(tx, vec![row]).await })).await;
        assert_eq!(added.expect("added"), 1);
        let view = view(&house, id).await;
        let told: Vec<_> = view.warnings.iter().map(|w| (w.code, w.text.en.as_str())).collect();
        assert_eq!(told, [
            ("open_complaint", "an open complaint since 2026-09-20"),
            ("opted_out", "opted out of marketing by email on 2026-09-01"),
            ("suppressed", "email l***@example.com is on the suppression list: nothing may go there"),
        ]);
        let points: Vec<_> =
            view.contact_points.iter().map(|c| (c.masked.as_str(), c.suppressed.as_deref(), c.usable)).collect();
        assert_eq!(points, [("l***@example.com", Some("all"), true), ("138****1234", None, true)]);
        let json = serde_json::to_string(&view).expect("JSON").to_lowercase();
        assert!(!json.contains("lin.wei@") && !json.contains("13800131234"), "a contact point stands in the open");
    }

    async fn a_terminal_shows_the_same_in_local_time(database) {
        let house = House::open(database, &[NOW]).await;
        let id = lin(&house).await;
        care(&house, id).await;
        run(&house, "UPDATE customer_personal SET name = 'Lin \u{1b}[31mWei'").await;
        let shown = render(&view(&house, id).await);
        for line in [
            "12346 at shop  Lin ·[31mWei",
            "known since 2026-09-25, as of 2026-09-25 08:00 there",
            "! an open complaint since 2026-09-20",
            "5900.00 CNY in 365 d, 5900.00 CNY ever",
            "value_tier=gold (v1)",
            "Value tier is Gold since 2026-03-10",
            "l***@example.com",
            "12346-13  2026-03-13 10:00  500.00 CNY  100.00 CNY  partly_refunded",
            "complaint, S2",
            "…K7QM",
            "cb_1 satisfaction ready 2026-09-28 15:00 1 -",
            "send winback_d7 at 2026-09-22 08:00",
            "skipped (no_consent)",
        ] {
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(squeezed(&shown).contains(&squeezed(line)), "{line}\nis not in\n{shown}");
        }
    }

    async fn the_number_of_statements_is_fixed(database) {
        let house = House::open(database, &[NOW]).await;
        let (rich, poor) = (lin(&house).await, {
            accept(&house, vec![identify("poor", json!({"email": "p@example.com"}))]).await;
            find(&house.app.book, IdentifierKind::UserId, "poor").await.expect("asked").expect("there")
        });
        care(&house, rich).await;
        let reader = house.app.book.store.reader();
        for id in [rich, poor] {
            let before = reader.asked();
            view(&house, id).await;
            // The clock, the page, and what lists say of their addresses.
            assert_eq!(reader.asked() - before, 3, "statements for {id}");
        }
    }

    async fn the_door_answers_by_id_and_by_what_somebody_is_known_by(database) {
        let house = House::open(database, &[NOW]).await;
        let id = lin(&house).await;
        accept(&house, vec![
            identify("a", json!({"email": "shared@example.com"})),
            identify("b", json!({"email": "Shared@example.com"})),
        ]).await;
        let (router, key) = (house.app.router(), key(&house.app, "analyst").await);
        let get = |path: &str| {
            let (router, key, path) = (router.clone(), key.clone(), format!("/api/v1/customers/{path}"));
            async move { ask(&router, "GET", &path, Some(&key)).await }
        };
        for path in [id.to_string(), "by/user_id/12346".into(), "by/email/LIN.wei%40example.com".into(), "by/phone/13800131234".into()] {
            let answer = get(&path).await;
            assert_eq!((answer.status.as_u16(), &answer.body["customer_id"]), (200, &json!("12346")), "{path}");
        }
        let shared = get("by/email/shared@example.com").await;
        assert_eq!(shared.status, 409);
        let detail = shared.body["detail"].as_str().expect("a detail");
        assert_eq!(detail.matches("cus_").count(), 2, "{detail}");

        for (path, status, code) in [
            ("cus_999999", 404, "not_found"),
            ("12346", 400, "bad_id"),
            ("cus_-1", 400, "bad_id"),
            ("by/user_id/nobody", 404, "not_found"),
            ("by/emial/x@example.com", 400, "bad_kind"),
            ("by/phone/call%20me", 422, "invalid"),
            ("by/user_id/%FF", 400, "bad_path"),
        ] {
            let answer = get(path).await;
            assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (status, Some(code)), "{path}: {:?}", answer.body);
        }
        let bad = get("12346").await.body["detail"].as_str().map(str::to_owned).expect("a detail");
        assert!(bad.contains("cus_42") && bad.contains("by/user_id"), "{bad}");
        let near = get("by/emial/x").await.body["detail"].as_str().map(str::to_owned).expect("a detail");
        assert!(near.contains("did you mean email?"), "{near}");
    }
}
