//! Contact points unmasked: who may, for which reason, how often, and what stands in the logs before anybody sees one.

use crate::callbacks::scene::{Scene, at};
use crate::support::door::{Answer, ask, post};
use crate::support::on_both_databases;
use domain::callback::Level;
use domain::ids::CustomerId;
use kinkeeper::service::keys::{self, NewKey};
use kinkeeper::service::{erasing, identity, live};
use serde_json::{Value, json};

async fn key(s: &Scene, role: &str, staff: Option<&str>) -> String {
    let new = NewKey { role: role.to_owned(), staff: staff.map(str::to_owned), label: None, source: None };
    keys::create(&s.book, new, "test").await.expect("a key").key
}

async fn with_phone(s: &Scene, customer: CustomerId) -> CustomerId {
    let sql = "INSERT INTO contact_point (customer_id, channel, value, class, usable, is_primary) \
               VALUES ($1, 'phone', '+8613800001234', 'real', 1, 1)";
    s.run(sql, vec![customer.0.into()]).await;
    customer
}

async fn reveal(s: &Scene, customer: CustomerId, key: &str, reason: &str) -> Answer {
    let body = if reason.is_empty() { json!({}) } else { json!({ "reason": reason }) };
    post(&s.house.app.router(), &format!("/api/v1/customers/{customer}/reveal"), key, &body).await
}

async fn logged(s: &Scene) -> Vec<String> {
    s.house
        .lines(
            "SELECT actor, customer_id, detail, own_work FROM access_log WHERE act = 'revealed' ORDER BY id",
        )
        .await
}

async fn audited(s: &Scene) -> Vec<String> {
    s.house
        .lines("SELECT actor, subject, detail FROM audit WHERE action = 'customer.revealed' ORDER BY id")
        .await
}

