//! From what a mail should say to the bytes that go over the wire. Everything a stranger could have
//! typed (names, subjects, bodies, addresses) is cleaned or refused before lettre sees it, since lettre
//! panics on some of it and lets other things become headers.
//!
//! Building is a pure function of the mail: the same mail gives the same bytes, boundary included.

use super::{PermanentReason, SendError};
use domain::problem::Problem;
use domain::time::Instant;
use lettre::address::{Address, Envelope};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

const MAX_NAME_CHARS: usize = 120;
const MAX_SUBJECT_CHARS: usize = 255;
/// RFC 5322 allows 998 characters a line; values here can't be folded.
const MAX_HEADER_VALUE: usize = 900;
/// RFC 5321 §4.5.3.1 with erratum 1690.
const MAX_ADDRESS: usize = 254;

/// A message's own id, without angle brackets: `tp-17.3@shop.example`. Stable over every attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// # Errors
    /// Anything but `left@right` of letters, digits and `. - _ + =`, at most 200 characters.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let good = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+=".contains(&b))
        };
        match text.split_once('@') {
            Some((left, right)) if text.len() <= 200 && good(left) && good(right) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(Problem::new(
                "message_id",
                "bad_message_id",
                "a message id is left@right of letters, digits and . - _ + =, at most 200 characters",
            )),
        }
    }

    /// As a header and the book write it, in angle brackets.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn bracketed(text: &str) -> Result<Self, Problem> {
        Self::parse(text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address with the name shown beside it, both as given, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    pub address: String,
    pub name: Option<String>,
}

/// The headers a mail may carry besides those built here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtraHeader {
    /// `<campaign>:<step>:<shop>:kinkeeper`, for the mailbox providers' complaint reports.
    FeedbackId,
    /// RFC 3834: keeps vacation responders quiet.
    AutoSubmitted,
    /// RFC 2919.
    ListId,
    /// `bulk` for marketing.
    Precedence,
    /// Keeps Exchange's automatic answers away.
    AutoResponseSuppress,
}

impl ExtraHeader {
    const fn name(self) -> &'static str {
        match self {
            Self::FeedbackId => "Feedback-ID",
            Self::AutoSubmitted => "Auto-Submitted",
            Self::ListId => "List-Id",
            Self::Precedence => "Precedence",
            Self::AutoResponseSuppress => "X-Auto-Response-Suppress",
        }
    }
}

/// RFC 8058 one-click unsubscription: gives `List-Unsubscribe` and `List-Unsubscribe-Post`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneClickUnsubscribe {
    /// Where the mailbox provider POSTs; `https://` in production.
    pub url: String,
    /// An address that takes unsubscriptions by mail, where there is one.
    pub mailto: Option<String>,
}

/// A mail as the dispatcher wants it sent: one recipient, text always, HTML usually.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    pub message_id: MessageId,
    /// The `Date` header, and the file channel's day. Hand in the same at every attempt.
    pub date: Instant,
    pub from: Party,
    pub reply_to: Option<Party>,
    pub to: Party,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    pub unsubscribe: Option<OneClickUnsubscribe>,
    /// Values of visible ASCII and spaces, at most 900 characters.
    pub headers: Vec<(ExtraHeader, String)>,
}

/// A mail ready to be handed over, to exactly one recipient.
#[derive(Debug, Clone)]
pub struct BuiltMail {
    pub(super) message_id: MessageId,
    pub(super) date: Instant,
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) subject: String,
    pub(super) raw: Vec<u8>,
}

impl BuiltMail {
    pub fn message_id(&self) -> &MessageId {
        &self.message_id
    }
    /// Header and body with CRLF line ends, before SMTP's dot-stuffing.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

impl OutgoingMail {
    /// Builds the bytes.
    ///
    /// # Errors
    /// `Permanent` with `bad_address` for the recipient's address, `bad_message` for anything else.
    pub fn build(&self) -> Result<BuiltMail, SendError> {
        let to = parse_address(&self.to.address).map_err(|why| {
            permanent(PermanentReason::BadAddress, format!("the recipient's address {why}"))
        })?;
        let from = parse_address(&self.from.address)
            .map_err(|why| bad_message(format!("the sender's address {why}")))?;
        let envelope = Envelope::new(Some(from.clone()), vec![to.clone()])
            .map_err(|e| bad_message(format!("the mail can't be addressed: {e}")))?;
        let subject = clean_line(&self.subject, MAX_SUBJECT_CHARS);

        let mut builder = lettre::Message::builder()
            .message_id(Some(format!("<{}>", self.message_id)))
            .date(header_date(self.date)?)
            .from(mailbox(&from, self.from.name.as_deref()))
            .to(mailbox(&to, self.to.name.as_deref()))
            .subject(subject.clone())
            // Given, because lettre can't find quoted addresses in its own headers again.
            .envelope(envelope);
        if let Some(party) = &self.reply_to {
            let address = parse_address(&party.address)
                .map_err(|why| bad_message(format!("the reply-to address {why}")))?;
            builder = builder.reply_to(mailbox(&address, party.name.as_deref()));
        }
        for (name, value) in self.extra_headers()? {
            builder = builder.raw_header(HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value));
        }

