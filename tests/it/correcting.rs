//! Setting right what is known of a person: the wrong value is gone from every table, the right one outlives a rebuild,
//! and what says who somebody else is isn't taken from them.

use crate::erasing::{found, tell};
use crate::support::book::House;
use crate::support::door::{key, post};
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use kinkeeper::app::App;
use kinkeeper::service::correcting::{self, Corrected, Wanted};
use kinkeeper::service::profile::{self, ProfileView};
use kinkeeper::service::rebuild::{self, Mode};
use kinkeeper::service::{ServiceError, identity};
use serde_json::{Value, json};

const NOW: &str = "clock=2026-09-25T10:00:00+08:00";

fn wanted(set: Value, unset: &[&str]) -> Wanted {
    Wanted {
        set: set.as_object().expect("an object").clone(),
        unset: unset.iter().map(|&name| name.to_owned()).collect(),
        reason: "told us".to_owned(),
    }
}

async fn correct(app: &App, id: CustomerId, set: Value, unset: &[&str]) -> Result<Corrected, ServiceError> {
    correcting::correct(&app.book, id, wanted(set, unset), "cli:tester").await
}

async fn id_of(app: &App, user_id: &str) -> CustomerId {
    profile::resolve(&app.book, &format!("user_id:{user_id}")).await.expect("known")
}

async fn view(app: &App, id: CustomerId) -> ProfileView {
    profile::profile(&app.book, id).await.expect("read").expect("there")
}

/// Contact points as shown, the primary ones with a star.
fn points(view: &ProfileView) -> Vec<String> {
    view.contact_points.iter().map(|p| format!("{}{}", p.masked, if p.primary { "*" } else { "" })).collect()
}

/// What a rebuild would change.
async fn differences(app: &App) -> Vec<String> {
    let mut told = Vec::new();
    rebuild::run(&app.book, Mode::Check, &mut |d| told.push(format!("{d:?}"))).await.expect("checked");
    told
}

fn identify(id: &str, user_id: &str, at: &str, traits: Value) -> Value {
    json!({"type": "identify", "messageId": id, "userId": user_id, "timestamp": at, "traits": traits})
}

const EARLIER: &str = "2026-09-01T00:00:00Z";
const WRONG: [&str; 4] = ["wrong.q@example.com", "13812345678", "Wrongsmarie", "1987-06-05"];

/// Rosa with four wrong values, said twice, once in passing.
async fn rosa(app: &App) -> CustomerId {
    let wrong = json!({"email": "Wrong.Q@example.com", "phone": "138 1234 5678", "firstName": "Wrongsmarie", "birthday": "1987-06-05", "likes": "tea"});
    let order = json!({"type": "track", "messageId": "o1", "userId": "u1", "event": "Order Completed", "timestamp": EARLIER,
        "properties": {"order_id": "A-1", "total": "300.00"}, "context": {"traits": {"email": "wrong.q@example.com", "firstName": "Wrongsmarie"}}});
    let again = identify("i2", "u1", "2026-09-02T00:00:00Z", json!({"email": "wrong.q@example.com"}));
    let receipt = tell(app, vec![identify("i1", "u1", EARLIER, wrong), order, again]).await;
    assert_eq!((receipt.accepted, receipt.rejected.len()), (3, 0), "{receipt:?}");
    app.engine().drain_all().await.expect("kept");
    id_of(app, "u1").await
}

