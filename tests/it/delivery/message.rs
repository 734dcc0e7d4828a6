//! What mails look like on the wire, and what hostile names, subjects, addresses and bodies become.

use super::{built, outgoing, relay, settings};
use crate::support::sink::{At, Sink};
use domain::time::Instant;
use kinkeeper::delivery::message::{ExtraHeader, MessageId, OneClickUnsubscribe, OutgoingMail};
use kinkeeper::delivery::{Channel, PermanentReason, SendError};
use proptest::prelude::*;

fn text_of(mail: &OutgoingMail) -> String {
    String::from_utf8(mail.build().expect("a good mail").raw().to_vec()).expect("UTF-8")
}

/// Header lines, unfolded.
fn headers(mail: &str) -> Vec<String> {
    let head = mail.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ").replace("\r\n\t", " ");
    head.split("\r\n").map(ToOwned::to_owned).collect()
}

fn reason(mail: &OutgoingMail) -> PermanentReason {
    match mail.build() {
        Err(SendError::Permanent { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mail_carries_what_it_was_given() {
    let mut mail = outgoing("tp-17");
    mail.reply_to = Some(super::party("help@shop.example", None));
    mail.unsubscribe = Some(OneClickUnsubscribe {
        url: "https://shop.example/u/abc.def?x=1".into(),
        mailto: Some("out@shop.example".into()),
    });
    mail.headers = vec![
        (ExtraHeader::FeedbackId, "birthday:mail:shop:kinkeeper".into()),
        (ExtraHeader::AutoSubmitted, "auto-generated".into()),
    ];
    let text = text_of(&mail);
    let headers = headers(&text);
    for expected in [
        "Message-ID: <tp-17@shop.example>",
        "Date: Fri, 20 Nov 2026 02:00:00 +0000",
        "Reply-To: help@shop.example",
        "List-Unsubscribe: <https://shop.example/u/abc.def?x=1>, <mailto:out@shop.example>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Feedback-ID: birthday:mail:shop:kinkeeper",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
    ] {
        assert!(headers.iter().any(|h| h == expected), "{expected} in {headers:#?}");
    }
    assert!(headers.iter().any(|h| h.starts_with("Content-Type: multipart/alternative")));
    assert!(text.find("text/plain").unwrap() < text.find("text/html").unwrap(), "the plainest part first");
    assert_eq!(built("tp-17").raw(), built("tp-17").raw(), "building is a pure function");

    let text_only = text_of(&OutgoingMail { html: None, ..outgoing("x") });
    assert!(!text_only.contains("multipart"));
}

#[test]
fn nothing_typed_by_a_stranger_becomes_a_header() {
    for hostile in [
        "n\r\nBcc: evil@e.example",
        "n\nBcc: evil@e.example",
        "n\rBcc: evil@e.example",
        "n\0\r\n\r\nbody",
        "tab\tbell\x07del\x7f",
        "\u{2028}Bcc: evil@e.example\u{85}x",
        "quote\" <evil@e.example>",
        "back\\",
        "",
        "   ",
        "\u{202e}gpj.exe",
        "emoji 😀",
        "=?utf-8?q?=0d=0aBcc:_evil=40e.example?=",
        &"长".repeat(400),
        &"a".repeat(3_000),
    ] {
        let mut mail = outgoing("x");
        (mail.to.name, mail.from.name) = (Some(hostile.into()), Some(hostile.into()));
        mail.subject = hostile.into();
        mail.reply_to = Some(super::party("help@shop.example", Some(hostile)));
        assert_only_known_headers(&text_of(&mail), hostile);
    }
}

fn assert_only_known_headers(mail: &str, input: &str) {
    let known = ["Message-ID", "Date", "From", "To", "Reply-To", "Subject", "MIME-Version", "Content-Type"];
    for header in headers(mail) {
        let name = header.split(':').next().unwrap();
        assert!(known.contains(&name) || name == "Content-Transfer-Encoding", "{header:?} from {input:?}");
        assert!(!header.contains(['\u{202e}', '\0', '\n', '\r']), "{header:?} from {input:?}");
    }
    assert!(mail.lines().all(|line| line.len() <= 998), "a line too long from {input:?}");
    let bare = mail.replace("\r\n", "");
    assert!(!bare.contains(['\r', '\n', '\0']), "a bare line end from {input:?}");
}

#[test]
fn addresses_are_checked_and_the_reason_names_no_address() {
    let long = format!("{}@example.com", "a".repeat(300));
    for bad in [
        "",
        "nobody",
        "a@",
        "@example.com",
        "a b@example.com",
        "a@x..example",
        "a\0@example.com",
        "a@example.com\r\nDATA",
        "a\r\nRCPT TO:<e@e.example>@example.com",
        "\"a\r\nb\"@example.com",
        "a@example.com,b@example.com",
        "<a@example.com>",
        &long,
    ] {
        let mut mail = outgoing("x");
        mail.to.address = bad.to_owned();
        assert_eq!(reason(&mail), PermanentReason::BadAddress, "{bad:?}");
        let shown = mail.build().unwrap_err().to_string();
        assert!(!shown.contains("example.com"), "{shown}");
        let mut mail = outgoing("x");
        mail.from.address = bad.to_owned();
        assert_eq!(reason(&mail), PermanentReason::BadMessage, "{bad:?}");
    }
    for good in ["a.b+c@example.com", "\"a b\"@example.com", "a@localhost", "a@[127.0.0.1]"] {
        let mut mail = outgoing("x");
        mail.to.address = good.to_owned();
        mail.build().unwrap_or_else(|e| panic!("{good}: {e}"));
    }
}

#[test]
fn header_values_ids_and_dates_that_cant_be_written_are_refused() {
    for value in ["a\r\nBcc: e@e.example", "a\nb", "é", "", "  ", &"a".repeat(901)] {
        let mut mail = outgoing("x");
        mail.headers = vec![(ExtraHeader::FeedbackId, value.to_owned())];
        assert_eq!(reason(&mail), PermanentReason::BadMessage, "{value:?}");
    }
    for url in ["https://x.example/>\r\nBcc: e@e.example", "https://x.example/a b", "", "https://x/>,<y"] {
        let mut mail = outgoing("x");
        mail.unsubscribe = Some(OneClickUnsubscribe { url: url.to_owned(), mailto: None });
        assert_eq!(reason(&mail), PermanentReason::BadMessage, "{url:?}");
    }
    for id in ["", "x", "@x", "x@", "<a@b>", "a@b\r\nBcc: e@e", "a@b@c", "../a@b", "a b@c"] {
        assert!(MessageId::parse(id).is_err(), "{id:?}");
    }
    for date in [Instant::MIN, Instant::MAX, Instant::from_micros(-1)] {
        assert_eq!(reason(&OutgoingMail { date, ..outgoing("x") }), PermanentReason::BadMessage);
    }
}

#[tokio::test]
async fn a_body_smuggles_no_command() {
    let sink = Sink::start().await;
    let relay = relay(settings(&sink));
    let bodies = [
        "a\r\n.\r\nMAIL FROM:<x@x>\r\n",
        "a\n.\nMAIL FROM:<x@x>\n",
        "a\r.\rMAIL FROM:<x@x>\r",
        "a\n.\r\nRSET\r\n.",
    ];
    for (n, body) in bodies.iter().enumerate() {
        let mut mail = outgoing(&format!("m{n}"));
        (mail.text, mail.html) = ((*body).to_owned(), None);
        relay.send(&mail.build().unwrap()).await.unwrap();
        let message = &sink.accepted()[n].message;
        assert!(message.contains("\r\n.\r\n"), "the dot stays a dot: {message:?}");
        assert!(!message.replace("\r\n", "").contains(['\r', '\n']), "{message:?}");
    }
    assert_eq!((sink.seen(At::Mail), sink.seen(At::Rset), sink.seen(At::Other)), (4, 0, 0));
}

/// lettre's conversion of line ends would take minutes over this.
#[test]
fn a_body_of_nothing_but_line_ends_is_built_at_once() {
    let mut mail = outgoing("x");
    mail.text = "\n".repeat(400_000);
    assert!(mail.build().unwrap().raw().len() > 800_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_builds_a_mail_of_known_headers(name in any::<String>(), subject in ".*", body in any::<String>()) {
        let mut mail = outgoing("x");
        (mail.to.name, mail.subject) = (Some(name.clone()), subject.clone());
        (mail.text, mail.html) = (body.clone(), Some(body));
        assert_only_known_headers(&text_of(&mail), &format!("{name:?} {subject:?}"));
    }

    #[test]
    fn any_address_builds_or_is_a_bad_address(address in "[a-z\"@<>\\\\. \r\n\0é,;:\\[\\]]{0,40}") {
        let mut mail = outgoing("x");
        mail.to.address = address.clone();
        match mail.build() {
            Ok(_) => assert_only_known_headers(&text_of(&mail), &address),
            Err(SendError::Permanent { reason, .. }) => prop_assert_eq!(reason, PermanentReason::BadAddress),
            Err(other) => panic!("{other}"),
        }
    }
}