        let text = SinglePart::plain(clean_body(&self.text));
        let built = match &self.html {
            None => builder.singlepart(text),
            Some(html) => builder.multipart(
                MultiPart::alternative()
                    .boundary(boundary(&self.message_id))
                    .singlepart(text)
                    .singlepart(SinglePart::html(clean_body(html))),
            ),
        };
        let raw = built.map_err(|e| bad_message(format!("the mail can't be built: {e}")))?.formatted();
        Ok(BuiltMail { message_id: self.message_id.clone(), date: self.date, from, to, subject, raw })
    }

    /// Values are checked to be one line of visible ASCII, so they may go out as they are: encoding or
    /// folding a URL would break it.
    fn extra_headers(&self) -> Result<Vec<(HeaderName, String)>, SendError> {
        let mut all = Vec::new();
        if let Some(one_click) = &self.unsubscribe {
            let mut value = format!("<{}>", bracketable(&one_click.url)?);
            if let Some(mailto) = &one_click.mailto {
                value = format!("{value}, <mailto:{}>", bracketable(mailto)?);
            }
            all.push(("List-Unsubscribe", value));
            all.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        }
        all.extend(self.headers.iter().map(|(header, value)| (header.name(), value.clone())));
        all.into_iter()
            .map(|(name, value)| {
                let plain = value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
                if value.trim().is_empty() || !plain || value.len() > MAX_HEADER_VALUE {
                    return Err(bad_message(format!(
                        "the value of {name} must be visible ASCII, at most {MAX_HEADER_VALUE} characters"
                    )));
                }
                Ok((HeaderName::new_from_ascii_str(name), value))
            })
            .collect()
    }
}

/// Checks an address. The error continues a sentence that begins with whose address it is, and doesn't
/// repeat the address.
pub fn parse_address(text: &str) -> Result<Address, String> {
    if text.chars().any(is_unprintable) {
        return Err("holds control characters".to_owned());
    }
    if text.len() > MAX_ADDRESS {
        return Err(format!("is longer than {MAX_ADDRESS} bytes"));
    }
    text.parse().map_err(|e: lettre::address::AddressError| format!("isn't one: {e}"))
}

fn mailbox(address: &Address, name: Option<&str>) -> Mailbox {
    let name = name.map(|n| clean_line(n, MAX_NAME_CHARS)).filter(|n| !n.is_empty());
    Mailbox::new(name, address.clone())
}

/// Control characters of every kind, line and paragraph separators, and the marks that turn text
/// around, with which a name can be made to look like another.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One printable line: unprintable characters and runs of blanks become one space.
fn clean_line(text: &str, max_chars: usize) -> String {
    let spaced: String = text.chars().map(|c| if is_unprintable(c) { ' ' } else { c }).collect();
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(max_chars).collect::<String>().trim_end().to_owned()
}

/// Line ends of every kind become CRLF, other control characters but the tab go: a bare CR in a body is
/// how one mail is smuggled into another. Nothing is left for lettre's own conversion of line ends, which
/// takes time by the square of their number.
fn clean_body(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let printable: String = lines.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
    printable.replace('\n', "\r\n")
}

fn bracketable(url: &str) -> Result<&str, SendError> {
    if url.bytes().all(|b| b.is_ascii_graphic() && !b"<>,\"".contains(&b)) && !url.is_empty() {
        Ok(url)
    } else {
        Err(bad_message("the unsubscription address must be a plain, percent-encoded URL".to_owned()))
    }
}

fn header_date(at: Instant) -> Result<std::time::SystemTime, SendError> {
    // lettre's formatter panics before 1970 and after 9999.
    let year_9999 = 253_370_764_800_000_000;
    u64::try_from(at.micros())
        .ok()
        .filter(|micros| *micros < year_9999)
        .map(|micros| UNIX_EPOCH + Duration::from_micros(micros))
        .ok_or_else(|| bad_message(format!("{at} can't be written as a mail's date")))
}

fn boundary(id: &MessageId) -> String {
    format!("kk-{}", &hex_digest(id.as_str())[..32])
}

/// SHA-256 of a text, in 64 lower-case hex digits.
pub(super) fn hex_digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

fn permanent(reason: PermanentReason, detail: String) -> SendError {
    SendError::Permanent { reason, detail }
}

fn bad_message(detail: String) -> SendError {
    permanent(PermanentReason::BadMessage, detail)
}
