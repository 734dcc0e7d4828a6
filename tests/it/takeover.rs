//! Going live with the past's complaints: closed in bulk by facts of the shop's own, or left open; nothing starts by it.

use crate::support::book::{House, source_of_facts};
use crate::support::command::Home;
use crate::support::on_both_databases;
use crate::support::retail::at;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::service::profile::{IdentifierKind, find};
use kinkeeper::service::{ServiceError, identity, live, takeover};
use serde_json::{Value, json};

const CLOCK: &str = "clock=2026-09-25T10:00:00+08:00";
const OPEN: &str = "SELECT ticket_key FROM ticket WHERE state = 'open' ORDER BY ticket_key";

fn complaint(n: u32, who: (&str, &str), opened: &str) -> Value {
    let mut event = json!({"type": "track", "messageId": format!("t{n}"), "event": "Ticket Opened", "timestamp": opened,
        "properties": {"ticket_id": format!("T{n}"), "complaint": true}});
    event[who.0] = json!(who.1);
    event
}

on_both_databases! {
    async fn complaints_of_the_past_are_closed_in_bulk_and_nothing_starts(database) {
        let house = House::open(database, &[CLOCK]).await;
        let (app, book) = (&house.app, &house.app.book);
        let mut told = vec![
            complaint(1, ("userId", "c1"), "2026-03-01T00:00:00Z"),
            complaint(2, ("userId", "phone:+8613912345678"), "2026-08-01T00:00:00Z"),
            complaint(3, ("anonymousId", "device"), "2026-08-31T15:59:59Z"),
            complaint(4, ("userId", "taobao:nick"), "2026-08-31T16:00:00Z"),
        ];
        told[0]["properties"]["important"] = json!(true);
        let question = json!({"type": "track", "messageId": "q", "userId": "c1", "event": "Ticket Opened",
            "timestamp": "2026-03-01T00:00:00Z", "properties": {"ticket_id": "Q"}});
        told.push(question);
        let source = source_of_facts(app).await;
        let batch = |events| Batch { source, received_at: None, historical: false, events };
        assert_eq!(ingest::accept(&book.store, batch(told)).await.expect("taken in").rejected, []);
        app.engine().drain_all().await.expect("kept");
        let open = "SELECT COUNT(*) AS n FROM tag_current WHERE key = 'complaint_history' AND value = 'one'";
        assert_eq!(house.lines(open).await, ["4"]);

        // The shop's own 1 September.
        let before = at("2026-08-31T16:00:00Z");
        let preview = takeover::preview(book, before).await.expect("looked");
        assert_eq!((preview.complaints, preview.first.len()), (3, 3));
        assert_eq!(preview.first[0], ("shop:T1".to_owned(), at("2026-03-01T00:00:00Z")));
        assert_eq!(takeover::close(book, before, "cli:lead").await.expect("closed"), 3);
        assert_eq!(house.lines(OPEN).await, ["shop:Q", "shop:T4"]);
        assert_eq!(takeover::close(book, before, "cli:lead").await.expect("again"), 0);
        let sql = "SELECT kind, historical FROM event WHERE message_id LIKE 'taken-over:%'";
        assert_eq!(house.lines(sql).await, vec!["Ticket Resolved|1"; 3]);

        live::go_live(book, "cli:lead").await.expect("live");
        app.engine().drain_all().await.expect("worked");
        assert_eq!(house.lines("SELECT COUNT(*) AS n FROM callback").await, ["0"], "an important one, but of the past");
        assert_eq!(house.lines("SELECT COUNT(*) AS n FROM enrollment").await, ["0"]);
        let late = takeover::close(book, before, "cli:lead").await;
        assert!(matches!(late, Err(ServiceError::Conflict(_))), "{late:?}");
        let audit = "SELECT actor, detail FROM audit WHERE action = 'book.complaints_taken_over' ORDER BY id";
        let audited = house.lines(audit).await;
        assert!(audited.len() == 1 && audited[0].contains("cli:lead|{\"complaints\":3") && audited[0].contains("shop:T3"), "{audited:?}");

        // Whoever comes back to it has a complaint again.
        let again = json!({"type": "track", "messageId": "r1", "userId": "c1", "event": "Ticket Reopened",
            "timestamp": "2026-09-25T02:00:00.5Z", "properties": {"ticket_id": "T1"}});
        ingest::accept(&book.store, batch(vec![again])).await.expect("taken in");
        assert_eq!(house.lines(OPEN).await, ["shop:Q", "shop:T1", "shop:T4"]);
    }

    async fn each_page_is_audited_by_itself_and_nobody_is_left_out(database) {
        let house = House::open(database, &[CLOCK]).await;
        let (app, book) = (&house.app, &house.app.book);
        let told: Vec<Value> = (0..450).map(|n| complaint(n, ("userId", &format!("c{n}")), "2026-03-01T00:00:00Z")).collect();
        let source = source_of_facts(app).await;
        let batch = |events| Batch { source, received_at: None, historical: true, events };
        assert_eq!(ingest::accept(&book.store, batch(told)).await.expect("taken in").rejected, []);
        // Whoever lost their name since, as a correction can do, has a complaint all the same.
        let nameless = "DELETE FROM identifier WHERE value = 'c7'";
        let gone = book.store.write(kinkeeper::store::Lane::People, move |tx| Box::pin(async move {
            sea_orm::ConnectionTrait::execute_unprepared(&**tx, nameless).await?;
            Ok::<_, kinkeeper::store::StoreError>(())
        }));
        gone.await.expect("gone");
        // One is somebody else's by now; parted again, each has what was theirs.
        let (one, other) = (user(app, "c1").await, user(app, "c2").await);
        identity::merge(book, one, other, "cli:lead", None).await.expect("merged");
        let before = book.store.asked_in_transactions();
        assert_eq!(takeover::close(book, at("2026-09-01T00:00:00Z"), "cli:lead").await.expect("closed"), 450);
        let asked = book.store.asked_in_transactions() - before;
        assert!(asked < 150, "statements grow with pages, not with complaints: {asked}");
        assert_eq!(house.lines(OPEN).await, Vec::<String>::new());
        let audit = "SELECT COUNT(*) AS n FROM audit WHERE action = 'book.complaints_taken_over'";
        assert_eq!(house.lines(audit).await, ["3"]);
        let stray = "SELECT COUNT(*) AS n FROM event e JOIN ticket t ON t.ticket_key = e.ref_key WHERE e.message_id LIKE 'taken-over:%' \
            AND (e.customer_id <> t.customer_id OR COALESCE(e.origin_customer_id, e.customer_id) <> COALESCE(t.origin_customer_id, t.customer_id))";
        assert_eq!(house.lines(stray).await, ["0"]);
        identity::unmerge(book, other, "cli:lead", None).await.expect("parted");
        assert_eq!(house.lines(stray).await, ["0"]);
        let kept = "SELECT COUNT(*) AS n FROM event WHERE customer_id = ";
        assert_eq!(house.lines(&format!("{kept}{}", other.0)).await, ["2"]);
    }
}

