//! Relays that misbehave, one way each: what is reported must be what the relay's own log says, and the
//! next message over the same relay must get its own answer.

use super::{built, outgoing, relay, settings};
use crate::support::sink::{Act, At, Moment, Sink};
use kinkeeper::delivery::PermanentReason::{BadAddress, MessageRefused, RecipientRefused};
use kinkeeper::delivery::RelayAdvice::{KeepUsing, Pause};
use kinkeeper::delivery::{Channel, Outcome, PermanentReason, RelayAdvice, SendError};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Delivered,
    Transient(RelayAdvice),
    Permanent(PermanentReason),
    Unknown,
    /// Depends on which packet is first: anything but success.
    NotDelivered,
}

fn class(outcome: &Outcome) -> Is {
    match outcome {
        Ok(_) => Is::Delivered,
        Err(SendError::Transient { relay, .. }) => Is::Transient(*relay),
        Err(SendError::Permanent { reason, .. }) => Is::Permanent(*reason),
        Err(SendError::Unknown { .. }) => Is::Unknown,
    }
}

/// What happens at the first such moment, and what it means for the first message.
struct Case(&'static str, At, Act, Is);

fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

fn before_the_transaction() -> Vec<Case> {
    use At::{Ehlo, Greeting};
    let pause = Is::Transient(Pause);
    vec![
        Case("greeting refuses", Greeting, Act::say("554 no service"), pause),
        Case("greeting says 421", Greeting, Act::SayAndClose(b"421 busy\r\n".to_vec()), pause),
        Case("greeting isn't SMTP", Greeting, Act::say("SSH-2.0-OpenSSH_9.6"), pause),
        Case("greeting never comes", Greeting, Act::Silence, pause),
        Case("closed before the greeting", Greeting, Act::Close, pause),
        Case("greeting has endless lines", Greeting, say(&"220-x\r\n".repeat(20_000)), pause),
        Case("greeting is one endless line", Greeting, say(&"2".repeat(600_000)), pause),
        Case("EHLO unknown", Ehlo, Act::say("502 5.5.1 EHLO?"), pause),
        Case("EHLO answer that makes lettre panic", Ehlo, say("250-sink\r\n250- \r\n250 ok\r\n"), pause),
        Case("EHLO answer without a name", Ehlo, say("250 \r\n"), pause),
        Case("closed at EHLO", Ehlo, Act::Close, pause),
        Case("EHLO never answered", Ehlo, Act::Silence, pause),
        Case("EHLO answer of two codes", Ehlo, say("250-sink\r\n550 no\r\n"), pause),
    ]
}

fn before_the_dot() -> Vec<Case> {
    use At::{Data, Mail, Rcpt};
    let (keep, pause) = (Is::Transient(KeepUsing), Is::Transient(Pause));
    vec![
        Case("sender refused", Mail, Act::say("550 5.7.1 sender"), pause),
        Case("login wanted at MAIL", Mail, Act::say("530 5.7.0 first AUTH"), pause),
        Case("login refused at MAIL", Mail, Act::say("535 5.7.8 no"), pause),
        Case("421 at MAIL", Mail, Act::SayAndClose(b"421 bye\r\n".to_vec()), pause),
        Case("451 at MAIL", Mail, Act::say("451 4.3.0 later"), keep),
        Case("354 at MAIL", Mail, Act::say("354 go"), keep),
        Case("two answers to MAIL", Mail, say("250 ok\r\n250 ok\r\n"), keep),
        Case("MAIL never answered", Mail, Act::Silence, keep),
        Case("closed at MAIL", Mail, Act::Close, keep),
        Case("bytes that aren't UTF-8 at MAIL", Mail, Act::Say(b"250 \xff\xfe\r\n".to_vec()), keep),
        Case("a NUL at MAIL", Mail, Act::Say(b"\x00\x00\r\n".to_vec()), keep),
        Case("1xx at MAIL", Mail, Act::say("150 wait"), keep),
        Case("recipient refused", Rcpt, Act::say("550 5.1.1 nobody"), Is::Permanent(RecipientRefused)),
        Case("recipient moved", Rcpt, Act::say("551 5.1.6 moved"), Is::Permanent(RecipientRefused)),
        Case("recipient greylisted", Rcpt, Act::say("450 4.2.0 greylisted"), keep),
        Case("452 on several lines", Rcpt, say("452-4.5.3 too\r\n452 4.5.3 many\r\n"), keep),
        Case("421 at RCPT", Rcpt, Act::SayAndClose(b"421 bye\r\n".to_vec()), pause),
        Case("login wanted at RCPT", Rcpt, Act::say("530 5.7.0 first AUTH"), pause),
        Case("will forward", Rcpt, Act::say("251 2.1.5 forwarding"), Is::Delivered),
        Case("cannot verify", Rcpt, Act::say("252 2.1.5 perhaps"), keep),
        Case("bare line feed at RCPT", Rcpt, say("250 ok\n"), keep),
        Case("half an answer at RCPT", Rcpt, Act::SayAndClose(b"25".to_vec()), keep),
        Case("a 354 too early", Rcpt, say("250 ok\r\n354 go\r\n"), Is::NotDelivered),
        Case("no valid recipients", Data, Act::say("554 5.5.1 none"), Is::Permanent(MessageRefused)),
        Case("451 at DATA", Data, Act::say("451 4.3.0 later"), keep),
        Case("250 at DATA", Data, Act::say("250 ok"), keep),
        Case("closed at DATA", Data, Act::Close, keep),
        Case("DATA never answered", Data, Act::Silence, keep),
        Case("acceptance before the message", Data, say("354 go\r\n250 queued\r\n"), keep),
        Case("closed after 354", Data, Act::SayAndClose(b"354 go\r\n".to_vec()), Is::NotDelivered),
    ]
}

fn after_the_dot() -> Vec<Case> {
    use At::Dot;
    let accept = Act::accept_and;
    vec![
        Case("message refused", Dot, Act::say("550 5.7.1 spam"), Is::Permanent(MessageRefused)),
        Case("452 after the dot", Dot, Act::say("452 4.3.1 full"), Is::Transient(KeepUsing)),
        Case("421 after the dot", Dot, Act::say("421 4.3.2 bye"), Is::Transient(Pause)),
        Case("535 after the dot", Dot, Act::say("535 5.7.8 late"), Is::Transient(Pause)),
        Case("354 after the dot", Dot, Act::say("354 go on"), Is::Unknown),
        Case("334 after the dot", Dot, Act::say("334 what"), Is::Unknown),
        Case("251 after the dot", Dot, Act::say("251 hm"), Is::Unknown),
        Case("200 after the dot", Dot, Act::say("200 hm"), Is::Unknown),
        Case("HTTP after the dot", Dot, Act::say("HTTP/1.1 400 Bad Request"), Is::Unknown),
        Case("nothing after the dot", Dot, Act::Silence, Is::Unknown),
        Case("closed after the dot", Dot, Act::Close, Is::Unknown),
        Case("accepted, then silent", Dot, accept(Act::Silence), Is::Unknown),
        Case("accepted, then closed", Dot, accept(Act::Close), Is::Unknown),
        Case("accepted, answer cut short", Dot, accept(Act::SayAndClose(b"250".to_vec())), Is::Unknown),
        Case("accepted, said 550-250", Dot, accept(say("550-a\r\n250 b\r\n")), Is::Unknown),
        Case("accepted on several lines", Dot, accept(say("250-a\r\n250 ok\r\n")), Is::Delivered),
        Case("accepted, dripping", Dot, accept(Act::Drip(b"250 2.0.0 ok\r\n".to_vec())), Is::Delivered),
        Case("accepted twice", Dot, accept(say("250 ok\r\n250 again\r\n")), Is::Delivered),
        Case("refused, then accepted", Dot, say("550 no\r\n250 ok\r\n"), Is::Permanent(MessageRefused)),
        Case(
            "accepted, then goodbye",
            Dot,
            accept(Act::SayAndClose(b"250 ok\r\n421 idle\r\n".to_vec())),
            Is::Delivered,
        ),
    ]
}

async fn check(Case(name, at, act, expected): Case) {
    let at_first = move |m: &Moment| if m.at == at && m.nth == 0 { act.clone() } else { Act::Usual };
    let sink = Sink::builder().script(at_first).start().await;
    let mut settings = settings(&sink);
    // Only the phase that is left without an answer may take its time: short there, generous elsewhere.
    let short = Duration::from_millis(150);
    let waits = &mut settings.timeouts;
    match at {
        At::Greeting | At::Ehlo => waits.hello = short,
        At::Mail => waits.mail = short,
        At::Rcpt => waits.rcpt = short,
        At::Data => waits.data = short,
        _ => waits.after_dot = short,
    }
    let relay = relay(settings);

    let outcome = relay.send(&built("first")).await;
    let found = class(&outcome);
    if expected == Is::NotDelivered {
        assert_ne!(found, Is::Delivered, "{name}: {outcome:?}");
    } else {
        assert_eq!(found, expected, "{name}: {outcome:?}");
    }

    let second = relay.send(&built("second")).await.unwrap_or_else(|e| panic!("{name}, next message: {e}"));
    assert_eq!(second.provider_ref.as_deref(), Some("second@shop.example"), "{name}, next message");

    let accepted: Vec<_> = sink.accepted().into_iter().map(|a| a.message_id).collect();
    assert!(accepted.contains(&"second@shop.example".to_owned()), "{name}");
    let first = accepted.iter().filter(|id| *id == "first@shop.example").count();
    match found {
        Is::Delivered => assert_eq!(first, 1, "{name}"),
        Is::Unknown => assert!(first <= 1, "{name}"),
        _ => assert_eq!(first, 0, "{name}"),
    }
}

#[tokio::test]
async fn trouble_before_the_transaction_hands_nothing_over_and_pauses_the_relay() {
    futures::future::join_all(before_the_transaction().into_iter().map(check)).await;
}

#[tokio::test]
async fn trouble_before_the_dot_hands_nothing_over() {
    futures::future::join_all(before_the_dot().into_iter().map(check)).await;
}

#[tokio::test]
async fn only_a_250_after_the_dot_is_success_and_a_lost_answer_is_unknown() {
    futures::future::join_all(after_the_dot().into_iter().map(check)).await;
}

#[tokio::test]
async fn nobody_listening_is_transient_and_pauses_the_relay() {
    let sink = Sink::start().await;
    let relay = relay(settings(&sink));
    drop(sink);
    tokio::task::yield_now().await;
    let outcome = relay.send(&built("x")).await;
    assert_eq!(class(&outcome), Is::Transient(Pause), "{outcome:?}");
}

#[tokio::test]
async fn a_relay_that_stops_reading_within_the_message_was_handed_nothing() {
    // `Drip` says 354 and, unlike `Say`, leaves the message unread.
    let script = |m: &Moment| match m.at {
        At::Data => Act::Drip(b"354 go\r\n".to_vec()),
        At::Other => Act::Silence,
        _ => Act::Usual,
    };
    let sink = Sink::builder().script(script).start().await;
    let mut settings = settings(&sink);
    settings.timeouts.body = Duration::from_millis(400);
    let mut large = outgoing("large");
    large.html = None;
    // More than the socket buffers of both ends hold.
    large.text = "0123456789012345678901234567890123456789\n".repeat(600_000);
    let outcome = relay(settings).send(&large.build().unwrap()).await;
    assert_eq!(class(&outcome), Is::Transient(KeepUsing), "{outcome:?}");
    assert_eq!(sink.accepted(), []);
}

#[tokio::test]
async fn a_refused_recipient_keeps_the_connection_and_a_refused_reset_doesnt() {
    for (rset, connections) in [(Act::Usual, 1), (Act::say("500 what"), 2), (Act::Close, 2)] {
        let script = move |m: &Moment| match (m.at, m.nth) {
            (At::Rcpt, 0) => Act::say("550 5.1.1 nobody"),
            (At::Rset, 0) => rset.clone(),
            _ => Act::Usual,
        };
        let sink = Sink::builder().script(script).start().await;
        let relay = relay(settings(&sink));
        assert_eq!(class(&relay.send(&built("a")).await), Is::Permanent(RecipientRefused));
        assert_eq!(class(&relay.send(&built("b")).await), Is::Delivered);
        assert_eq!((sink.seen(At::Rset), sink.connections().0), (1, connections));
    }
}

#[tokio::test]
async fn an_address_the_relay_cant_carry_is_a_bad_address() {
    let mut mail = outgoing("x");
    mail.to.address = "张三@例子.公司".to_owned();
    let mail = mail.build().unwrap();

    let plain = Sink::start().await;
    assert_eq!(class(&relay(settings(&plain)).send(&mail).await), Is::Permanent(BadAddress));
    assert_eq!(plain.seen(At::Mail), 0);

    let modern = Sink::builder().offers("SMTPUTF8").start().await;
    assert_eq!(class(&relay(settings(&modern)).send(&mail).await), Is::Delivered);
    assert_eq!(modern.accepted()[0].rcpt, "张三@例子.公司");
}
