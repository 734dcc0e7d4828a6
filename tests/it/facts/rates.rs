//! Amounts in other currencies: taken over at the rate of the shop's local date, once and for good.

use crate::support::book::both_databases;
use crate::support::retail::{Retail, at};
use domain::ids::SourceId;
use domain::money::Currency;
use kinkeeper::service::import::{self, Kind, Request, Unwatched};
use kinkeeper::service::ingest::{self, Batch};
use kinkeeper::store::{Lane, StoreError, rates, shops, sources};
use serde_json::{Value, json};

const NOW: &str = "2011-12-01T00:00:00Z";

/// Declares rates of a currency in GBP.
async fn declare(book: &Retail, currency: &str, days: Value) {
    let document = json!({"currency": currency, "rates": days});
    let (declared, problems) = domain::rates::parse(&document, Currency::parse("GBP").expect("a code"));
    assert_eq!(problems, []);
    let declared = declared.expect("sound");
    let put: Result<(), StoreError> = book
        .store
        .write(Lane::People, move |tx| Box::pin(async move { rates::put(tx, &declared).await }))
        .await;
    put.expect("declared");
}

/// Another shop of the same people, in Shanghai, that sells in CNY; gives a source of its own.
async fn second_shop(book: &Retail) -> SourceId {
    let first = shops::first(book.store.reader()).await.expect("readable").expect("founded").shop;
    let put: Result<SourceId, StoreError> = book
        .store
        .write(Lane::People, move |tx| {
            Box::pin(async move {
                let shop = shops::Shop {
                    key: "shanghai".to_owned(),
                    zone: chrono_tz::Asia::Shanghai,
                    currency: Currency::parse("CNY").expect("a code"),
                    ..first
                };
                let shop = shops::put(tx, &shop).await?;
                sources::ensure(tx, "shanghai-api", shop, sources::kind::API).await
            })
        })
        .await;
    put.expect("declared")
}

/// Imports orders; gives why rows were refused.
async fn import_orders(book: &Retail, text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("orders.csv");
    std::fs::write(&path, text).expect("written");
    let request = Request::new(Kind::Orders, path);
    let report = import::run(&book.store, "retail", &request, &mut Unwatched).await.expect("imported");
    report.refused.into_iter().map(|row| row.reason).collect()
}

fn event(id: &str, name: &str, when: &str, properties: Value) -> Value {
    json!({"type": "track", "messageId": id, "userId": "u1", "event": name, "timestamp": when, "properties": properties})
}

async fn log(book: &Retail) -> Vec<String> {
    book.lines("SELECT message_id, amount_minor, foreign_currency, foreign_minor, rate FROM event ORDER BY message_id").await
}

