//! What a person is recognised by in texts and documents that others wrote: the names and addresses the book knows of
//! them, in whatever spelling. Reads only; what follows from a hit is the caller's.
//!
//! A mail address, a telephone number or a long id counts wherever it stands by itself. A short id (`1`) says nothing
//! there: it counts as a whole value under a key that names somebody.

use super::identity::Kind;
use super::name::fold;
use crate::contact;
use serde_json::Value;
use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;

/// What somebody is recognised by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Ids, however short, as they are and behind their platform.
    ids: BTreeSet<String>,
    /// Those of them that stand for somebody wherever they are found.
    telling: BTreeSet<String>,
    /// As [`contact::email`] spells them.
    emails: BTreeSet<String>,
    /// As [`contact::phone`] spells them.
    phones: BTreeSet<String>,
    /// Whole names, folded.
    called: BTreeSet<String>,
    /// Words of them.
    words: BTreeSet<String>,
}

/// Keys under which somebody is named, in snake_case …
const NAMING: [&str; 9] = [
    "user_id",
    "anonymous_id",
    "previous_id",
    "customer_id",
    "buyer_id",
    "member_id",
    "open_id",
    "buyer_nick",
    "group_id",
];
/// … and those below which an `id` does.
const NAMING_ABOVE: [&str; 5] = ["external_ids", "customer", "buyer", "user", "member"];
/// Digits that are a telephone number wherever they stand.
const TELLING_DIGITS: usize = 7;

/// One value of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The key it stands under, or below (in a list); empty at the top.
    pub key: String,
    /// The key of the object that it is a field of.
    pub above: String,
    pub text: String,
}

impl Scalar {
    /// Whether it stands where somebody is named by an id.
    pub fn names_somebody(&self) -> bool {
        let (key, above) = (snake(&self.key), snake(&self.above));
        NAMING.contains(&key.as_str()) || (key == "id" && NAMING_ABOVE.contains(&above.as_str()))
    }
}

impl Marks {
    /// They are known by this name. `scope` as stored: an external id's platform.
    pub fn know(&mut self, kind: Kind, scope: &str, value: &str) {
        match kind {
            Kind::Phone => self.reach(contact::PHONE, value),
            Kind::Email => self.reach(contact::EMAIL, value),
            Kind::UserId | Kind::AnonymousId | Kind::External => {
                let id = plain(value);
                if kind == Kind::External {
                    self.ids.insert(format!("{scope}:{id}"));
                }
                if is_telling(&id) {
                    self.telling.insert(id.clone());
                }
                self.ids.insert(id);
            }
        }
    }

    /// They can be reached there.
    pub fn reach(&mut self, channel: &str, value: &str) {
        match channel {
            contact::PHONE => drop(self.phones.insert(plain(value))),
            _ => drop(self.emails.insert(fold(value))),
        }
    }

    /// They are called so.
    pub fn call(&mut self, name: &str) {
        let folded = fold(name);
        if weight(&folded) < 4 {
            return;
        }
        let words = folded.split(' ').filter(|word| weight(word) >= 4);
        self.words.extend(words.map(str::to_owned));
        self.called.insert(folded);
    }

    /// Whether one of their addresses or telling ids stands in the text.
    pub fn in_text(&self, text: &str) -> bool {
        let written = plain(text);
        let folded = fold(text);
        self.telling.iter().any(|id| token(&written, id, is_word).is_some())
            || self.emails.iter().any(|email| token(&folded, email, is_of_an_address).is_some())
            || self.has_phone(&written)
    }

    /// As [`Marks::in_text`], or what they are called, or an id by itself: what may not stand where nothing is ever
    /// removed.
    pub fn in_reason(&self, text: &str) -> bool {
        let (written, folded) = (plain(text), fold(text));
        let called = self.called.iter().chain(&self.words);
        called.into_iter().any(|name| token(&folded, name, is_word).is_some())
            || self.ids.iter().any(|id| weight(id) >= 4 && token(&written, id, is_word).is_some())
            || self.in_text(text)
    }

