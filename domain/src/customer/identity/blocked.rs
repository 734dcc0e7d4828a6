//! Values that never identify anybody: what people declare (`kind: blocked`), beside the few that no book ever takes
//! for somebody's ([`super::is_blocked`]).

use super::name::{Kind, Name, is_blocked, platform_of, real};
use crate::document::{Fields, Reader};
use crate::problem::Problem;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};

/// Values that people blocked, whatever list they are on: phone numbers in E.164, mail addresses, `noreply@` for that
/// mailbox of every domain, external ids with their platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocked(HashSet<(Kind, String)>);

impl Blocked {
    pub fn insert(&mut self, kind: Kind, value: String) {
        self.0.insert((kind, value));
    }

    /// Whether this name says nothing of who somebody is.
    pub fn holds(&self, name: &Name) -> bool {
        match name.kind {
            Kind::External => self.has(Kind::External, &format!("{}:{}", name.scope, name.value)),
            kind => self.holds_address(kind, &name.value),
        }
    }

    /// Whether this number or address is nobody's: blocked by people, or on every book.
    pub fn holds_address(&self, kind: Kind, value: &str) -> bool {
        let mailbox = || kind == Kind::Email && mailbox(value).is_some_and(|part| self.has(kind, part));
        is_blocked(kind, value) || self.has(kind, value) || mailbox()
    }

    fn has(&self, kind: Kind, value: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&(kind, value.to_owned()))
    }

    /// Whether any of these names speaks for somebody.
    pub fn leave_anybody(&self, names: &[Name]) -> bool {
        names.iter().any(|name| !self.holds(name))
    }
}

impl FromIterator<(Kind, String)> for Blocked {
    fn from_iter<T: IntoIterator<Item = (Kind, String)>>(values: T) -> Self {
        Self(values.into_iter().collect())
    }
}

/// What a list may have to hold this name: its value, and of an address its mailbox.
pub fn entries_for(name: &Name) -> Vec<String> {
    match name.kind {
        Kind::External => vec![format!("{}:{}", name.scope, name.value)],
        Kind::Email => {
            mailbox(&name.value).into_iter().chain([name.value.as_str()]).map(str::to_owned).collect()
        }
        _ => vec![name.value.clone()],
    }
}

/// `noreply@` of `noreply@example.com`.
fn mailbox(address: &str) -> Option<&str> {
    address.rfind('@').map(|at| &address[..=at])
}

/// What is said of an event whose names are all blocked or masked.
pub fn names_nobody() -> Problem {
    let detail = "names nobody: what it says is masked, or blocked as a value that never identifies; send the shop's \
                  own id, or take the value off its list (kind: blocked) and try again";
    Problem::new("userId", "nobody", detail)
}

/// A `kind: blocked` document: one list, whole. What it no longer says is blocked no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub key: String,
    /// Why these values are nobody's.
    pub reason: String,
    pub values: BTreeSet<(Kind, String)>,
}

const KEYS: &[&str] = &["key", "reason", "phones", "emails", "externals"];

/// Reads `key`, `reason`, and at least one of `phones`, `emails`, `externals`.
pub fn parse(value: &Value) -> (Option<Declared>, Vec<Problem>) {
    let mut r = Reader::new();
    let found = read(&mut r, value);
    r.finish(found)
}

fn read(r: &mut Reader, value: &Value) -> Option<Declared> {
    let doc = r.map("", value, KEYS)?;
    let key = doc.need(r, "key").and_then(|v| r.key("key", v));
    let reason = doc.need(r, "reason").and_then(|v| r.text("reason", v));
    let mut values = BTreeSet::new();
    for (field, kind) in [("phones", Kind::Phone), ("emails", Kind::Email), ("externals", Kind::External)] {
        read_values(r, &doc, field, kind, &mut values);
    }
    if KEYS[2..].iter().all(|field| doc.get(field).is_none()) {
        r.report("", "empty", "names no value; write `phones`, `emails` or `externals`");
    }
    Some(Declared { key: key?, reason: reason?, values })
}