on_both_databases! {
    async fn a_reason_is_needed_but_by_whoever_has_the_callback_in_hand(database) {
        let s = Scene::open(database).await;
        let jo = s.agent("jo", Level::Junior).await;
        s.agent("kim", Level::Junior).await;
        let hers = with_phone(&s, s.customer().await).await;
        let other = with_phone(&s, s.customer().await).await;
        s.create(s.reason("t:1", hers, "05-04 09:00", "05-06 18:00")).await;
        s.route().await;
        let held = s.got(jo).await;
        let (jo_key, kim) = (key(&s, "agent", Some("jo")).await, key(&s, "agent", Some("kim")).await);
        let lead = key(&s, "supervisor", Some("kim")).await;
        let (admin, marketer) = (key(&s, "admin", None).await, key(&s, "marketer", None).await);

        for (who, key, customer, reason, status) in [
            ("holds it", &jo_key, hers, "", 200),
            ("holds it, and says more", &jo_key, hers, "asked for the address", 200),
            ("holds another's", &jo_key, other, "", 422),
            ("says why", &jo_key, other, "parcel returned", 200),
            ("blank is no reason", &jo_key, other, "  ", 422),
            ("a colleague", &kim, hers, "", 422),
            ("their lead", &lead, hers, "", 422),
            ("their lead says why", &lead, hers, "checks a complaint", 200),
            ("an admin", &admin, hers, "", 422),
            ("an admin says why", &admin, hers, "asked by the authority", 200),
            ("a marketer", &marketer, hers, "curious", 403),
            ("nobody's", &admin, CustomerId(999), "x", 404),
        ] {
            let (before, audit) = (logged(&s).await.len(), audited(&s).await.len());
            let answer = reveal(&s, customer, key, reason).await;
            assert_eq!(answer.status.as_u16(), status, "{who}: {:?}", answer.body);
            let rows = usize::from(status == 200);
            assert_eq!((logged(&s).await.len(), audited(&s).await.len()), (before + rows, audit + rows), "{who}");
            if status == 200 {
                let point = &answer.body["contact_points"][0];
                assert_eq!((point["channel"].as_str(), point["value"].as_str()), (Some("phone"), Some("+8613800001234")), "{who}");
            } else {
                assert!(!answer.body.to_string().contains("13800001234"), "{who}");
            }
        }
        let long = reveal(&s, hers, &admin, &"x".repeat(501)).await;
        assert_eq!((long.status.as_u16(), &long.body["errors"][0]["code"]), (422, &json!("too_long")));
        let lines = logged(&s).await;
        assert_eq!(lines[0], format!("jo|{}|{{\"callback\":\"{}\"}}|1", hers.0, held.id));
        assert_eq!(lines[2], format!("jo|{}|{{\"reason\":\"parcel returned\"}}|0", other.0));
        assert_eq!(audited(&s).await[0], format!("jo|customer:{hers}|{{\"callback\":\"{}\"}}", held.id));

        // The lease's last instant, and the first one after it.
        s.run("UPDATE callback SET lease_until = $1", vec![at("05-04 10:00").micros().into()]).await;
        s.run("UPDATE clock SET now_at = $1", vec![(at("05-04 10:00").micros() - 1).into()]).await;
        assert_eq!(reveal(&s, hers, &jo_key, "").await.status, 200);
        s.set_now("05-04 10:00").await;
        assert_eq!(reveal(&s, hers, &jo_key, "").await.status, 422);

        // A merged customer's id shows whoever they are now; of an erased one there is nothing.
        identity::merge(&s.book, other, hers, "cli:tester", None).await.expect("merged");
        let merged = reveal(&s, hers, &admin, "x").await;
        assert_eq!(merged.body["customer"], json!(other.to_string()), "{:?}", merged.body);
        erasing::erase(&s.book, other, "asked", "cli:tester").await.expect("erased");
        assert_eq!(reveal(&s, other, &admin, "x").await.status, 409);
    }

    async fn so_many_an_hour_by_one_person_and_then_not_before(database) {
        let s = Scene::open_with(database, &["access.reveals_per_hour=3"]).await;
        s.agent("jo", Level::Junior).await;
        let customer = with_phone(&s, s.customer().await).await;
        // Two keys of one person count together, another person's don't.
        let keys = [key(&s, "agent", Some("jo")).await, key(&s, "agent", Some("jo")).await];
        let admin = key(&s, "admin", None).await;
        for (n, minute) in ["09:00", "09:10", "09:20"].into_iter().enumerate() {
            s.set_now(&format!("05-04 {minute}")).await;
            assert_eq!(reveal(&s, customer, &keys[n % 2], "x").await.status, 200, "{minute}");
        }
        let refused = reveal(&s, customer, &keys[1], "x").await;
        assert_eq!((refused.status.as_u16(), refused.body["code"].as_str()), (429, Some("too_many_requests")));
        assert_eq!(refused.headers["retry-after"], "2400", "until 10:00");
        assert_eq!(logged(&s).await.len(), 3, "a refusal isn't a look");
        assert_eq!(reveal(&s, customer, &admin, "x").await.status, 200);
        s.run("UPDATE clock SET now_at = $1", vec![(at("05-04 10:00").micros() - 1).into()]).await;
        let refused = reveal(&s, customer, &keys[0], "x").await;
        assert_eq!((refused.status.as_u16(), refused.headers["retry-after"].as_bytes()), (429, &b"1"[..]));
        s.set_now("05-04 10:00").await;
        assert_eq!(reveal(&s, customer, &keys[0], "x").await.status, 200);
        assert_eq!(reveal(&s, customer, &keys[0], "x").await.status, 429);

        // Many at one instant: as many as there are left.
        s.set_now("05-04 12:00").await;
        let all = futures::future::join_all((0..8).map(|_| reveal(&s, customer, &keys[0], "x"))).await;
        assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 3);
        assert_eq!(all.iter().filter(|answer| answer.status == 429).count(), 5);
    }

    async fn whoever_views_many_profiles_beside_their_work_is_told_of(database) {
        let s = Scene::open_with(database, &["access.profiles_per_hour=3"]).await;
        let jo = s.agent("jo", Level::Junior).await;
        let mut customers = Vec::new();
        for n in 0..5 {
            let customer = s.customer().await;
            if n < 2 {
                s.create(s.reason(&format!("t:{n}"), customer, "05-04 09:00", "05-06 18:00")).await;
            }
            customers.push(customer);
        }
        s.route().await;
        // In hand at the time of the look, whatever becomes of it later.
        s.got(jo).await;
        s.got(jo).await;
        let jo_key = key(&s, "agent", Some("jo")).await;
        let view = async |customer: CustomerId| {
            let path = format!("/api/v1/customers/{customer}");
            ask(&s.house.app.router(), "GET", &path, Some(&jo_key)).await.status.as_u16()
        };
        let alerts = async || live::status(&s.book).await.expect("status").alerts;
        for customer in &customers {
            assert_eq!([view(*customer).await, view(*customer).await], [200, 200]);
        }
        let told = live::status(&s.book).await.expect("status");
        assert_eq!(serde_json::to_value(&told).expect("JSON")["alerts"], json!([]), "three beside two of her own");
        s.run("UPDATE callback SET staff_id = NULL, lease_until = NULL, state = 'ready'", vec![]).await;
        assert_eq!(alerts().await, []);
        assert_eq!(view(customers[0]).await, 200);
        let told = serde_json::to_value(live::status(&s.book).await.expect("status")).expect("JSON");
        let expected = json!([{"code": "many_profiles", "actor": "jo", "profiles": 4}]);
        assert_eq!(told["alerts"], expected);
        let lead = key(&s, "supervisor", Some("jo")).await;
        let seen: Value = ask(&s.house.app.router(), "GET", "/api/v1/system", Some(&lead)).await.body;
        assert_eq!(seen["alerts"], expected);
        s.set_now("05-04 10:00").await;
        assert_eq!(alerts().await, [], "an hour later");
    }
}
