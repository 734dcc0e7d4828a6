//! Values that never identify: declared as lists, in force at once, nobody parted by them.

use super::{NOW, identify, keep, number, order, send, who};
use crate::support::{book::House, on_both_databases};
use domain::campaign::definition::Channel;
use domain::ids::SourceId;
use kinkeeper::service::apply::{self, Change, Difference, Input};
use kinkeeper::service::ingest::{self, Batch, Receipt};
use kinkeeper::service::profile;
use kinkeeper::service::quarantine::{self, Outcome};
use kinkeeper::store::contact;
use kinkeeper::store::quarantine::Which;
use serde_json::{Value, json};

const DESK: &str = "13911112222";

async fn declare(house: &House, phones: &[&str]) -> Change {
    let book = &house.app.book;
    let document = json!({"kind": "blocked", "key": "own", "reason": "the front desk", "phones": phones, "emails": ["front@"]});
    let input = Input { name: "own.yaml".to_owned(), text: document.to_string(), kind: None };
    let prepared = apply::prepare(book, &[input]).await.expect("sound");
    let change = prepared.changes[0].clone();
    apply::commit(book, prepared, "test").await.expect("applied");
    change
}

async fn accept(house: &House, events: Vec<Value>) -> Receipt {
    let book = &house.app.book;
    let source = SourceId(number(house, "SELECT id FROM source WHERE key = 'api'").await);
    let batch = Batch { source, received_at: None, historical: false, events };
    ingest::accept(&book.store, batch).await.expect("answered")
}

fn by_phone(phone: &str, id: &str) -> Value {
    order(&format!("phone:{phone}"), id, "2026-09-01T04:00:00Z", "10")
}

on_both_databases! {
    async fn what_is_blocked_names_nobody_from_then_on_and_parts_nobody(database) {
        let house = House::open(database, &[NOW]).await;
        let book = &house.app.book;
        let at = "2026-09-01T00:00:00Z";
        send(&house, vec![
            identify("ann", at, json!({"phone": DESK, "email": "front@shop.example"})),
            identify("ben", at, json!({"email": "ben@shop.example"})),
            order("phone:13911112222", "1", at, "10"),
        ]).await;
        let ann = who(&house, "ann").await;
        assert_eq!(number(&house, "SELECT COUNT(*) FROM customer").await, 2, "the phone named ann");

        let change = declare(&house, &[DESK, "13933334444"]).await;
        assert_eq!(change.difference, Difference::New);
        assert_eq!(change.details, [
            format!("phone +86{DESK}: never identifies; 1 customer is known by it: {ann}"),
            format!("email front@: never identifies; 1 customer is known by it: {ann}"),
        ]);
        assert!(change.note.expect("a note").contains("customer unmerge"));
        assert_eq!(declare(&house, &[DESK, "13933334444"]).await.difference, Difference::Unchanged);
        assert_eq!(who(&house, "ann").await, ann, "who is known stays who they are");

        // Of a user who has another name it is no name, and no way to reach them.
        send(&house, vec![identify("cem", at, json!({"phone": DESK, "email": "front@elsewhere.example"}))]).await;
        let cem = who(&house, "cem").await;
        assert_ne!(cem, ann);
        assert_eq!(number(&house, &format!("SELECT COUNT(*) FROM identifier WHERE customer_id = {} AND kind <> 'user_id'", cem.0)).await, 0);
        assert_eq!(number(&house, "SELECT COUNT(*) FROM merge_candidate").await, 0);
        let points = contact::points(book.store.reader(), &[cem, ann]).await.expect("read");
        assert!(points.values().flatten().all(|point| !point.usable), "neither hers nor his is written to");
        assert!(points.contains_key(&(cem, Channel::Email.as_str().to_owned())), "it is kept as what was said");
        let view = profile::profile(book, cem).await.expect("read").expect("there");
        assert!(view.contact_points.iter().all(|point| !point.usable) && view.contact_points.len() == 2);

        // By it alone nobody is named: quarantined with the remedy, and taken in once it is.
        let receipt = accept(&house, vec![by_phone(DESK, "2"), order("ann", "3", at, "10"), by_phone("13955556666", "4")]).await;
        assert_eq!((receipt.accepted, receipt.rejected.len()), (2, 1));
        assert_eq!((receipt.rejected[0].index, receipt.rejected[0].code), (0, "nobody"));
        assert!(receipt.rejected[0].detail.contains("kind: blocked"), "{}", receipt.rejected[0].detail);
        assert!(!receipt.rejected[0].detail.contains(DESK), "a reason holds nobody's number");
        let customers = number(&house, "SELECT COUNT(*) FROM customer").await;
        let held = quarantine::list(book, &Which::default(), None, 10).await.expect("listed");
        let id = held.items[0].id;
        assert!(matches!(quarantine::retry(book, id, None, "test").await.expect("tried").outcome, Outcome::StillRefused { .. }));
        let change = declare(&house, &["13933334444"]).await;
        assert_eq!(change.details, [format!("phone +86{DESK}: identifies again")]);
        assert_eq!(quarantine::retry(book, id, None, "test").await.expect("tried").outcome, Outcome::TakenIn);
        assert_eq!(number(&house, "SELECT COUNT(*) FROM customer").await, customers, "it is ann's again");
        keep(&house).await;
        let view = profile::profile(book, ann).await.expect("read").expect("there");
        assert_eq!(view.aggregates.orders_ever, 3);
        let phone = view.contact_points.iter().find(|point| point.channel == "phone").expect("hers");
        assert!(phone.usable);
    }

    async fn a_new_book_has_the_shipped_list_and_the_few_that_every_book_has(database) {
        let house = House::open(database, &[NOW]).await;
        let shipped = number(&house, "SELECT COUNT(*) FROM blocked_identifier WHERE list = 'placeholders'").await;
        assert!(shipped > 20, "{shipped}");
        let at = "2026-09-01T00:00:00Z";
        send(&house, vec![
            identify("ann", at, json!({"phone": "13800138000", "email": "noreply@platform.example"})),
            identify("ben", at, json!({"phone": "13333333333", "email": "Test@Example.com"})),
        ]).await;
        assert_eq!(number(&house, "SELECT COUNT(*) FROM identifier WHERE kind <> 'user_id'").await, 0);
        let (ann, ben) = (who(&house, "ann").await, who(&house, "ben").await);
        let points = contact::points(house.app.book.store.reader(), &[ann, ben]).await.expect("read");
        assert_eq!(points.values().flatten().filter(|point| !point.usable).count(), 4);
        for phone in ["13800138000", "+8613333333333", "4008001234"] {
            let receipt = accept(&house, vec![by_phone(phone, phone)]).await;
            // What is no number at all is an id of the shop's.
            let refused = usize::from(!phone.starts_with('4'));
            assert_eq!(receipt.rejected.len(), refused, "{phone}");
        }
    }
}
