//! What an operator asks the book: what going live would do, who is late, how much room is left, what the doors are.

use crate::support::care::{Care, at};
use crate::support::command::Home;
use crate::support::on_both_databases;
use domain::campaign::state::CampaignState;
use kinkeeper::service::live::{self, Disk};
use serde_json::{Value, json};

/// A ticket that is resolved on a day of December.
fn resolved(n: u32, important: bool, day: u32) -> [Value; 2] {
    let told = |event: &str, hour: u32| {
        json!({"type": "track", "messageId": format!("{event}{n}"), "userId": format!("u{n}"), "event": event,
            "timestamp": format!("2011-12-{day:02}T{hour:02}:00:00Z"),
            "properties": {"ticket_id": format!("T{n}"), "important": important}})
    };
    [told("Ticket Opened", 9), told("Ticket Resolved", 17)]
}

on_both_databases! {
    async fn going_live_is_previewed_with_messages_coupons_and_calls(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let (book, app) = (&care.house.app.book, &care.house.app);
        // Two important ones within the week, an ordinary one, and one from before it.
        let told = [resolved(1, true, 19), resolved(2, true, 24), resolved(3, false, 20), resolved(4, true, 17)];
        care.house.send(told.concat()).await;
        // Somebody whose last order is 178 days old: at risk the day after tomorrow.
        let order = json!({"type": "track", "messageId": "o", "userId": "u9", "event": "Order Completed",
            "timestamp": "2011-06-30T12:00:00Z", "properties": {"order_id": "O9", "total": 10}});
        let about = json!({"type": "identify", "messageId": "i", "userId": "u9", "traits": {"email": "u9@example.com",
            "consents": {"email": {"marketing": "granted"}}}});
        care.house.send(vec![order, about]).await;
        app.engine().drain_all().await.expect("kept");

        let preview = live::preview(book).await.expect("looked");
        let of = |key: &str| preview.campaigns.iter().find(|week| week.campaign == key).expect("there").clone();
        let calls = of("important_ticket_callback");
        assert_eq!((calls.state, calls.enters, calls.calls, calls.messages), (CampaignState::InReview, 2, 2, 0));
        assert_eq!(preview.calls, 0, "nobody calls for a campaign that isn't approved");
        let greeting = of("festival");
        assert_eq!((greeting.enters, greeting.messages, greeting.without), (5, 1, 4), "four have no address");
        assert_eq!((greeting.coupons, greeting.calls), (None, 0));
        let winback = of("winback");
        assert_eq!((winback.enters, winback.messages), (1, 1));
        assert_eq!(winback.coupons.map(|face| face.to_string()).as_deref(), Some("50.00 GBP"));

        kinkeeper::service::campaigns::approve(book, "important_ticket_callback", "test").await.expect("approved");
        assert_eq!(live::preview(book).await.expect("looked").calls, 2);
        // Nothing came of looking.
        assert_eq!(care.number("SELECT COUNT(*) FROM touchpoint").await, 0);

        care.set_now(at("2011-12-26T00:00:00Z")).await;
        let later = live::preview(book).await.expect("looked");
        let greeting = later.campaigns.iter().find(|week| week.campaign == "festival").expect("there");
        assert_eq!((greeting.enters, greeting.messages), (0, 0), "the next Christmas is a year away: {}", greeting.how);
    }

    async fn status_says_who_is_late_and_how_much_room_there_is(database) {
        let care = Care::in_onboarding(database, &[]).await;
        let (book, house) = (&care.house.app.book, &care.house);
        let quiet = live::status(book).await.expect("status");
        assert_eq!(quiet.late, []);
        assert!(quiet.disk.book_bytes > 100_000, "{:?}", quiet.disk);
        assert!(quiet.disk.free_bytes.is_some_and(|free| free > 0), "{:?}", quiet.disk);
        house.send(vec![json!({"type": "identify", "messageId": "i", "userId": "u1"})]).await;
        let now = book.now().await.expect("the time");
        let late = now - domain::time::Span::minutes(7);
        care.exec("UPDATE customer_due SET due_at = $1", [late.micros()]).await;
        let told = live::status(book).await.expect("status");
        assert_eq!((told.late.len(), told.late[0].worker, told.late[0].seconds), (1, "keeper", 420));
        house.app.engine().drain_all().await.expect("kept");
        assert_eq!(live::status(book).await.expect("status").late, []);
    }
}

#[test]
fn a_disk_is_nearly_full_when_no_copy_of_the_book_fits() {
    const GIB: i64 = 1 << 30;
    let full = |book_bytes, free_bytes| Disk { book_bytes, free_bytes }.is_nearly_full();
    assert!(full(1, Some(GIB - 1)) && !full(1, Some(GIB)));
    assert!(full(3 * GIB, Some(3 * GIB - 1)) && !full(3 * GIB, Some(3 * GIB)));
    assert!(!full(GIB, None), "nobody is alarmed by what nobody knows");
}

#[test]
fn the_description_of_the_doors_is_printed_without_a_book() {
    let home = Home::new();
    let printed = home.run(&["openapi"]).ended(0).json();
    assert_eq!(printed["openapi"], "3.1.0");
    assert!(printed["paths"]["/api/v1/customers"]["get"].is_object());
    assert!(!home.path().join("data").exists(), "it makes no book");
}