    /// Whether a document, JSON or what is left of one, speaks of them: one of their addresses or ids stands in it, or it
    /// names nobody by an id and has their name.
    pub fn in_document(&self, text: &str) -> bool {
        let (scalars, keys) = values(text);
        let by_id = |scalar: &Scalar| scalar.names_somebody() && self.ids.contains(&plain(&scalar.text));
        let anonymous = !scalars.iter().any(|scalar| scalar.names_somebody() && !scalar.text.is_empty());
        let called = |text: &str| {
            let folded = fold(text);
            anonymous && self.called.iter().any(|name| token(&folded, name, is_word).is_some())
        };
        keys.iter().any(|key| self.in_text(key))
            || scalars.iter().any(|one| by_id(one) || self.in_text(&one.text) || called(&one.text))
    }

    /// The text with `~` for each of their ids and addresses; `None` where it has none. An id that is part of another
    /// text counts between `:` and `@`, however short.
    pub fn cut(&self, text: &str) -> Option<String> {
        let mut left = plain(text);
        for id in &self.telling {
            while let Some((from, to)) = token(&left, id, is_word) {
                left.replace_range(from..to, "~");
            }
        }
        let parts: Vec<&str> = left.split_inclusive([':', '@']).collect();
        let short = parts.into_iter().map(|part| {
            let id = part.trim_end_matches([':', '@']);
            if self.ids.contains(id) { part.replacen(id, "~", 1) } else { part.to_owned() }
        });
        left = short.collect();
        // What is written in another spelling has no place that could be cut out.
        if self.in_text(&left) {
            left = "~".to_owned();
        }
        (left != plain(text)).then_some(left)
    }

    /// Whether some of the digits in the text, however they are grouped, are one of their numbers.
    fn has_phone(&self, text: &str) -> bool {
        if self.phones.is_empty() {
            return false;
        }
        if text.contains('*') && self.phones.iter().any(|phone| phone.contains('*') && text.contains(phone)) {
            return true;
        }
        runs(text).iter().any(|groups| {
            (0..groups.len()).any(|from| {
                let mut digits = String::new();
                groups[from..].iter().any(|group| {
                    digits.push_str(group);
                    digits.len() >= TELLING_DIGITS && digits.len() <= 20 && self.is_phone(&digits)
                })
            })
        })
    }

    fn is_phone(&self, digits: &str) -> bool {
        let known = |written: &str| {
            contact::phone(written).is_some_and(|address| {
                self.phones.contains(&address.value)
                    // A relay number without its extension.
                    || self.phones.iter().any(|phone| phone.split(',').next() == Some(address.value.as_str()))
            })
        };
        known(digits) || known(&format!("+{digits}"))
    }
}

fn plain(text: &str) -> String {
    text.trim().nfkc().collect()
}

/// `externalIds` → `external_ids`, `user-id` → `user_id`.
fn snake(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 2);
    for c in key.trim().chars() {
        if c.is_ascii_uppercase() && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        out.push(if c == '-' || c == ' ' { '_' } else { c.to_ascii_lowercase() });
    }
    out
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// How much a text tells: a Chinese character as much as two letters.
fn weight(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// Whether an id can't be taken for an amount, a count or a word.
fn is_telling(id: &str) -> bool {
    if id.chars().all(|c| c.is_ascii_digit()) { id.len() >= 9 } else { weight(id) >= 6 }
}

/// What goes on with a word: Chinese is written without blanks between words.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() && !is_wide(c)
}

fn is_of_an_address(c: char) -> bool {
    is_word(c) || "_%+-".contains(c)
}

