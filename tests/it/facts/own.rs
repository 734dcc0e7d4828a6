//! Events of source `kinkeeper`: taken in like any other, and usable by their names.

use crate::support::book::both_databases;
use crate::support::retail::{Retail, at};
use domain::event::Fact;
use domain::event::own::Own;
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::store::{Lane, StoreError, customers, facts, shops, sources};
use serde_json::{Value, json};

const NOW: &str = "2011-12-01T00:00:00Z";

both_databases! {
    async fn what_the_daemon_does_is_an_event_like_any_other(book: Book) {
        let book = Retail::of(book).await;
        let source: Result<_, StoreError> = book.store.write(Lane::Work, |tx| Box::pin(async move {
            let shop = shops::find(tx, "retail").await?.expect("the shop").id;
            sources::ensure(tx, "kinkeeper", shop, sources::kind::KINKEEPER).await
        })).await;
        let event = |own: &Own| {
            let mut event = serde_json::to_value(own).expect("JSON");
            event["type"] = json!("track");
            event["userId"] = json!("u1");
            event["messageId"] = json!(own.name());
            event["timestamp"] = json!("2011-11-30T00:00:00Z");
            event
        };
        let samples = Own::samples();
        let events: Vec<Value> = samples.iter().map(event).collect();
        let batch = Batch { source: source.expect("a source"), received_at: Some(at(NOW)), historical: false, events };
        let receipt = ingest::accept(&book.store, batch).await.expect("in");
        assert_eq!((receipt.accepted, receipt.rejected), (samples.len(), vec![]));

        let db = book.store.reader();
        let who = customers::find_by_identifier(db, "user_id", "retail", "u1").await.expect("read").expect("known");
        let mut names: Vec<String> = facts::events_of(db, &[who], at(NOW), &Default::default()).await.expect("read")[&who]
            .iter()
            .map(|event| match &event.fact {
                Fact::Custom { name } => name.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        names.sort();
        let mut expected: Vec<&str> = samples.iter().map(Own::name).collect();
        expected.sort_unstable();
        assert_eq!(names, expected);
        let logged = book.lines("SELECT s.key, e.kind, e.properties FROM event e JOIN source s ON s.id = e.source_id WHERE e.kind = 'Touch Bounced'").await;
        let Some((start, properties)) = logged[0].split_once('{') else { panic!("{logged:?}") };
        assert_eq!(start, "kinkeeper|Touch Bounced|");
        let read: Own = serde_json::from_str(&format!("{{\"event\": \"Touch Bounced\", \"properties\": {{{properties}}}")).expect("reads back");
        assert!(samples.contains(&read));
        assert_eq!(book.lines("SELECT COUNT(*) AS n FROM orders").await, ["0"], "a coupon's order_id is nobody's order");
    }
}