fn read_values(
    r: &mut Reader,
    doc: &Fields<'_>,
    field: &str,
    kind: Kind,
    into: &mut BTreeSet<(Kind, String)>,
) {
    let Some(given) = doc.get(field).and_then(|v| r.list(field, v)) else { return };
    for (i, item) in given.iter().enumerate() {
        let at = format!("{field}[{i}]");
        // A number without quotes is one to YAML.
        let text = match item {
            Value::Number(number) => Some(number.to_string()),
            other => r.text(&at, other),
        };
        let Some(text) = text else { continue };
        match entry(kind, &text) {
            Err(why) => r.report(&at, "never_identifies", format!("\"{text}\" {why}")),
            Ok(value) => {
                if !into.insert((kind, value)) {
                    r.report(&at, "value_twice", format!("\"{text}\" stands in the list already; keep one"));
                }
            }
        }
    }
}

/// A value in its one spelling, or why it can't be blocked.
fn entry(kind: Kind, text: &str) -> Result<String, String> {
    match kind {
        Kind::External => {
            platform_of(text).map(|(platform, id)| format!("{platform}:{id}")).ok_or_else(|| {
                "is no external id; write its platform before it, such as taobao:somebody".to_owned()
            })
        }
        Kind::Email if text.trim().ends_with('@') => {
            // Read as an address of some domain, it has the spelling that addresses have.
            let whole = real(kind, &format!("{}example.com", text.trim()));
            whole
                .and_then(|whole| mailbox(&whole).map(str::to_owned))
                .ok_or_else(|| "is no mailbox".to_owned())
        }
        kind => real(kind, text).ok_or_else(|| {
            let what = if kind == Kind::Phone { "telephone number" } else { "mail address" };
            format!("is no {what} that anybody could be known by: it never identifies as it is; leave it out")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn name(kind: Kind, scope: &str, value: &str) -> Name {
        Name { kind, scope: scope.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_list_holds_values_in_any_spelling_and_mailboxes_of_every_domain() {
        let (declared, problems) = parse(&json!({
            "key": "shop-own", "reason": "the shop's own",
            "phones": ["139 1234 5678", 13_612_345_678_i64], "emails": ["Front@Shop.example", "NoReply@"],
            "externals": ["Taobao:shop"],
        }));
        assert_eq!(problems, vec![]);
        let blocked: Blocked = declared.expect("right").values.into_iter().collect();
        for (kind, scope, value, held) in [
            (Kind::Phone, "", "+8613912345678", true),
            (Kind::Phone, "", "+8613612345678", true),
            (Kind::Phone, "", "+8613912345679", false),
            (Kind::Email, "", "front@shop.example", true),
            (Kind::Email, "", "front@shop.example.com", false),
            (Kind::Email, "", "noreply@anybody.example", true),
            (Kind::Email, "", "noreply2@anybody.example", false),
            (Kind::External, "taobao", "shop", true),
            (Kind::External, "jd", "shop", false),
            (Kind::UserId, "main", "+8613912345678", false),
            // On every book's list, without being said.
            (Kind::Phone, "", "+8613800138000", true),
        ] {
            let name = name(kind, scope, value);
            assert_eq!(blocked.holds(&name), held, "{name:?}");
        }
        let phone = name(Kind::Phone, "", "+8613912345678");
        assert!(!blocked.leave_anybody(std::slice::from_ref(&phone)) && !blocked.leave_anybody(&[]));
        assert!(blocked.leave_anybody(&[phone, name(Kind::AnonymousId, "main", "a")]));
    }

    #[test]
    fn what_could_never_identify_is_no_entry() {
        let (_, problems) = parse(&json!({
            "key": "k", "reason": "r", "phones": ["10086", "13912345678", "+86 139 1234 5678"], "emails": ["x"],
            "externals": ["shop"],
        }));
        let told: Vec<String> = problems.iter().map(|p| format!("{} {}", p.at, p.code)).collect();
        assert_eq!(
            told,
            [
                "phones[0] never_identifies",
                "phones[2] value_twice",
                "emails[0] never_identifies",
                "externals[0] never_identifies",
            ]
        );
        let (_, problems) = parse(&json!({"key": "k", "reason": "r", "emials": []}));
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(told[0].contains("did you mean `emails`?"), "{told:?}");
        assert!(told[1].contains("names no value"), "{told:?}");
    }
}