/// Where `wanted` stands in `text` without going on on either side.
fn token(text: &str, wanted: &str, goes_on: fn(char) -> bool) -> Option<(usize, usize)> {
    if wanted.is_empty() {
        return None;
    }
    let (first, last) = (wanted.chars().next()?, wanted.chars().next_back()?);
    text.match_indices(wanted).map(|(from, found)| (from, from + found.len())).find(|&(from, to)| {
        let before = text[..from].chars().next_back();
        let mut after = text[to..].chars();
        let next = after.next();
        // `rosa@example.com.cn` is another address than `rosa@example.com`, at a sentence's end it isn't.
        let dotted = wanted.contains('@') && next == Some('.') && after.next().is_some_and(is_word);
        let dotted = dotted || (wanted.contains('@') && before == Some('.'));
        let runs_on = |edge: char, beyond: Option<char>| goes_on(edge) && beyond.is_some_and(goes_on);
        !dotted && !runs_on(first, before) && !runs_on(last, next)
    })
}

/// Groups of digits that only blanks and what stands in telephone numbers keep apart, run by run.
fn runs(text: &str) -> Vec<Vec<String>> {
    const BETWEEN: usize = 3;
    let (mut runs, mut groups, mut group) = (Vec::new(), Vec::new(), String::new());
    let mut apart = 0;
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_digit() {
            group.push(c);
            apart = 0;
            continue;
        }
        if !group.is_empty() {
            groups.push(std::mem::take(&mut group));
        }
        apart += 1;
        let joins = c.is_whitespace() || "-‐‑‒–—.()/+·_".contains(c);
        if !groups.is_empty() && (!joins || c == '\n' || apart > BETWEEN) {
            runs.push(std::mem::take(&mut groups));
        }
    }
    runs
}

/// All values of a document, JSON or what is left of one.
pub fn scalars(text: &str) -> Vec<Scalar> {
    values(text).0
}

/// As [`scalars`], with its keys.
fn values(text: &str) -> (Vec<Scalar>, Vec<String>) {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return scan(text) };
    let (mut scalars, mut keys) = (Vec::new(), Vec::new());
    walk(&value, ("", ""), &mut scalars, &mut keys);
    (scalars, keys)
}

fn walk(value: &Value, (above, key): (&str, &str), scalars: &mut Vec<Scalar>, keys: &mut Vec<String>) {
    let mut add = |text: String| scalars.push(Scalar { key: key.to_owned(), above: above.to_owned(), text });
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::String(text) => add(text.clone()),
        Value::Number(number) => add(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| walk(item, (above, key), scalars, keys)),
        Value::Object(map) => {
            for (field, item) in map {
                keys.push(field.clone());
                walk(item, (key, field), scalars, keys);
            }
        }
    }
}

/// The values of what isn't whole JSON any more, or never was, as far as they can be told; and the text itself.
fn scan(text: &str) -> (Vec<Scalar>, Vec<String>) {
    let mut scalars = vec![Scalar { key: String::new(), above: String::new(), text: text.to_owned() }];
    let (mut keys, mut key) = (Vec::new(), String::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (value, len) = if c == '"' { quoted(rest) } else { bare(rest) };
        rest = &rest[len..];
        let Some(value) = value else { continue };
        if rest.trim_start().starts_with(':') {
            key.clone_from(&value);
            keys.push(value);
        } else {
            scalars.push(Scalar { key: key.clone(), above: String::new(), text: value });
        }
    }
    (scalars, keys)
}

/// A text in quotes, whose end may be missing, and its length with them.
fn quoted(rest: &str) -> (Option<String>, usize) {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    });
    let (inner, len) = match end {
        Some(end) => (&rest[1..end], end + 1),
        None => (&rest[1..], rest.len()),
    };
    let read = serde_json::from_str::<String>(&format!("\"{inner}\"")).unwrap_or_else(|_| inner.to_owned());
    (Some(read), len)
}

/// A word or number without quotes, and its length; of anything else one character.
fn bare(rest: &str) -> (Option<String>, usize) {
    let goes_on = |c: char| c.is_alphanumeric() || "+-._%".contains(c);
    let len = rest.find(|c| !goes_on(c)).unwrap_or(rest.len());
    match len {
        0 => (None, rest.chars().next().map_or(0, char::len_utf8)),
        len => (Some(rest[..len].to_owned()), len),
    }
}

#[cfg(test)]
#[path = "marks_tests.rs"]
mod tests;
