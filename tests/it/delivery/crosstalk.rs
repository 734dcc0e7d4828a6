//! Sends that are given up at any moment: no message may get the answer of another, and what the relay
//! took is never reported as not taken.

use super::{built, outgoing, relay, settings};
use crate::support::sink::{Act, At, Moment, Sink};
use kinkeeper::delivery::{Channel, Outcome, SendError};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Drops the future after it was polled `polls` times: a cancellation at a chosen point rather than
/// after a chosen time.
async fn give_up_after<T>(polls: u32, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            // Cancelled right after the last allowed step, not at its next wake-up.
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Numerical Recipes' generator: the same cancellations at each run.
fn next(seed: &mut u32) -> u32 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *seed >> 16
}

fn scripted(m: &Moment) -> Act {
    match m.at {
        At::Dot if m.rcpt.starts_with("refused") => Act::say(format!("550 5.7.1 not {}", m.message_id)),
        At::Rcpt if m.rcpt.starts_with("nobody") => Act::say(format!("550 5.1.1 no {}", m.rcpt)),
        _ => Act::Usual,
    }
}

async fn run(sends: usize, seed: u32) -> (Vec<(String, Option<Outcome>)>, Sink) {
    let sink = Sink::builder().script(scripted).start().await;
    let mut settings = settings(&sink);
    settings.max_connections = 3;
    let relay = relay(settings);
    let mut seed = seed;
    let mut tasks = tokio::task::JoinSet::new();
    let mut outcomes = Vec::new();
    for n in 0..sends {
        let kind = ["fine", "fine", "refused", "nobody"][next(&mut seed) as usize % 4];
        let id = format!("{kind}{n}");
        let polls = if next(&mut seed).is_multiple_of(4) { u32::MAX } else { 1 + next(&mut seed) % 14 };
        let (relay, mail) = (relay.clone(), built(&id));
        tasks.spawn(async move { (id, give_up_after(polls, relay.send(&mail)).await) });
        if tasks.len() == 5 {
            outcomes.push(tasks.join_next().await.unwrap().unwrap());
        }
    }
    while let Some(done) = tasks.join_next().await {
        outcomes.push(done.unwrap());
    }
    relay.close().await;
    sink.wait_until_nobody_is_connected().await;
    (outcomes, sink)
}

#[tokio::test]
async fn random_cancels_never_shift_an_answer_to_another_message() {
    let (outcomes, sink) = run(400, 20_261_122).await;
    let mut accepted: HashMap<String, usize> = HashMap::new();
    for acceptance in sink.accepted() {
        *accepted.entry(acceptance.message_id).or_default() += 1;
        assert!(acceptance.message.contains(&acceptance.rcpt), "message and recipient belong together");
    }
    assert!(accepted.values().all(|times| *times == 1), "{accepted:?}");

    let (mut delivered, mut refused, mut given_up, mut given_up_but_taken) = (0, 0, 0, 0);
    for (id, outcome) in &outcomes {
        let message_id = format!("{id}@shop.example");
        let taken = accepted.contains_key(&message_id);
        match outcome {
            Some(Ok(done)) => {
                assert!(taken && done.provider_ref.as_ref() == Some(&message_id), "{id}: {done:?}");
                delivered += 1;
            }
            Some(Err(SendError::Permanent { detail, .. })) => {
                assert!(!taken && !id.starts_with("fine") && detail.contains(id.as_str()), "{id}: {detail}");
                refused += 1;
            }
            // This relay never errs by itself, and a cancelled send poisons nobody else's.
            Some(Err(other)) => panic!("{id}: {other}"),
            None => {
                given_up += 1;
                given_up_but_taken += usize::from(taken);
            }
        }
    }
    assert!(delivered > 40 && refused > 30 && given_up > 100, "{delivered} {refused} {given_up}");
    assert!(given_up_but_taken > 0, "some cancellations fell after the dot, or nothing was tested");
    assert!(sink.connections().1 <= 3 + given_up, "{:?}", sink.connections());
}

/// The trap of lettre's own pool, step by step: the first message's answer is still to come when its
/// sender gives up; the second message, which the relay refuses, must not get it.
#[tokio::test]
async fn the_answer_to_a_given_up_message_is_nobody_elses() {
    let script = |m: &Moment| match (m.at, m.nth) {
        (At::Dot, 0) => Act::accept_and(Act::Silence),
        (At::Dot, _) => Act::say("550 5.7.1 refused"),
        _ => Act::Usual,
    };
    let sink = Sink::builder().script(script).start().await;
    let mut settings = settings(&sink);
    settings.max_connections = 1;
    let relay = relay(settings);

    let first = outgoing("first").build().unwrap();
    tokio::select! {
        outcome = relay.send(&first) => panic!("{outcome:?}"),
        () = sink.wait_for(At::Dot, 1) => {}
    }
    let second = relay.send(&built("second")).await;
    assert!(matches!(&second, Err(SendError::Permanent { detail, .. }) if detail.contains("refused")));
    assert_eq!(sink.connections().0, 2);
}
