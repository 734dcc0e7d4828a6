//! The hand-over itself: what comes between queue and relay, what a crash leaves, what a relay answers.

use crate::support::care::{Care, Plan, christmas, dispatch};
use crate::support::on_both_databases;
use crate::support::sink::{Act, At, Sink};
use std::time::Duration;

on_both_databases! {
    async fn a_greeting_reaches_everybody_once_with_its_headers(database) {
        let care = Care::open(database).await;
        care.customers(1..=40).await;
        for customer in 1..=40 {
            care.plan(Plan::festival(customer)).await;
        }
        care.dispatch().await;
        assert!(care.mailed().is_empty(), "planned from midnight, handed over at ten");
        care.dispatch_at(christmas("10:00")).await;
        let mut mailed = care.mailed();
        mailed.sort();
        mailed.dedup();
        assert_eq!(mailed.len(), 40);
        let mail = &care.mails()[0];
        for line in [
            "List-Unsubscribe: <http://127.0.0.1:0/u/",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "Feedback-ID: festival:0:retail:kinkeeper",
            "Subject: Christmas greetings from Retail",
        ] {
            assert!(mail.contains(line), "{line} in {mail}");
        }
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn an_opt_out_between_queue_and_hand_over_stops_it(database) {
        let sink = Sink::start().await;
        let care = with_relay(database, &sink, 1).await;
        care.customers(1..=2).await;
        let (first, second) = (care.plan(Plan::festival(1)).await, care.plan(Plan::festival(2)).await);
        care.dispatch().await;
        assert_eq!(care.state(second).await, "queued");
        care.consents(2, "denied", christmas("09:59")).await;
        care.dispatch_at(christmas("10:00")).await;
        assert_eq!((care.state(first).await.as_str(), care.state(second).await.as_str()), ("sent", "skipped no_consent"));
        assert_eq!(sink.accepted().len(), 1);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn an_opt_out_while_mails_are_built_stops_what_is_not_marked(database) {
        // The first connection is slow to open, so that all are prepared and none is marked.
        let sink = Sink::builder()
            .script(|m| if m.at == At::Greeting { Act::After(Duration::from_millis(400), Box::new(Act::Usual)) } else { Act::Usual })
            .start()
            .await;
        let care = with_relay(database, &sink, 1).await;
        care.customers(1..=2).await;
        let (first, second) = (care.plan(Plan::festival(1)).await, care.plan(Plan::festival(2)).await);
        care.dispatch().await;
        care.set_now(christmas("10:00")).await;
        let opt_out = async {
            sink.wait_for(At::Greeting, 1).await;
            care.consents(2, "denied", christmas("10:00")).await;
        };
        tokio::join!(care.dispatch(), opt_out);
        assert_eq!((care.state(first).await.as_str(), care.state(second).await.as_str()), ("sent", "skipped no_consent"));
        assert_eq!(sink.accepted().len(), 1);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn a_crash_between_marking_and_result_leaves_it_unknown_for_good(database) {
        let sink = Sink::builder().script(|m| if m.at == At::Dot { Act::accept_and(Act::Silence) } else { Act::Usual }).start().await;
        let care = with_relay(database, &sink, 1).await;
        care.customers(1..=3).await;
        let mut touches = vec![];
        for customer in 1..=3 {
            touches.push(care.plan(Plan::coupon(customer)).await);
        }
        care.set_now(christmas("10:00")).await;
        let app = care.house.app.clone();
        let daemon = tokio::spawn(async move { dispatch(&app).await });
        sink.wait_for_accepted(1).await;
        daemon.abort();
        assert!(daemon.await.is_err());
        assert_eq!(care.number("SELECT COUNT(*) FROM touchpoint WHERE state = 'sending'").await, 3);
        care.dispatch().await;
        assert_eq!(care.number("SELECT COUNT(*) FROM touchpoint WHERE state = 'sending'").await, 3, "the lease holds");
        care.exec("UPDATE touchpoint SET leased_until = $1 WHERE state = 'sending'", [0]).await;
        care.dispatch().await;
        for touch in touches {
            assert_eq!(care.state(touch).await, "unknown");
        }
        care.dispatch_at(christmas("18:00")).await;
        assert_eq!(sink.accepted().len(), 1, "never again");
        assert_eq!(care.number("SELECT COUNT(*) FROM coupon WHERE state = 'issued'").await, 3);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn one_occasion_reaches_a_shared_address_once(database) {
        let care = Care::open(database).await;
        for customer in 1..=3 {
            care.customer(customer, "family@example.com").await;
            care.consents(customer, "granted", christmas("00:00")).await;
        }
        let mut touches = vec![care.plan(Plan::festival(1)).await, care.plan(Plan::festival(2)).await];
        care.dispatch_at(christmas("10:00")).await;
        // Too late for the first group, not for the rule.
        touches.push(care.plan(Plan::festival(3)).await);
        care.dispatch().await;
        let mut states = vec![];
        for touch in touches {
            states.push(care.state(touch).await);
        }
        assert_eq!(states, ["sent", "skipped contact_shared", "skipped contact_shared"]);
        assert_eq!(care.mailed(), ["family@example.com"]);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn poisoned_rows_hurt_only_themselves(database) {
        let care = Care::open(database).await;
        care.customers(1..=4).await;
        care.exec("UPDATE contact_point SET value = 'no address' WHERE customer_id = $1", [1]).await;
        let bad_address = care.plan(Plan::festival(1)).await;
        let no_template = care.plan(Plan { template: "nowhere", ..Plan::festival(2) }).await;
        let unreadable = care.plan(Plan::festival(3)).await;
        care.exec("UPDATE touchpoint SET reason = 'because' WHERE id = $1", [unreadable.0]).await;
        let sound = care.plan(Plan::festival(4)).await;
        care.dispatch_at(christmas("10:00")).await;
        let mut states = vec![];
        for touch in [bad_address, no_template, unreadable, sound] {
            states.push(care.state(touch).await);
        }
        assert_eq!(states, ["failed template", "failed template", "failed refused", "sent"]);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn a_relay_is_believed_about_each_message(database) {
        // By recipient: c2 is refused for good, c3's answer is lost.
        let sink = Sink::builder()
            .script(|m| match m.at {
                At::Rcpt if m.rcpt.starts_with("c2@") || m.line.contains("c2@") => Act::say("550 no such user"),
                At::Dot if m.rcpt.starts_with("c3@") => Act::Close,
                _ => Act::Usual,
            })
            .start()
            .await;
        let care = with_relay(database, &sink, 1).await;
        care.customers(1..=4).await;
        let mut touches = vec![];
        for customer in 1..=4 {
            touches.push(care.plan(Plan::coupon(customer)).await);
        }
        care.dispatch_at(christmas("10:00")).await;
        let mut states = vec![];
        for touch in touches {
            states.push(care.state(touch).await);
        }
        assert_eq!(states, ["sent", "failed refused", "unknown", "sent"]);
        assert_eq!(care.number("SELECT COUNT(*) FROM contact_ledger").await, 3, "a refusal reached nobody");
        assert_eq!(care.number("SELECT COUNT(*) FROM coupon WHERE state = 'released'").await, 1);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn a_message_put_off_is_tried_five_times(database) {
        let sink = Sink::builder().script(|m| if m.at == At::Rcpt { Act::say("450 later") } else { Act::Usual }).start().await;
        let care = with_relay(database, &sink, 1).await;
        care.customers(1..=1).await;
        let touch = care.plan(Plan::coupon(1)).await;
        care.set_now(christmas("10:00")).await;
        for attempt in 1..=5 {
            care.dispatch().await;
            assert_eq!(care.number("SELECT attempts FROM touchpoint").await, attempt);
            care.dispatch().await;
            assert_eq!(care.number("SELECT attempts FROM touchpoint").await, attempt, "not before its time");
            care.exec("UPDATE touchpoint SET leased_until = $1 WHERE leased_until IS NOT NULL", [0]).await;
        }
        assert_eq!(care.state(touch).await, "failed refused");
        assert_eq!(care.number("SELECT COUNT(*) FROM contact_ledger").await, 0);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }

    async fn a_relay_that_is_away_costs_no_attempt(database) {
        let sink = Sink::builder().script(|m| if m.at == At::Greeting && m.nth < 2 { Act::SayAndClose(b"421 busy\r\n".to_vec()) } else { Act::Usual }).start().await;
        let care = with_relay(database, &sink, 1).await;
        care.customers(1..=1).await;
        let touch = care.plan(Plan::festival(1)).await;
        care.set_now(christmas("10:00")).await;
        for _ in 0..100 {
            care.dispatch().await;
            if care.state(touch).await == "sent" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(care.state(touch).await, "sent");
        assert_eq!(care.number("SELECT attempts FROM touchpoint").await, 1);
        assert_eq!(care.violations().await, Vec::<String>::new());
    }
}

async fn with_relay(database: crate::support::TestDatabase, sink: &Sink, connections: u32) -> Care {
    let relays =
        format!("mail.relays=[{{ url = \"{}\", rate = 1000, connections = {connections} }}]", sink.url());
    Care::open_with(database, &["mail.channel=smtp", &relays]).await
}