async fn user(app: &kinkeeper::app::App, name: &str) -> domain::ids::CustomerId {
    find(&app.book, IdentifierKind::UserId, name).await.expect("asked").expect("is in the book")
}

#[test]
fn a_person_sees_which_complaints_would_be_closed() {
    let home = Home::new();
    home.file(
        "tickets.csv",
        "ticket_id,customer_id,opened_at,complaint\nT1,c1,2026-01-01 10:00,yes\nT2,c2,2026-06-01 10:00,yes\n",
    );
    home.run(&["import", "tickets", "tickets.csv", "--history"]).ended(0);
    let asked = home.run(&["go-live", "--close-complaints", "2026-03-01"]).ended(4);
    for part in [
        "open complaints      2",
        "to be closed         1 complaints",
        "shop:T1, open since 2026-01-01 10:00",
    ] {
        assert!(asked.stderr.contains(part), "{part}: {}", asked.stderr);
    }
    let odd = home.run(&["go-live", "--close-complaints", "soon", "--yes"]).ended(2);
    assert!(odd.stderr.contains("\"soon\" is no date; write one like 2026-09-01"), "{}", odd.stderr);
    let live = home.run(&["go-live", "--close-complaints", "now", "--yes"]).ended(0);
    assert!(live.stdout.contains("2 complaints closed; live since"), "{}", live.stdout);
    let status = home.run(&["status", "--format", "json"]).ended(0).json();
    assert_eq!((&status["state"], &status["counts"]["open_complaints"]), (&json!("live"), &json!(0)));
    let again = home.run(&["go-live", "--close-complaints", "now", "--yes"]).ended(4);
    assert!(again.stderr.contains("live since"), "{}", again.stderr);
}