on_both_databases! {
    async fn what_was_wrong_is_gone_and_a_rebuild_comes_to_the_same(database) {
        let house = House::open(database, &[NOW]).await;
        let app = &house.app;
        let id = rosa(app).await;
        // Stored as written, and as normalised.
        assert!(found(app, &WRONG).await.len() > 8);
        let set = json!({"email": "rosa@example.com", "name": "Rosa Roe"});

        let before = found(app, &WRONG).await;
        let would = correcting::preview(&app.book, id, wanted(set.clone(), &["phone", "birthday"]), "cli:tester").await;
        let would = would.expect("foreseen");
        assert_eq!((found(app, &WRONG).await, found(app, &["rosa@example.com"]).await), (before, vec![]), "a trial");

        let done = correct(app, id, set, &["phone", "birthday"]).await.expect("corrected");
        assert_eq!(done, Corrected { corrected_at: done.corrected_at, ..would });
        assert_eq!((done.events, done.names_removed, done.shared.len()), (3, 2, 0));
        assert_eq!(done.unset, ["birthday", "first_name", "last_name", "phone"]);
        assert_eq!(found(app, &["wrong.q@example.com", "12345678", "1234 5678", "Wrongsmarie", "1987-06-05"]).await, Vec::<String>::new());
        assert!(found(app, &["tea"]).await.iter().any(|place| place.starts_with("event_personal.")), "what was right stays");
        assert_eq!(differences(app).await, Vec::<String>::new());
        app.engine().drain_all().await.expect("kept");
        let seen = view(app, id).await;
        assert_eq!((seen.name.as_deref(), points(&seen)), (Some("Rosa Roe"), vec!["r***@example.com*".to_owned()]));
        assert_eq!(seen.aggregates.orders_ever, 1);
        // The right address finds her from now on, the wrong one nobody.
        assert_eq!(profile::resolve(&app.book, "email:rosa@example.com").await.ok(), Some(id));
        assert!(profile::resolve(&app.book, "email:wrong.q@example.com").await.is_err());
        let audit = house.lines("SELECT detail FROM audit WHERE action = 'customer.corrected'").await;
        let detail: Value = serde_json::from_str(&audit[0]).expect("JSON");
        assert_eq!(detail, json!({"reason": "told us", "set": ["email", "name"], "unset": done.unset, "events": 3, "customers": 1}));
        let due = house.lines("SELECT CAST(COUNT(*) AS BIGINT) FROM event e JOIN source s ON s.id = e.source_id WHERE s.key = 'kinkeeper:shop' AND e.kind = 'Identify'").await;
        assert_eq!(due, ["1"], "taken in as a fact of the shop's own");

        // Said again by somebody who didn't hear of it: an older word holds nothing, but is somewhere to reach her again.
        let late = json!({"email": "wrong.q@example.com", "phone": "13812345678", "birthday": "1987-06-05"});
        tell(app, vec![identify("late", "u1", "2026-09-24T00:00:00Z", late)]).await;
        let seen = view(app, id).await;
        assert_eq!(points(&seen), ["r***@example.com*", "w***@example.com", "138****5678"]);
        let held = house.lines("SELECT COUNT(*) FROM customer_personal WHERE birthday IS NOT NULL").await;
        assert_eq!(held, ["0"]);
        assert_eq!(differences(app).await, Vec::<String>::new());
        // What is said later holds, as ever.
        let later = json!({"phone": "13912345678"});
        tell(app, vec![identify("later", "u1", "2026-09-25T02:00:00.000001Z", later)]).await;
        assert!(points(&view(app, id).await).contains(&"139****5678*".to_owned()));
    }

    async fn everybody_who_is_one_with_them_is_corrected_and_stays_so_when_parted(database) {
        let house = House::open(database, &[NOW]).await;
        let app = &house.app;
        tell(app, vec![
            identify("i1", "u1", EARLIER, json!({"email": "wrong.q@example.com", "timezone": "Europe/Paris", "locale": "fr"})),
            identify("i2", "u2", EARLIER, json!({"email": "wrong.q@example.org", "likes": "tea"})),
        ]).await;
        let (kept, other) = (id_of(app, "u1").await, id_of(app, "u2").await);
        identity::merge(&app.book, kept, other, "cli:tester", None).await.expect("merged");
        let done = correct(app, other, json!({"email": "rosa@example.com", "timezone": "Asia/Shanghai"}), &["locale"]).await.expect("corrected");
        assert_eq!((done.customer, done.events, done.names_removed), (kept, 2, 2));
        assert_eq!(found(app, &["wrong.q", "Paris"]).await, Vec::<String>::new());
        assert_eq!(house.lines(&format!("SELECT zone, locale FROM customer WHERE id = {}", kept.0)).await, ["Asia/Shanghai|-"]);
        assert_eq!(differences(app).await, Vec::<String>::new());
        identity::unmerge(&app.book, other, "cli:tester", None).await.expect("parted");
        assert_eq!(points(&view(app, other).await), Vec::<String>::new());
        assert_eq!(found(app, &["wrong.q"]).await, Vec::<String>::new());
        assert_eq!(differences(app).await, Vec::<String>::new());
    }

    async fn what_says_who_somebody_else_is_isnt_taken_from_them(database) {
        let house = House::open(database, &[NOW]).await;
        let app = &house.app;
        let guest = json!({"type": "identify", "messageId": "g", "anonymousId": "a9", "timestamp": EARLIER, "traits": {"phone": "13700001111"}});
        tell(app, vec![
            identify("i1", "u1", EARLIER, json!({"email": "wrong.q@example.com"})),
            identify("i2", "u2", EARLIER, json!({"email": "berg@example.com"})),
            guest,
        ]).await;
        let (rosa, berg) = (id_of(app, "u1").await, id_of(app, "u2").await);
        let guest = profile::resolve(&app.book, "anonymous_id:a9").await.expect("known");

        // Two with a user id each: a contact point of both, and a pair for a person to look at.
        let done = correct(app, rosa, json!({"email": "berg@example.com"}), &[]).await.expect("corrected");
        assert_eq!((done.shared[0].field, done.shared[0].others, &done.shared[0].candidates), ("email", 1, &vec![berg]));
        let pairs = identity::candidates(&app.book, 10).await.expect("read");
        assert_eq!(pairs.iter().map(|p| (p.first, p.second)).collect::<Vec<_>>(), [(rosa, berg)]);
        assert_eq!(points(&view(app, rosa).await), ["b***@example.com*"]);
        let owner = house.lines("SELECT CAST(customer_id AS TEXT) FROM identifier WHERE value = 'berg@example.com'").await;
        assert_eq!(owner, [berg.0.to_string()]);

        // An event would make these one; a correction doesn't.
        let refused = correct(app, rosa, json!({"phone": "13700001111"}), &[]).await.expect_err("refused");
        assert!(matches!(&refused, ServiceError::Conflict(told) if told.contains(&guest.to_string())), "{refused}");
        assert_eq!(points(&view(app, rosa).await), ["b***@example.com*"]);
        // And somebody without any other name is still who was pointed at.
        let done = correct(app, guest, json!({"phone": "13700002222"}), &[]).await.expect("corrected");
        assert_eq!((done.customer, done.names_removed), (guest, 1));
        assert_eq!(profile::resolve(&app.book, "phone:13700002222").await.ok(), Some(guest));
        assert_eq!(found(app, &["13700001111"]).await, Vec::<String>::new());
        assert_eq!(differences(app).await, Vec::<String>::new());
    }

    async fn what_cant_be_so_changes_nothing(database) {
        let house = House::open(database, &[NOW]).await;
        let app = &house.app;
        let id = rosa(app).await;
        let (admin, path) = (key(app, "admin").await, format!("/api/v1/customers/{id}/correct"));
        let router = app.router();
        let before = house.lines("SELECT payload FROM event_personal ORDER BY event_id").await;
        for (path, body, status, at) in [
            (path.as_str(), json!({"set": {"email": "rosa@example.com"}}), 422, "reason"),
            (&path, json!({"reason": "x"}), 422, "set"),
            (&path, json!({"set": {"birthday": "2026-10-26"}, "reason": "x"}), 422, "set.birthday"),
            (&path, json!({"set": {"email": "not-mail"}, "reason": "x"}), 422, "set.email"),
            (&path, json!({"set": {"email": "a@b.example"}, "unset": ["email"], "reason": "x"}), 422, "unset"),
            (&path, json!({"sett": {}}), 422, ""),
            ("/api/v1/customers/cus_999/correct", json!({"set": {"email": "a@b.example"}, "reason": "x"}), 404, "-"),
            ("/api/v1/customers/rosa/correct", json!({}), 400, "-"),
        ] {
            let answer = post(&router, path, &admin, &body).await;
            assert_eq!(answer.status, status, "{body}: {:?}", answer.body);
            assert_eq!(answer.body["errors"][0]["at"].as_str().unwrap_or("-"), at, "{body}");
            assert!(!answer.body.to_string().contains("not-mail"), "no value is repeated");
        }
        assert_eq!(house.lines("SELECT payload FROM event_personal ORDER BY event_id").await, before);
        let answer = post(&router, &path, &admin, &json!({"set": {"email": "rosa@example.com"}, "reason": "x"})).await;
        assert_eq!((answer.status.as_u16(), &answer.body["set"]), (200, &json!(["email"])), "{:?}", answer.body);
        kinkeeper::service::erasing::erase(&app.book, id, "asked", "cli:tester").await.expect("erased");
        let answer = post(&router, &path, &admin, &json!({"set": {"email": "rosa@example.com"}, "reason": "x"})).await;
        assert_eq!(answer.status, 409);
    }
}
