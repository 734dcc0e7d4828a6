//! `[mail]`: files or relays, and what a relay's URL says.

use super::reader::{Reader, number_in};
use super::secret::Secret;
use super::shop::mail_address;
use config::{Map, Value};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

const RATE: u32 = 20;
const CONNECTIONS: u32 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailChannel {
    File,
    Smtp,
}

#[derive(Debug, Clone)]
pub struct MailSettings {
    pub channel: MailChannel,
    pub dir: PathBuf,
    /// At least one where `channel` is `Smtp`.
    pub relays: Vec<Relay>,
}

/// A mail server to hand mails to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    pub url: RelayUrl,
    /// For MAIL FROM.
    pub from: String,
    /// Mails a second at most.
    pub rate: u32,
    pub connections: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// `smtp://`
    None,
    /// `smtp+starttls://`: required, never skipped when the server doesn't offer it.
    StartTls,
    /// `smtps://`: from the first byte.
    Wrapped,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayUrl {
    pub tls: Tls,
    pub host: String,
    pub port: u16,
    pub login: Option<(String, Secret)>,
}

impl RelayUrl {
    /// `smtp://[user:password@]host[:port]`; user and password percent-encoded. An error never shows the
    /// password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let remedy = "write it like smtp://127.0.0.1:2525 or smtps://USER:PASSWORD@HOST";
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("this is no URL of a mail server; {remedy}"));
        };
        let (tls, usual_port) = match scheme {
            "smtp" => (Tls::None, 25),
            "smtp+starttls" => (Tls::StartTls, 587),
            "smtps" => (Tls::Wrapped, 465),
            other => return Err(format!("{other}:// is no way to a mail server; {remedy}")),
        };
        let rest = rest.trim_end_matches('/');
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(parse_login(login)?), place),
            None => (None, rest),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                let port = port.parse().map_err(|_| format!("\"{port}\" is no port; {remedy}"))?;
                (host, port)
            }
            _ => (place, usual_port),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/?#".contains(c)) {
            return Err(format!("the URL names no host; {remedy}"));
        }
        Ok(Self { tls, host: host.to_owned(), port, login })
    }

    /// Whether mails stay on this machine; such a relay counts as a sandbox.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// Host and port only, for logs.
impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn parse_login(text: &str) -> Result<(String, Secret), String> {
    let (user, password) =
        text.split_once(':').ok_or("the URL has a user without password; write USER:PASSWORD@")?;
    let decode = |part| percent_decoded(part).ok_or("a % in user or password must be written as %25");
    Ok((decode(user)?, Secret::new(decode(password)?)))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

impl MailSettings {
    pub(super) fn read(r: &mut Reader, sender_address: &str) -> Option<Self> {
        let channel = r.choice("mail.channel", &[("file", MailChannel::File), ("smtp", MailChannel::Smtp)]);
        let dir = r.path("mail.dir");
        let relays = r.tables("mail.relays").and_then(|tables| {
            let relays: Vec<_> = tables
                .iter()
                .enumerate()
                .map(|(i, table)| Entry { i, table }.read(r, sender_address))
                .collect();
            relays.into_iter().collect::<Option<Vec<Relay>>>()
        });
        let (channel, relays) = (channel?, relays?);
        if channel == MailChannel::Smtp && relays.is_empty() {
            r.problem("mail.relays", "no_relay", "mail.channel is \"smtp\", which needs at least one relay");
        }
        Some(Self { channel, dir: dir?, relays })
    }
}

/// One table of the list.
struct Entry<'a> {
    i: usize,
    table: &'a Map<String, Value>,
}

impl Entry<'_> {
    fn read(&self, r: &mut Reader, sender_address: &str) -> Option<Relay> {
        let url = self.url(r);
        let from = match self.get("from") {
            Some(text) => self.note(r, "from", mail_address(&text)),
            None => Some(sender_address.to_owned()),
        };
        let rate = self.number(r, "rate", RATE, 1..=100_000);
        let connections = self.number(r, "connections", CONNECTIONS, 1..=64);
        Some(Relay { url: url?, from: from?, rate: rate?, connections: connections? })
    }

    fn url(&self, r: &mut Reader) -> Option<RelayUrl> {
        let text = match (self.get("url"), self.get("url_file")) {
            (Some(url), None) => url,
            (None, Some(file)) => r.contents(&format!("mail.relays[{}].url_file", self.i), &file)?,
            (Some(_), Some(_)) => {
                return self.note(r, "url_file", Err("url is set too; leave out one".to_owned()));
            }
            (None, None) => {
                return self.note(
                    r,
                    "url",
                    Err("a relay needs a url such as smtp://127.0.0.1:2525".to_owned()),
                );
            }
        };
        self.note(r, "url", RelayUrl::parse(&text))
    }

    fn number(&self, r: &mut Reader, key: &str, usual: u32, range: RangeInclusive<u32>) -> Option<u32> {
        self.get(key).map_or(Some(usual), |text| self.note(r, key, number_in(&text, &range)))
    }

    fn get(&self, key: &str) -> Option<String> {
        self.table.get(key).and_then(|value| value.clone().into_string().ok())
    }

    fn note<T>(&self, r: &mut Reader, key: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|detail| r.problem(&format!("mail.relays[{}].{key}", self.i), "invalid", detail)).ok()
    }
}
