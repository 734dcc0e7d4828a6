//! Handing mail over: to relays that behave and relays that don't, and to files.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod crosstalk;
mod file;
mod hostile;
mod login;
mod message;
mod pool;
mod tls;

use crate::support::sink::Sink;
use domain::time::Instant;
use kinkeeper::delivery::message::{BuiltMail, MessageId, OutgoingMail, Party};
use kinkeeper::delivery::smtp::SmtpRelay;
use kinkeeper::delivery::smtp::settings::SmtpSettings;
use std::time::Duration;

/// 2026-11-20T02:00:00Z
const DATE: Instant = Instant::from_micros(1_795_140_000_000_000);

fn party(address: &str, name: Option<&str>) -> Party {
    Party { address: address.to_owned(), name: name.map(ToOwned::to_owned) }
}

/// A mail with id `<id>@shop.example` to `<id>@example.com`.
fn outgoing(id: &str) -> OutgoingMail {
    OutgoingMail {
        message_id: MessageId::parse(&format!("{id}@shop.example")).expect("a test id"),
        date: DATE,
        from: party("care@shop.example", Some("Shop 客服")),
        reply_to: None,
        to: party(&format!("{id}@example.com"), Some("张三")),
        subject: "生日快乐".to_owned(),
        text: "亲,生日快乐!\n.\n..dots\n".to_owned(),
        html: Some("<p>亲,生日快乐!</p>".to_owned()),
        unsubscribe: None,
        headers: vec![],
    }
}

fn built(id: &str) -> BuiltMail {
    outgoing(id).build().expect("a good mail")
}

/// Settings for a sink; generous waits, so that a slow machine changes nothing.
fn settings(sink: &Sink) -> SmtpSettings {
    let mut settings = SmtpSettings::from_url(&sink.url()).expect("the sink's URL");
    settings.hello_name = Some("shop.example".to_owned());
    let waits = &mut settings.timeouts;
    for wait in [
        &mut waits.connect,
        &mut waits.hello,
        &mut waits.mail,
        &mut waits.rcpt,
        &mut waits.data,
        &mut waits.body,
        &mut waits.after_dot,
    ] {
        *wait = Duration::from_secs(20);
    }
    settings
}

fn relay(settings: SmtpSettings) -> SmtpRelay {
    SmtpRelay::new(settings).expect("settings that need no files")
}
