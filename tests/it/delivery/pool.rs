//! How many connections there are, and how long they are used.

use super::{built, relay, settings};
use crate::support::sink::{At, Sink};
use kinkeeper::delivery::{Channel, Connection};
use std::time::Duration;

#[tokio::test]
async fn a_hundred_senders_share_two_connections() {
    let sink = Sink::start().await;
    let mut settings = settings(&sink);
    settings.max_connections = 2;
    let relay = relay(settings);
    assert_eq!(relay.connections(), 2);
    let sends = (0..100).map(|n| {
        let (relay, mail) = (relay.clone(), built(&format!("m{n}")));
        tokio::spawn(async move { relay.send(&mail).await })
    });
    for sent in futures::future::join_all(sends).await {
        sent.unwrap().unwrap();
    }
    assert_eq!(sink.accepted().len(), 100);
    assert_eq!(sink.connections(), (2, 2));
}

#[tokio::test]
async fn a_lease_carries_messages_one_after_another_on_one_connection() {
    let sink = Sink::start().await;
    let relay = relay(settings(&sink));
    let mut lease = relay.lease().await.unwrap();
    assert_eq!(lease.ready(16).await.unwrap(), 16);
    for n in 0..16 {
        let id = format!("m{n}");
        assert_eq!(
            lease.deliver(&built(&id)).await.unwrap().provider_ref,
            Some(format!("{id}@shop.example"))
        );
    }
    drop(lease);
    relay.send(&built("later")).await.unwrap();
    assert_eq!(sink.connections(), (1, 1));
    let order: Vec<_> = sink.accepted().into_iter().map(|a| a.sequence).collect();
    assert_eq!(order, (0..17).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_connection_is_closed_politely_after_its_share() {
    let sink = Sink::start().await;
    let mut settings = settings(&sink);
    (settings.max_connections, settings.max_messages_per_connection) = (1, 4);
    let relay = relay(settings);
    let mut lease = relay.lease().await.unwrap();
    for n in 0..10 {
        lease.deliver(&built(&format!("m{n}"))).await.unwrap();
    }
    assert_eq!((sink.connections(), sink.seen(At::Quit)), ((3, 1), 2));
}

#[tokio::test]
async fn bounces_go_where_the_relay_says() {
    let sink = Sink::start().await;
    let mut settings = settings(&sink);
    settings.mail_from = Some("bounces@shop.example".to_owned());
    relay(settings.clone()).send(&built("a")).await.unwrap();
    let accepted = sink.accepted().remove(0);
    assert_eq!(accepted.from, "bounces@shop.example");
    assert!(accepted.message.contains("<care@shop.example>"));

    settings.mail_from = Some("x\r\nDATA".to_owned());
    assert_eq!(kinkeeper::delivery::smtp::SmtpRelay::new(settings).err().expect("refused").at, "from");
}

#[tokio::test]
async fn an_idle_connection_isnt_used_for_ever() {
    let sink = Sink::start().await;
    let mut settings = settings(&sink);
    settings.idle_for = Duration::ZERO;
    let relay = relay(settings);
    relay.send(&built("a")).await.unwrap();
    relay.send(&built("b")).await.unwrap();
    assert_eq!(sink.connections().0, 2);
}

#[tokio::test]
async fn closing_says_goodbye_and_gives_no_more_leases() {
    let sink = Sink::start().await;
    let relay = relay(settings(&sink));
    relay.send(&built("a")).await.unwrap();
    relay.close().await;
    sink.wait_until_nobody_is_connected().await;
    assert_eq!(sink.seen(At::Quit), 1);
    assert!(relay.send(&built("b")).await.is_err());
}

#[tokio::test]
async fn the_rate_is_kept_over_all_connections() {
    let sink = Sink::start().await;
    let mut settings = settings(&sink);
    settings.rate_per_second = std::num::NonZeroU32::new(40);
    let relay = relay(settings);
    let began = tokio::time::Instant::now();
    let sends = (0..12).map(|n| {
        let (relay, mail) = (relay.clone(), built(&format!("m{n}")));
        async move { relay.send(&mail).await.unwrap() }
    });
    futures::future::join_all(sends).await;
    // 12 messages, 4 of them at once from the bucket, the others 25 ms apart.
    assert!(began.elapsed() >= Duration::from_millis(195), "{:?}", began.elapsed());
    assert_eq!(sink.accepted().len(), 12);
}

#[tokio::test]
async fn the_sinks_log_file_is_written_before_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("accepted.log");
    let seen = log.clone();
    let at_reply = move |a: &crate::support::sink::Acceptance| {
        let text = std::fs::read_to_string(&seen).unwrap();
        assert!(text.contains(&a.message_id), "logged before the hook");
    };
    let sink = Sink::builder().log_to(&log).before_reply(at_reply).start().await;
    let relay = relay(settings(&sink));
    relay.send(&built("a")).await.unwrap();
    relay.send(&built("b")).await.unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(text, "0\ta@shop.example\ta@example.com\n1\tb@shop.example\tb@example.com\n");
}
