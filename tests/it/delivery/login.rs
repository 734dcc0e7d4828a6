//! User and password: right, wrong, and not asked for.

use super::{built, settings};
use crate::support::sink::{Act, At, Moment, Sink, SinkBuilder};
use kinkeeper::delivery::smtp::SmtpRelay;
use kinkeeper::delivery::smtp::settings::Login;
use kinkeeper::delivery::{Channel, Outcome, RelayAdvice, SendError};
use kinkeeper::settings::Secret;

async fn send(sink: SinkBuilder) -> (Outcome, Sink) {
    let sink = sink.start().await;
    let mut settings = settings(&sink);
    settings.login = Some(Login { user: "care".into(), password: Secret::new("hunter2") });
    let outcome = SmtpRelay::new(settings).unwrap().send(&built("m")).await;
    (outcome, sink)
}

fn pauses(outcome: &Outcome) -> bool {
    matches!(outcome, Err(SendError::Transient { relay: RelayAdvice::Pause, .. }))
}

#[tokio::test]
async fn plain_and_login_are_spoken() {
    let (outcome, sink) = send(Sink::builder().offers("AUTH PLAIN LOGIN")).await;
    outcome.unwrap();
    assert_eq!(sink.seen(At::Auth), 1);

    // AUTH LOGIN asks for both in turn; their answers look like unknown commands to the sink.
    let script = |m: &Moment| match (m.at, m.nth) {
        (At::Auth, _) => Act::say("334 VXNlcm5hbWU6"),
        (At::Other, 0) if m.line == "Y2FyZQ==" => Act::say("334 UGFzc3dvcmQ6"),
        (At::Other, 1) if m.line == "aHVudGVyMg==" => Act::say("235 2.7.0 welcome"),
        _ => Act::Usual,
    };
    let (outcome, _) = send(Sink::builder().offers("AUTH LOGIN").script(script)).await;
    outcome.unwrap();
}

#[tokio::test]
async fn a_refused_login_pauses_the_relay_and_tells_no_secret() {
    for answer in ["535 5.7.8 wrong", "454 4.7.0 later", "250 what", "334 c3RyYW5nZQ==", "nonsense"] {
        let script = move |m: &Moment| if m.at == At::Auth { Act::say(answer) } else { Act::Usual };
        let (outcome, sink) = send(Sink::builder().offers("AUTH PLAIN").script(script)).await;
        assert!(pauses(&outcome), "{answer}: {outcome:?}");
        let shown = format!("{outcome:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
        assert_eq!(sink.seen(At::Mail), 0, "{answer}");
    }
    let (outcome, sink) = send(Sink::builder()).await;
    assert!(pauses(&outcome), "no AUTH offered: {outcome:?}");
    assert_eq!(sink.seen(At::Auth), 0);
}
