//! Reads the leaves of a rule: what each asks, with which operators.

use super::{LONGEST_WORD, MAX_ANNIVERSARY, MAX_DAYS, Reader, join, quoted};
use crate::problem::nearest;
use crate::rule::ast::{Age, Comparison, DayRange, Rule, TagTest, TextTest};
use crate::rule::field::{Field, FieldKind};
use crate::rule::score::ScoreNumber;
use crate::rule::share::Share;
use crate::text::turns_writing;
use crate::time::Span;
use serde_json::{Map, Value};

pub(in crate::rule) const COMPARE_OPS: [&str; 9] =
    ["eq", "ne", "lt", "lte", "gt", "gte", "in", "between", "exists"];
pub(in crate::rule) const INSTANT_OPS: [&str; 11] =
    ["eq", "ne", "lt", "lte", "gt", "gte", "in", "between", "exists", "within", "older_than"];
const TEXT_OPS: [&str; 6] = ["eq", "ne", "in", "contains", "starts_with", "exists"];
pub(in crate::rule) const COUNT_OPS: [&str; 8] = ["eq", "ne", "lt", "lte", "gt", "gte", "in", "between"];
pub(in crate::rule) const AGE_OPS: [&str; 2] = ["within", "older_than"];
pub(in crate::rule) const DAY_OPS: [&str; 6] = ["gte", "gt", "lte", "lt", "eq", "between"];
pub(in crate::rule) const TAG_OPS: [&str; 4] = ["eq", "ne", "in", "exists"];

/// What fields of this kind can be asked.
pub(in crate::rule) const fn ops_of(kind: FieldKind) -> &'static [&'static str] {
    match kind {
        FieldKind::Text => &TEXT_OPS,
        FieldKind::Instant => &INSTANT_OPS,
        FieldKind::Birthday => &["exists"],
        FieldKind::Money | FieldKind::Count | FieldKind::Share | FieldKind::Number => &COMPARE_OPS,
    }
}

impl Reader {
    fn field(&mut self, value: &Value, at: &str) -> Option<Field> {
        let keys: Vec<&str> = Field::ALL.iter().map(|field| field.key()).collect();
        let written = value.as_str().unwrap_or_default();
        let Some(field) = Field::named(written) else {
            let remedy = match nearest(written, keys.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known are {}", keys.join(", ")),
            };
            return self.refuse(
                at,
                "unknown_profile",
                format!("{} is not in the profile; {remedy}", quoted(value)),
            );
        };
        Some(field)
    }

    pub(super) fn profile(&mut self, fields: &Map<String, Value>, name: &Value, path: &str) -> Option<Rule> {
        let field = self.field(name, &join(path, "profile"));
        let ops = field.map_or(&COMPARE_OPS[..], |field| ops_of(field.kind()));
        let (op, operand) = self.one_op(fields, "profile", ops, path)?;
        let (field, at) = (field?, join(path, op));
        if AGE_OPS.contains(&op) {
            return Some(Rule::Ago { field, age: self.age(op, operand, &at)? });
        }
        if field.kind() == FieldKind::Text {
            return Some(Rule::Text { field, test: self.text_test(op, operand, &at)? });
        }
        Some(Rule::Profile { field, test: self.comparison(field.kind(), op, operand, &at)? })
    }

    pub(super) fn score(&mut self, fields: &Map<String, Value>, name: &Value, path: &str) -> Option<Rule> {
        let written = name.as_str().unwrap_or_default();
        let number = ScoreNumber::parse(written).or_else(|| {
            let keys: Vec<&str> = ScoreNumber::ALL.iter().map(|number| number.as_str()).collect();
            let remedy = match nearest(written, keys.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known are {}", keys.join(", ")),
            };
            let detail = format!("{} is no number of a run over the book; {remedy}", quoted(name));
            self.refuse(&join(path, "score"), "unknown_score", detail)
        });
        let (op, operand) = self.one_op(fields, "score", &COMPARE_OPS, path)?;
        let number = number?;
        Some(Rule::Score { number, test: self.comparison(number.kind(), op, operand, &join(path, op))? })
    }

    pub(super) fn comparison(
        &mut self,
        kind: FieldKind,
        op: &str,
        operand: &Value,
        at: &str,
    ) -> Option<Comparison<i64>> {
        Some(match op {
            "exists" if self.yes(operand, at)? => Comparison::Present,
            "exists" => Comparison::Absent,
            "in" => Comparison::In(self.several(operand, at, |reader, v, at| reader.operand(kind, v, at))?),
            "between" => {
                let (low, high) = self.pair(operand, at, |reader, v, at| reader.operand(kind, v, at))?;
                Comparison::Between(low, high)
            }
            op => {
                let value = self.operand(kind, operand, at)?;
                match op {
                    "eq" => Comparison::Eq(value),
                    "ne" => Comparison::Ne(value),
                    "lt" => Comparison::Lt(value),
                    "lte" => Comparison::Lte(value),
                    "gt" => Comparison::Gt(value),
                    _ => Comparison::Gte(value),
                }
            }
        })
    }

