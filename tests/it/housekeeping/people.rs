//! People nobody has heard of for three years: listed on their day, kept by a veto or a fact, forgotten 30 days later.

use super::scene::{BATCH, NOW, audited, exec, now, put_clock, work_off};
use crate::erasing::{found, tell};
use crate::support::TestDatabase;
use crate::support::book::{House, house_settings};
use crate::support::on_both_databases;
use domain::ids::CustomerId;
use domain::time::{Instant, MachineInstant, Span};
use kinkeeper::app::App;
use kinkeeper::service::{ServiceError, backup, housekeeping, identity, live, profile, retention};
use serde_json::json;

/// 1,095 d before [`NOW`].
fn long_ago() -> Instant {
    now() - Span::days(1_095)
}

/// Somebody with a name and one order, at that instant.
async fn person(app: &App, id: &str, ordered_at: Instant) -> CustomerId {
    let at = ordered_at.to_rfc3339();
    tell(app, vec![
        json!({"type": "identify", "messageId": format!("i-{id}"), "userId": id, "timestamp": at, "traits": {"name": format!("Name of {id}")}}),
        json!({"type": "track", "messageId": format!("o-{id}"), "userId": id, "event": "Order Completed", "timestamp": at,
               "properties": {"order_id": format!("A-{id}"), "total": "10.00"}}),
    ]).await;
    profile::resolve(&app.book, &format!("user_id:{id}")).await.expect("known")
}

async fn listed(app: &App) -> Vec<CustomerId> {
    retention::list(&app.book, None, 100).await.expect("read").into_iter().map(|one| one.customer).collect()
}

async fn erased(house: &House) -> Vec<String> {
    house.lines("SELECT id FROM customer WHERE erased_at IS NOT NULL ORDER BY id").await
}