both_databases! {
    async fn the_rate_is_that_of_the_shops_local_date(book: Book) {
        let book = Retail::of(book).await;
        // London is an hour ahead of UTC until 30 October 2011.
        declare(&book, "USD", json!({"2011-07-01": "0.62", "2011-07-02": "0.63"})).await;
        declare(&book, "JPY", json!({"2011-07-01": "0.0077"})).await;
        let usd = |id: &str, when: &str| {
            let line = json!([{"sku": "a", "price": "3.33", "quantity": 3}]);
            event(id, "Order Completed", when, json!({"order_id": id, "total": "10.01", "currency": "usd", "products": line}))
        };
        let events = vec![
            usd("1", "2011-07-01T22:59:59.999999Z"),
            usd("2", "2011-07-01T23:00:00Z"),
            usd("3", "2011-07-02T23:00:00Z"),
            event("4", "Order Refunded", "2011-07-01T12:00:00Z", json!({"order_id": "1", "refund_id": "r", "amount": 500, "currency": "JPY"})),
            event("5", "Order Refunded", "2011-07-09T12:00:00Z", json!({"order_id": "2", "refund_id": "s", "currency": "JPY"})),
            event("6", "Ticket Opened", "2011-07-01T12:00:00Z", json!({"ticket_id": "t", "amount": "7.50", "currency": "USD"})),
            event("7", "Product Viewed", "2011-07-01T12:00:00Z", json!({"price": 5, "currency": "XXX"})),
        ];
        let receipt = book.accept(NOW, events.clone()).await.expect("in");
        let told: Vec<String> = receipt.rejected.iter().map(|r| format!("{} {} {}", r.index, r.code, r.detail)).collect();
        assert_eq!(told, ["2 no_rate properties.currency: there is no rate from USD to the shop's GBP on 2011-07-03; declare it \
            (kind: rates) with `kinkeeper apply`, then bring this again, or send amounts in GBP"]);
        assert_eq!(book.lines("SELECT message_id, code FROM quarantine").await, ["3|no_rate"]);
        assert_eq!(log(&book).await, [
            "1|621|USD|1001|620000000000",
            "2|631|USD|1001|630000000000",
            "4|385|JPY|500|7700000000",
            "5|-|-|-|-",
            "6|465|USD|750|620000000000",
            "7|-|-|-|-",
        ]);
        let orders = "SELECT order_key, total_minor, refunded_minor, currency, foreign_currency, foreign_minor, rate FROM orders ORDER BY order_key";
        let taken = ["retail:1|621|385|GBP|USD|1001|620000000000", "retail:2|631|631|GBP|USD|1001|630000000000"];
        assert_eq!(book.lines(orders).await, taken);
        assert_eq!(book.lines("SELECT price_minor, amount_minor FROM order_line ORDER BY order_key").await, ["206|618", "210|630"]);

        // Declared anew, a rate changes nothing that was, and a rebuild converts nothing again.
        declare(&book, "USD", json!({"2011-07-01..2011-07-03": "0.7"})).await;
        assert_eq!(crate::facts::differences(&book).await, []);
        let receipt = book.accept(NOW, events).await.expect("in");
        assert_eq!((receipt.accepted, receipt.duplicate, receipt.rejected.len()), (1, 6, 0), "now the third has its rate");
        assert_eq!(book.lines(orders).await[..2], taken);
        // The same refund under another message id is the same, whatever its day's rate is by now.
        let nameless = |id: &str| event(id, "Order Refunded", "2011-07-03T12:00:00Z", json!({"order_id": "3", "amount": 1, "currency": "USD"}));
        book.accept(NOW, vec![nameless("8")]).await.expect("in");
        declare(&book, "USD", json!({"2011-07-03": "0.9"})).await;
        book.accept(NOW, vec![nameless("9")]).await.expect("in");
        assert_eq!(book.lines("SELECT refunded_minor FROM orders WHERE order_key = 'retail:3'").await, ["70"]);
    }

    async fn a_files_rows_take_their_days_rate(book: Book) {
        let book = Retail::of(book).await;
        declare(&book, "EUR", json!({"2011-11-01": "0.86"})).await;
        let text = "order_id,customer_id,paid_at,total,currency,sku,product,category,style,brand,quantity,price\n\
                    o1,c1,2011-11-01,,EUR,a,Mug,kitchen,plain,B,2,5.00\n\
                    o1,c1,2011-11-01,,EUR,b,Cup,kitchen,,,1,1.99\n\
                    o2,c1,2011-11-02,9,EUR,,,,,,,\n";
        let refused = import_orders(&book, text).await;
        assert_eq!(refused, ["line 4, column currency: there is no rate from EUR to the shop's GBP on 2011-11-02; declare it \
            (kind: rates) with `kinkeeper apply`, then bring this again, or send amounts in GBP"]);
        assert_eq!(book.lines("SELECT order_key, total_minor, foreign_minor FROM orders").await, ["retail:o1|1031|1199"]);
        let lines = book.lines("SELECT line_no, sku, name, category, style, brand, quantity_milli, price_minor, amount_minor FROM order_line ORDER BY line_no").await;
        assert_eq!(lines, ["1|a|Mug|kitchen|plain|B|2000|430|860", "2|b|Cup|kitchen|-|-|1000|171|171"]);
        assert_eq!(crate::facts::differences(&book).await, []);
    }

    async fn a_second_shop_in_another_currency_is_taken_over_into_the_first_ones(book: Book) {
        let book = Retail::of(book).await;
        declare(&book, "CNY", json!({"2011-07-02": "0.1"})).await;
        let other = second_shop(&book).await;
        let sold = |id: &str, said: Value| {
            let mut properties = json!({"order_id": id, "total": "50.00", "products": [{"sku": "a", "price": "25", "quantity": 2}]});
            properties.as_object_mut().expect("a map").extend(said.as_object().expect("a map").clone());
            // Midnight has struck in Shanghai.
            event(id, "Order Completed", "2011-07-01T16:00:00Z", properties)
        };
        let events = vec![
            sold("1", json!({})),
            sold("2", json!({"currency": "CNY"})),
            sold("3", json!({"currency": "GBP"})),
            event("4", "Order Refunded", "2011-07-02T10:00:00Z", json!({"order_id": "1", "refund_id": "r", "amount": "10"})),
            event("5", "Ticket Opened", "2011-07-02T10:00:00Z", json!({"ticket_id": "t", "amount": "7"})),
            event("6", "Order Completed", "2011-07-03T16:00:00Z", json!({"order_id": "6", "total": "50"})),
        ];
        let batch = Batch { source: other, received_at: Some(at(NOW)), historical: false, events };
        let receipt = ingest::accept(&book.store, batch).await.expect("in");
        assert_eq!(receipt.rejected.iter().map(|r| (r.index, r.code)).collect::<Vec<_>>(), [(5, "no_rate")]);
        let own = event("o", "Order Completed", "2011-07-01T16:00:00Z", json!({"order_id": "1", "total": "50.00"}));
        book.accept(NOW, vec![own]).await.expect("in");
        let orders = "SELECT order_key, total_minor, refunded_minor, currency, foreign_currency, foreign_minor, rate FROM orders ORDER BY order_key";
        assert_eq!(book.lines(orders).await, [
            "retail:1|5000|0|GBP|-|-|-",
            "shanghai:1|500|100|GBP|CNY|5000|100000000000",
            "shanghai:2|500|0|GBP|CNY|5000|100000000000",
            "shanghai:3|5000|0|GBP|-|-|-",
        ]);
        assert_eq!(book.lines("SELECT amount_minor FROM event WHERE kind = 'Ticket Opened'").await, ["70"]);
        assert_eq!(book.lines("SELECT DISTINCT price_minor FROM order_line ORDER BY price_minor").await, ["250", "2500"]);
        assert_eq!(crate::facts::differences(&book).await, []);

        // A file of that shop's says it as its door does.
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("orders.csv");
        std::fs::write(&path, "order_id,customer_id,paid_at,total\nf,c1,2011-07-02,80\n").expect("written");
        let report = import::run(&book.store, "shanghai", &Request::new(Kind::Orders, path), &mut Unwatched).await;
        assert_eq!(report.expect("imported").refused.len(), 0);
        let of_file = "SELECT total_minor, currency, foreign_minor FROM orders WHERE order_key = 'shanghai:f'";
        assert_eq!(book.lines(of_file).await, ["800|GBP|8000"]);
    }
}
