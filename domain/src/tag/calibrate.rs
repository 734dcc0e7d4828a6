//! Thresholds of an ordered tag, from shares: which levels can be calibrated, how a cut-off becomes a round threshold, and
//! the document with it put in. Where the cut-offs lie in the book is for the caller to say.

use super::definition::{Level, Shape, TagDefinition};
use crate::money::Currency;
use crate::problem::{Problem, nearest};
use crate::rule::{Comparison, Field, FieldKind, Rule};
use serde_json::{Value, json};

/// A share in millionths: `1%` is 10,000.
pub const WHOLE: i64 = 1_000_000;

/// A level that is to be had, with those above it, by so large a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where the level stands among the tag's, lowest first.
    pub level: usize,
    /// In millionths, above 0 and below [`WHOLE`].
    pub share: i64,
}

/// The one field that all levels compare; a problem where they don't.
pub fn field(tag: &TagDefinition) -> Result<Field, Problem> {
    let refuse = |detail: String| Err(Problem::new(&tag.key, "not_calibrated", detail));
    let Shape::Levels { levels, .. } = &tag.shape else {
        return refuse(format!("{} has no levels; only an ordered tag has thresholds", tag.key));
    };
    let mut fields = Vec::new();
    for level in levels {
        let Some((field, _)) = threshold(level) else {
            let detail = format!(
                "level {} isn't {{profile: FIELD, gte: …}} alone; what else it asks can't be set from a share",
                level.value
            );
            return refuse(detail);
        };
        fields.push(field);
    }
    match fields[..] {
        [first, ..] if fields.iter().all(|field| *field == first) => Ok(first),
        _ => {
            let keys: Vec<&str> = fields.iter().map(|field| field.key()).collect();
            refuse(format!("its levels compare {}; thresholds are of one field", keys.join(", ")))
        }
    }
}

/// What a level compares, and its bound as the rule has it.
pub fn threshold(level: &Level) -> Option<(Field, i64)> {
    match &level.rule {
        Rule::Profile { field, test: Comparison::Gte(bound) | Comparison::Gt(bound) } => {
            Some((*field, *bound))
        }
        _ => None,
    }
}