    pub(super) fn text_test(&mut self, op: &str, operand: &Value, at: &str) -> Option<TextTest> {
        Some(match op {
            "exists" if self.yes(operand, at)? => TextTest::Present,
            "exists" => TextTest::Absent,
            "in" => TextTest::In(self.several(operand, at, Self::word)?),
            op => {
                let value = self.word(operand, at)?;
                match op {
                    "eq" => TextTest::Eq(value),
                    "ne" => TextTest::Ne(value),
                    "contains" => TextTest::Contains(value),
                    _ => TextTest::StartsWith(value),
                }
            }
        })
    }

    /// That people see of a text what is in it.
    pub(super) fn plain(&mut self, text: &str, at: &str) -> Option<()> {
        if text.chars().any(char::is_control) {
            return self.refuse(at, "control_character", "has a control character in it; write plain text");
        }
        if let Some(c) = text.chars().find(|c| turns_writing(*c)) {
            let detail = format!(
                "has the mark U+{:04X} in it, which nobody sees and which turns the direction of writing; write plain text",
                u32::from(c)
            );
            return self.refuse(at, "hidden_character", detail);
        }
        Some(())
    }

    /// A word to compare with: something must be left of it once it is folded.
    pub(super) fn word(&mut self, value: &Value, at: &str) -> Option<String> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        self.plain(&text, at)?;
        if text.len() > LONGEST_WORD {
            return self.refuse(at, "too_long", format!("is longer than {LONGEST_WORD} bytes; shorten it"));
        }
        if crate::text::fold(&text).is_empty() {
            return self.refuse(at, "bad_value", format!("{} is not a word", quoted(value)));
        }
        Some(text)
    }

    pub(super) fn span(&mut self, value: &Value, at: &str) -> Option<Span> {
        let most = Span::days(MAX_DAYS);
        match value.as_str().and_then(Span::parse).filter(|span| *span > Span::ZERO && *span <= most) {
            Some(span) => Some(span),
            None => {
                let detail = format!(
                    "{} is not a duration; write for example \"30d\" or \"12h\", at most \"{MAX_DAYS}d\"",
                    quoted(value)
                );
                self.refuse(at, "bad_duration", detail)
            }
        }
    }

    pub(super) fn age(&mut self, op: &str, operand: &Value, at: &str) -> Option<Age> {
        let span = self.span(operand, at)?;
        Some(if op == "within" { Age::Within(span) } else { Age::OlderThan(span) })
    }

    /// A field that is an instant.
    fn instant_field(&mut self, name: &Value, at: &str) -> Option<Field> {
        let field = self.field(name, at)?;
        if field.kind() == FieldKind::Instant {
            return Some(field);
        }
        let detail = format!("{} is no point in time; use last_order_at or first_order_at", field.key());
        self.refuse(at, "not_an_instant", detail)
    }

    pub(super) fn days_since(
        &mut self,
        fields: &Map<String, Value>,
        name: &Value,
        path: &str,
    ) -> Option<Rule> {
        let field = self.instant_field(name, &join(path, "days_since"));
        let (op, operand) = self.one_op(fields, "days_since", &DAY_OPS, path)?;
        let at = join(path, op);
        let days = if op == "between" {
            let (from, to) = self.pair(operand, &at, Self::days)?;
            DayRange { from: Some(from), to: Some(to) }
        } else {
            let n = self.days(operand, &at)?;
            match op {
                "gte" => DayRange { from: Some(n), to: None },
                "gt" => DayRange { from: Some(n + 1), to: None },
                "lte" => DayRange { from: None, to: Some(n) },
                "eq" => DayRange { from: Some(n), to: Some(n) },
                _ => match n.checked_sub(1) {
                    Some(to) => DayRange { from: None, to: Some(to) },
                    None => return self.refuse(&at, "never", "nothing is less than 0 days ago; use lte"),
                },
            }
        };
        Some(Rule::DaysSince { field: field?, days })
    }

    pub(super) fn anniversary(
        &mut self,
        fields: &Map<String, Value>,
        name: &Value,
        path: &str,
    ) -> Option<Rule> {
        let at = join(path, "anniversary");
        let field = match self.field(name, &at) {
            Some(Field::Birthday) => Some(Field::Birthday),
            Some(_) => self.instant_field(name, &at),
            None => None,
        };
        let (_, operand) = self.one_op(fields, "anniversary", &["within"], path)?;
        let at = join(path, "within");
        let days = operand.as_str().and_then(|text| text.strip_suffix('d')).and_then(|n| n.parse().ok());
        match days.filter(|days| *days <= MAX_ANNIVERSARY) {
            Some(within_days) => Some(Rule::Anniversary { field: field?, within_days }),
            None => {
                let detail = format!(
                    "{} is not a number of days; write for example \"7d\", at most \"{MAX_ANNIVERSARY}d\"",
                    quoted(operand)
                );
                self.refuse(&at, "bad_days", detail)
            }
        }
    }

    pub(super) fn share(&mut self, fields: &Map<String, Value>, part: &Value, path: &str) -> Option<Rule> {
        self.only(fields, "share", &["salt"], path);
        let at = join(path, "share");
        let millionths = self.operand(FieldKind::Share, part, &at).and_then(|millionths| match millionths {
            1..=1_000_000 => Some(millionths),
            _ => self.refuse(
                &at,
                "bad_value",
                format!("{} is no part of the book; write 0.0001% to 100%", quoted(part)),
            ),
        });
        let salt = match fields.get("salt") {
            Some(Value::String(_)) => self.word(&fields["salt"], &join(path, "salt")),
            Some(other) => {
                self.refuse(&join(path, "salt"), "bad_value", format!("{} is not a word", quoted(other)))
            }
            None => {
                let detail =
                    "say a word, such as the campaign's key: another word is another part of the book";
                self.refuse(&join(path, "salt"), "missing", detail)
            }
        };
        Some(Rule::Share(Share { millionths: millionths?, salt: salt? }))
    }

    pub(super) fn tag(&mut self, fields: &Map<String, Value>, name: &Value, path: &str) -> Option<Rule> {
        let Some(key) = name.as_str().filter(|key| !key.is_empty()) else {
            return self.refuse(
                &join(path, "tag"),
                "not_a_key",
                format!("{} is not a tag's key", quoted(name)),
            );
        };
        let plain = self.plain(key, &join(path, "tag"));
        let since = self.since(fields, path);
        let beside: Map<String, Value> =
            fields.iter().filter(|(key, _)| *key != "since").map(|(k, v)| (k.clone(), v.clone())).collect();
        let test = if beside.len() == 1 { Some(TagTest::Present) } else { self.tag_test(&beside, path) };
        plain?;
        Some(Rule::Tag { key: key.to_owned(), test: test?, since: since? })
    }

    /// For how long it has been so.
    fn since(&mut self, fields: &Map<String, Value>, path: &str) -> Option<Option<Age>> {
        self.aged(fields, "since", path)
    }

    /// How long ago something was, where that is asked.
    pub(super) fn aged(
        &mut self,
        fields: &Map<String, Value>,
        name: &'static str,
        path: &str,
    ) -> Option<Option<Age>> {
        match fields.get(name) {
            None => Some(None),
            Some(Value::Object(age)) => {
                let at = join(path, name);
                let given = self.one_op(age, name, &AGE_OPS, &at);
                given.and_then(|(op, span)| self.age(op, span, &join(&at, op))).map(Some)
            }
            Some(other) => {
                let detail = format!("{} is no age; write for example {{older_than: 7d}}", quoted(other));
                self.refuse(&join(path, name), "bad_value", detail)
            }
        }
    }

    pub(super) fn segment(&mut self, fields: &Map<String, Value>, name: &Value, path: &str) -> Option<Rule> {
        self.only(fields, "segment", &["since"], path);
        let key = name.as_str().filter(|key| !key.is_empty());
        let key = match key {
            Some(key) => self.plain(key, &join(path, "segment")).map(|()| key.to_owned()),
            None => {
                let detail = format!("{} is not a segment's key", quoted(name));
                self.refuse(&join(path, "segment"), "not_a_key", detail)
            }
        };
        let since = self.since(fields, path);
        Some(Rule::Segment { key: key?, since: since? })
    }

    fn tag_test(&mut self, fields: &Map<String, Value>, path: &str) -> Option<TagTest> {
        let (op, operand) = self.one_op(fields, "tag", &TAG_OPS, path)?;
        let at = join(path, op);
        Some(match op {
            "eq" => TagTest::Eq(self.tag_value(operand, &at)?),
            "ne" => TagTest::Ne(self.tag_value(operand, &at)?),
            "in" => TagTest::In(self.several(operand, &at, Self::tag_value)?),
            _ if self.yes(operand, &at)? => TagTest::Present,
            _ => TagTest::Absent,
        })
    }
}
