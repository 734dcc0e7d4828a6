//! What a customer lived through, as lines a story can be compared with: enrollments and their touchpoints, the
//! mails that really lie in the folder, coupons, callbacks, tags. It only reads.

use super::scene::{Handbook, SHOP};
use base64::Engine;
use chrono_tz::Tz;
use domain::coupon::code::Code;
use domain::time::Instant;
use sea_orm::QueryResult;
use std::collections::BTreeMap;

/// A mail as it lies in the folder.
#[derive(Debug, Clone)]
pub struct Mail {
    pub message_id: String,
    pub to: String,
    pub date: Instant,
    pub headers: BTreeMap<String, String>,
    /// The plain text.
    pub text: String,
}

impl Mail {
    /// The coupon code in it, if there is one.
    fn code(&self) -> Option<String> {
        self.text.split_whitespace().find_map(|word| Code::parse(word).ok().map(|_| word.to_owned()))
    }

    fn read(raw: &str) -> Self {
        let (head, body) = raw.split_once("\r\n\r\n").expect("headers and a body");
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let headers: BTreeMap<String, String> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let date = chrono::DateTime::parse_from_rfc2822(&headers["Date"]).expect("a date");
        let to = &headers["To"];
        let to = to.rsplit_once('<').map_or(to.as_str(), |(_, to)| to.trim_end_matches('>'));
        Self {
            message_id: headers["Message-ID"].clone(),
            to: to.to_owned(),
            date: Instant::from_utc(date.to_utc()),
            text: plain(&headers, body),
            headers,
        }
    }
}

/// The plain part of a mail, decoded.
fn plain(headers: &BTreeMap<String, String>, body: &str) -> String {
    let kind = &headers["Content-Type"];
    let Some((_, boundary)) = kind.split_once("boundary=") else { return body.to_owned() };
    let boundary = boundary.trim_matches('"');
    let part = body.split(&format!("--{boundary}")).find(|part| part.contains("text/plain")).expect("a text");
    let (head, text) = part.split_once("\r\n\r\n").expect("a part's headers");
    let head = head.to_ascii_lowercase();
    if head.contains("base64") {
        let packed: String = text.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(packed).expect("base64");
        return String::from_utf8(bytes).expect("UTF-8");
    }
    if !head.contains("quoted-printable") {
        return text.to_owned();
    }
    let joined = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = (*first == b'=').then(|| tail.get(..2).and_then(|h| std::str::from_utf8(h).ok())).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// `2026-12-07 09:00` by that zone's clock; seconds and less only where there are some.
fn shown(at: Instant, zone: Tz) -> String {
    let local = at.to_utc().with_timezone(&zone);
    let micros = at.micros().rem_euclid(60_000_000);
    let format = match micros {
        0 => "%Y-%m-%d %H:%M",
        m if m % 1_000_000 == 0 => "%Y-%m-%d %H:%M:%S",
        _ => "%Y-%m-%d %H:%M:%S%.6f",
    };
    local.format(format).to_string()
}

fn text(row: &QueryResult, column: &str) -> String {
    row.try_get::<Option<String>>("", column).expect(column).unwrap_or_default()
}

fn when(row: &QueryResult, column: &str) -> Option<Instant> {
    row.try_get::<Option<i64>>("", column).expect(column).map(Instant::from_micros)
}

fn number(row: &QueryResult, column: &str) -> i64 {
    row.try_get("", column).expect(column)
}

/// ` (reason)`, or nothing.
fn because(row: &QueryResult) -> String {
    match text(row, "reason").as_str() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    }
}

/// Every mail handed over, whosesoever.
fn mails(book: &Handbook) -> Vec<Mail> {
    let folder = book.house.folder.path().join("mail");
    let mut found = Vec::new();
    for day in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(day.path()).into_iter().flatten().flatten() {
            found.push(Mail::read(&std::fs::read_to_string(file.path()).expect("a mail")));
        }
    }
    found
}