/// Reads `gold=5%` of this tag: the shares must fall as the levels rise. Lowest level first.
pub fn wanted(tag: &TagDefinition, written: &[String]) -> Result<Vec<Wanted>, Vec<Problem>> {
    let levels = levels(tag);
    let (mut found, mut problems): (Vec<Wanted>, Vec<Problem>) = (Vec::new(), Vec::new());
    for text in written {
        match one(levels, text) {
            Ok(one) if found.iter().any(|known| known.level == one.level) => {
                let detail = format!("{text}: this level has a share already; keep one");
                problems.push(Problem::new("--share", "duplicate", detail));
            }
            Ok(one) => found.push(one),
            Err(problem) => problems.push(problem),
        }
    }
    found.sort_by_key(|wanted| wanted.level);
    for pair in found.windows(2) {
        let (lower, higher) = (&pair[0], &pair[1]);
        if higher.share >= lower.share {
            let name = |wanted: &Wanted| levels[wanted.level].value.clone();
            let detail = format!(
                "{} is above {}, and its share must be the smaller one: each share is of those with this level or a higher",
                name(higher),
                name(lower)
            );
            problems.push(Problem::new("--share", "not_falling", detail));
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

fn levels(tag: &TagDefinition) -> &[Level] {
    match &tag.shape {
        Shape::Levels { levels, .. } => levels,
        _ => &[],
    }
}

fn one(levels: &[Level], text: &str) -> Result<Wanted, Problem> {
    let refuse = |code, detail: String| Err(Problem::new("--share", code, detail));
    let (name, share) = text.split_once('=').unwrap_or((text, ""));
    let Some(level) = levels.iter().position(|level| *level.value == *name) else {
        let known: Vec<&str> = levels.iter().map(|level| &*level.value).collect();
        let remedy = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", known.join(", ")),
        };
        return refuse("unknown_level", format!("{name} is no level; {remedy}"));
    };
    let share = FieldKind::Share.operand(share).filter(|share| (1..WHOLE).contains(share));
    match share {
        Some(share) => Ok(Wanted { level, share }),
        None => refuse(
            "bad_share",
            format!(
                "{text}: write a share between 0% and 100%, such as {name}=1%, with at most 4 decimal places"
            ),
        ),
    }
}

/// How many of `all` a share is: rounded down, but somebody.
pub fn how_many(share: i64, all: i64) -> i64 {
    let many = i128::from(all) * i128::from(share) / i128::from(WHOLE);
    i64::try_from(many).unwrap_or(i64::MAX).max(1)
}

/// Up to two significant digits; of what isn't positive itself.
pub fn round_up(n: i64) -> i64 {
    let mut step = 1i64;
    while n / step >= 100 {
        step *= 10;
    }
    let rest = n.rem_euclid(step);
    if rest == 0 { n } else { n.saturating_add(step - rest) }
}

/// A stored value as rules write it: minor units of `currency` of an amount, else the count.
pub fn rule(field: Field, stored: i64, currency: Currency) -> Rule {
    Rule::Profile { field, test: Comparison::Gte(bound(field, stored, currency)) }
}

/// A stored value as rules compare it.
pub fn bound(field: Field, stored: i64, currency: Currency) -> i64 {
    match field.kind() {
        FieldKind::Money => stored.saturating_mul(10i64.pow(6 - currency.exponent().min(6))),
        _ => stored,
    }
}

/// The least stored value that a level's bound lets in: the bound itself, or what is just above it.
pub fn least(level: &Level, currency: Currency) -> Option<i64> {
    let (field, written) = threshold(level)?;
    let unit = bound(field, 1, currency).max(1);
    Some(match &level.rule {
        Rule::Profile { test: Comparison::Gt(_), .. } => written.div_euclid(unit).saturating_add(1),
        _ => written.div_euclid(unit) + i64::from(written.rem_euclid(unit) > 0),
    })
}

/// The document with these rules at these levels, and its kind said.
pub fn with_rules(document: &Value, rules: &[(usize, Rule)]) -> Value {
    let mut document = document.clone();
    document["kind"] = json!("tag");
    for (level, rule) in rules {
        document["levels"][*level]["rule"] = rule.to_value();
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_rounded_up_to_two_digits() {
        let table = [
            (0, 0),
            (7, 7),
            (99, 99),
            (100, 100),
            (101, 110),
            (1_234, 1_300),
            (990_001, 1_000_000),
            (-5, -5),
        ];
        for (n, wanted) in table {
            assert_eq!(round_up(n), wanted, "{n}");
        }
        assert!(round_up(i64::MAX) >= i64::MAX - 1);
    }

    #[test]
    fn a_share_of_the_book_is_somebody() {
        assert_eq!([how_many(10_000, 1_000), how_many(10_000, 1_099), how_many(10_000, 5)], [10, 10, 1]);
        assert_eq!(how_many(WHOLE - 1, i64::MAX), i64::MAX - i64::MAX / WHOLE - 1);
    }

    #[test]
    fn what_a_bound_lets_in_is_counted_in_stored_units() {
        let level = |json: Value| Level {
            value: "a".into(),
            name: super::super::Names { en: String::new(), zh_cn: String::new() },
            rule: crate::rule::parse(&json).expect("a rule"),
        };
        let least = |json, currency| least(&level(json), Currency::parse(currency).expect("code"));
        assert_eq!(least(json!({"profile": "spend_365", "gte": "10.00"}), "CNY"), Some(1_000));
        assert_eq!(least(json!({"profile": "spend_365", "gt": "10.00"}), "CNY"), Some(1_001));
        assert_eq!(least(json!({"profile": "spend_365", "gte": "10.001"}), "CNY"), Some(1_001));
        assert_eq!(least(json!({"profile": "spend_365", "gt": "10.001"}), "CNY"), Some(1_001));
        assert_eq!(least(json!({"profile": "spend_365", "gte": "10"}), "JPY"), Some(10));
        assert_eq!(least(json!({"profile": "orders_365", "gt": 3}), "CNY"), Some(4));
        assert_eq!(
            rule(Field::Spend365, 1_300, Currency::parse("CNY").expect("code")).to_value(),
            json!({"profile": "spend_365", "gte": "13.00"})
        );
    }
}