on_both_databases! {
    async fn whom_nobody_has_heard_of_is_listed_on_the_day_and_forgotten_thirty_days_later(database) {
        let house = House::open(database, &[NOW]).await;
        let app = &house.app;
        let old = person(app, "old", long_ago()).await;
        let younger = person(app, "younger", long_ago() + Span::micros(1)).await;
        let (vetoed, back, agreed, complains, merged) = (
            person(app, "vetoed", long_ago()).await, person(app, "back", long_ago()).await, person(app, "agreed", long_ago()).await,
            person(app, "complains", long_ago()).await, person(app, "merged", long_ago()).await,
        );
        let recently = (now() - Span::days(3)).to_rfc3339();
        tell(app, vec![
            json!({"type": "track", "messageId": "c", "userId": "agreed", "event": "Consent Changed", "timestamp": recently,
                   "properties": {"channel": "email", "purpose": "marketing", "granted": true}}),
            json!({"type": "track", "messageId": "t", "userId": "complains", "event": "Ticket Opened", "timestamp": long_ago().to_rfc3339(),
                   "properties": {"ticket_id": "T", "complaint": true}}),
            // A sender that repeats what it knows is no sign of life.
            json!({"type": "identify", "messageId": "again", "userId": "old", "timestamp": recently, "traits": {"likes": "tea"}}),
        ]).await;
        work_off(app, now()).await;
        assert_eq!(listed(app).await, [], "a book that isn't live forgets nobody");
        exec(app, "DELETE FROM housekeeping", vec![]).await;
        live::go_live(&app.book, "cli:tester").await.expect("live");

        work_off(app, now()).await;
        assert_eq!(listed(app).await, [old, vetoed, back, merged]);
        assert_eq!(audited(&house).await.last().expect("told")["gone"], json!({"list": 4}));
        let alerts = serde_json::to_value(live::status(&app.book).await.expect("status").alerts).expect("JSON");
        let due = now() + Span::days(30);
        assert_eq!(alerts, json!([{"code": "people_to_forget", "people": 4, "first_at": due}]));

        for (who, reason, refused) in [(vetoed, " ", "say why"), (vetoed, "guarantee", ""), (vetoed, "again", "vetoed it"), (agreed, "x", "was not found")] {
            match retention::veto(&app.book, who, reason, "cli:sal").await {
                Ok(_) => assert_eq!(refused, ""),
                Err(error) => assert!(!refused.is_empty() && error.to_string().contains(refused), "{error}"),
            }
        }
        // One buys again, one turns out to be somebody else.
        put_clock(app, now() + Span::days(10)).await;
        tell(app, vec![json!({"type": "track", "messageId": "new", "userId": "back", "event": "Order Completed", "properties": {"order_id": "N", "total": "1.00"}})]).await;
        identity::merge(&app.book, agreed, merged, "cli:tester", None).await.expect("merged");
        work_off(app, now() + Span::days(11)).await;
        assert_eq!(listed(app).await, [old, younger, vetoed]);
        assert_eq!(audited(&house).await.last().expect("told")["gone"], json!({"unlist": 2, "list": 1}));

        // The day before, the day itself at its beginning, and the first one after it.
        for later in [Span::days(29), Span::hours(30 * 24 - 10)] {
            work_off(app, now() + later).await;
            assert_eq!(erased(&house).await, Vec::<String>::new(), "not before {due}");
        }
        work_off(app, now() + Span::days(31)).await;
        assert_eq!(erased(&house).await, [old.0.to_string()]);
        assert_eq!(found(app, &["Name of old"]).await, Vec::<String>::new());
        assert_eq!(found(app, &["Name of vetoed", "Name of back"]).await.len(), 8, "others are known as before");
        assert_eq!(audited(&house).await.last().expect("told")["gone"], json!({"forget": 1}));
        let reasons = house.lines("SELECT actor, detail FROM audit WHERE action = 'customer.erased'").await;
        assert_eq!(reasons, [r#"kinkeeper|{"customers":1,"reason":"no order, contact or consent for 1095 days"}"#]);
        assert_eq!(listed(app).await, [younger, vetoed]);
        assert_eq!(profile::profile(&app.book, old).await.expect("read").expect("there").aggregates.orders_ever, 1);
        // A veto holds for as long again, and then they are listed anew.
        let over = now() + Span::days(1_096);
        work_off(app, over).await;
        let all = retention::list(&app.book, None, 100).await.expect("read");
        let again = all.iter().find(|one| one.customer == vetoed).expect("listed");
        assert_eq!((again.listed_at, again.vetoed_at), (over, None));
        assert!(!listed(app).await.contains(&complains), "what is open is now");
    }

    async fn a_restored_book_begins_the_thirty_days_anew(database) {
        let house = House::open(database, &[NOW]).await;
        let app = &house.app;
        let old = person(app, "old", long_ago()).await;
        live::go_live(&app.book, "cli:tester").await.expect("live");
        work_off(app, now()).await;
        assert_eq!(listed(app).await, [old]);
        let copy = house.folder.path().join("copy.db");
        backup::back_up(&app.book, &copy, "cli:tester").await.expect("copied");
        // Said after the copy was made, and lost with it.
        retention::veto(&app.book, old, "guarantee", "cli:sal").await.expect("vetoed");

        let other = TestDatabase::sqlite();
        backup::restore_file(&copy, &other.url(), &app.book.secrets, "cli:tester", MachineInstant::from_micros(0)).await.expect("restored");
        let restored = App::open(house_settings(house.folder.path(), &other.url(), &[])).await.expect("opens");
        assert_eq!(listed(&restored).await, []);
        let later = now() + Span::days(40);
        work_off(&restored, later).await;
        let all = retention::list(&restored.book, None, 100).await.expect("read");
        assert_eq!(all.iter().map(|one| (one.customer, one.due_at)).collect::<Vec<_>>(), [(old, later + Span::days(30))]);
        assert!(!found(&restored, &["Name of old"]).await.is_empty());
    }

    async fn each_is_forgotten_once_by_whoever_is_there(database) {
        let house = House::open(database, &[NOW, BATCH]).await;
        let app = &house.app;
        for n in 0..7 {
            person(app, &format!("p{n}"), long_ago()).await;
        }
        live::go_live(&app.book, "cli:tester").await.expect("live");
        work_off(app, now()).await;
        assert_eq!(listed(app).await.len(), 7);
        let others = [house.beside(&[NOW, BATCH]).await, house.beside(&[NOW, BATCH]).await];
        let later = now() + Span::days(30);
        put_clock(app, later).await;
        let pages = async |app: &App| -> Result<(), ServiceError> {
            while housekeeping::next_due(&app.book, later).await?.is_some_and(|due| due <= later) {
                housekeeping::do_page(&app.book, later, 5).await?;
            }
            Ok(())
        };
        let (one, two) = tokio::join!(pages(&others[0]), pages(&others[1]));
        one.and(two).expect("done");
        assert_eq!((erased(&house).await.len(), listed(app).await.len()), (7, 0));
        assert_eq!(house.lines("SELECT COUNT(*) FROM audit WHERE action = 'customer.erased'").await, ["7"]);
        assert_eq!(audited(&house).await.last().expect("told")["gone"], json!({"forget": 7}));
    }
}