/// Mails that no touchpoint handed over, and marketing mails one couldn't opt out of.
pub async fn mails_amiss(book: &Handbook) -> Vec<String> {
    let sql = "SELECT message_id FROM touchpoint WHERE state IN ('sent', 'unknown')";
    let planned: Vec<String> = book.rows(sql, vec![]).await.iter().map(|r| text(r, "message_id")).collect();
    let mut amiss = Vec::new();
    for mail in mails(book) {
        if !planned.contains(&mail.message_id) {
            amiss.push(format!("{}: nobody handed it over", mail.message_id));
        }
        let link = mail.headers.get("List-Unsubscribe").map_or("", |l| l.trim_matches(['<', '>']));
        if link.is_empty() || !mail.text.contains(link) || !mail.headers.contains_key("List-Unsubscribe-Post")
        {
            amiss.push(format!("{}: no way to opt out", mail.message_id));
        }
    }
    amiss
}

impl Handbook {
    pub async fn customer(&self, name: &str) -> i64 {
        let sql = "SELECT customer_id FROM identifier WHERE kind = 'user_id' AND value = $1";
        let rows = self.rows(sql, vec![name.into()]).await;
        number(rows.first().unwrap_or_else(|| panic!("nobody is called {name}")), "customer_id")
    }

    fn zone(&self, name: &str) -> Tz {
        self.people.get(name).copied().flatten().unwrap_or(SHOP)
    }

    /// The mails a customer was sent, in order.
    pub async fn mails_to(&self, name: &str) -> Vec<Mail> {
        let sql = "SELECT message_id FROM touchpoint WHERE customer_id = $1";
        let ids = self.rows(sql, vec![self.customer(name).await.into()]).await;
        let ids: Vec<String> = ids.iter().map(|row| text(row, "message_id")).collect();
        let mut found = mails(self);
        found.retain(|mail| ids.contains(&mail.message_id));
        found.sort_by_key(|mail| mail.date);
        found
    }

    /// A customer's way through campaigns: each enrollment with its touchpoints, then callbacks.
    pub async fn story(&self, name: &str) -> Vec<String> {
        let (id, zone) = (self.customer(name).await, self.zone(name));
        let mails = self.mails_to(name).await;
        let sql = "SELECT e.id, k.key, e.cause_at, e.state, e.reason, e.ended_at FROM enrollment e \
                   JOIN campaign k ON k.id = e.campaign_id WHERE e.customer_id = $1 ORDER BY e.cause_at, e.id";
        let mut lines = Vec::new();
        for entry in self.rows(sql, vec![id.into()]).await {
            let since = shown(when(&entry, "cause_at").expect("a cause"), zone);
            let end = when(&entry, "ended_at").map_or(String::new(), |at| format!(" {}", shown(at, zone)));
            let (key, state) = (text(&entry, "key"), text(&entry, "state"));
            lines.push(format!("{key} from {since}: {state}{}{end}", because(&entry)));
            let sql = "SELECT t.template_key, t.state, t.reason, t.not_before, t.handed_at, t.ended_at, t.message_id, \
                       c.state AS coupon, c.last4 FROM touchpoint t LEFT JOIN coupon c ON c.id = t.coupon_id \
                       WHERE t.enrollment_id = $1 ORDER BY t.step";
            for touch in self.rows(sql, vec![number(&entry, "id").into()]).await {
                lines.push(touchpoint(&touch, &mails, zone));
            }
        }
        lines.extend(self.callbacks(id, zone).await);
        lines
    }

    async fn callbacks(&self, id: i64, zone: Tz) -> Vec<String> {
        let sql = "SELECT kind, required_level, state, not_before, due_at FROM callback WHERE customer_id = $1 ORDER BY id";
        let line = |row: &QueryResult| {
            let at = |column| shown(when(row, column).expect(column), zone);
            let (kind, level, state) = (text(row, "kind"), text(row, "required_level"), text(row, "state"));
            format!("call {kind} by a {level} from {} to {}: {state}", at("not_before"), at("due_at"))
        };
        self.rows(sql, vec![id.into()]).await.iter().map(line).collect()
    }

    /// A customer's tags, each with its since.
    pub async fn tags(&self, name: &str) -> Vec<String> {
        let sql = "SELECT key, value, since FROM tag_current WHERE customer_id = $1 ORDER BY key";
        let line = |row: &QueryResult| {
            let value = match text(row, "value").as_str() {
                "true" => String::new(),
                value => format!("={value}"),
            };
            format!(
                "{}{value} since {}",
                text(row, "key"),
                shown(when(row, "since").expect("since"), self.zone(name))
            )
        };
        self.rows(sql, vec![self.customer(name).await.into()]).await.iter().map(line).collect()
    }

    /// What makes each of a customer's enrollments once.
    pub async fn occasions(&self, name: &str) -> Vec<String> {
        let sql = "SELECT occasion_key FROM enrollment WHERE customer_id = $1 ORDER BY id";
        let rows = self.rows(sql, vec![self.customer(name).await.into()]).await;
        rows.iter().map(|row| text(row, "occasion_key")).collect()
    }

    /// The slots of a campaign: nominal time, state, reason.
    pub async fn slots(&self, campaign: &str) -> Vec<String> {
        let sql = "SELECT o.slot, o.state, o.reason FROM occurrence o JOIN campaign k ON k.id = o.campaign_id \
                   WHERE k.key = $1 ORDER BY o.slot";
        let line =
            |row: &QueryResult| format!("{} {}{}", text(row, "slot"), text(row, "state"), because(row));
        self.rows(sql, vec![campaign.into()]).await.iter().map(line).collect()
    }

    /// What the coupons out there may cost, of each batch's budget: `100.00 of 4000.00`.
    pub async fn coupons(&self) -> Vec<String> {
        let sql = "SELECT outstanding_minor, budget_minor FROM coupon_batch ORDER BY id";
        let money = |minor: i64| format!("{}.{:02}", minor / 100, minor % 100);
        let line = |row: &QueryResult| {
            let (out, budget) = (number(row, "outstanding_minor"), number(row, "budget_minor"));
            format!("{} of {}", money(out), money(budget))
        };
        self.rows(sql, vec![]).await.iter().map(line).collect()
    }

    /// Compares a customer's story with what it should be; indentation is for the reader only.
    pub async fn lived(&self, name: &str, expected: &str) {
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let found = self.story(name).await;
        assert_eq!(found, expected, "the story of {name}: found, expected");
    }

    /// The same of tags; `key` alone in front of `since`.
    pub async fn has_tags(&self, name: &str, expected: &[&str]) {
        assert_eq!(self.tags(name).await, expected, "the tags of {name}: found, expected");
    }
}

/// `winback_d7 mailed 2026-12-14 09:00 with a coupon (issued)`: mailed only where the mail lies in the folder.
fn touchpoint(row: &QueryResult, mails: &[Mail], zone: Tz) -> String {
    let (template, state) = (text(row, "template_key"), text(row, "state"));
    let mail = mails.iter().find(|mail| mail.message_id == text(row, "message_id"));
    let (Some(handed), Some(mail)) = (when(row, "handed_at"), mail) else {
        let at = when(row, "ended_at").or(when(row, "not_before")).expect("an instant");
        let mailed = if mail.is_some() { ", but mailed" } else { "" };
        let until = if when(row, "ended_at").is_some() { "" } else { " until" };
        return format!("{template} {state}{}{until} {}{mailed}", because(row), shown(at, zone));
    };
    let mut line = format!("{template} {} {}", state.replace("sent", "mailed"), shown(handed, zone));
    match (mail.code(), text(row, "last4")) {
        (None, last4) if last4.is_empty() => {}
        (Some(code), last4) if !last4.is_empty() && code.ends_with(&last4) => {
            line.push_str(&format!(" with a coupon ({})", text(row, "coupon")));
        }
        (code, last4) => line.push_str(&format!(" with code {code:?} but coupon {last4}")),
    }
    line
}
