//! A correction (更正): what a person says of a customer in place of whatever was said before. Validated as an identify
//! is; taking the earlier words back is the store's.

use crate::event::{Context, Reading, Said, parse, trait_name};
use crate::problem::{Problem, Problems};
use crate::time::Instant;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What is to be known from now on.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// The traits it is about, in the spelling they are kept under. Whatever was said of them before goes.
    pub fields: BTreeSet<String>,
    /// Those that get a value; the others get none.
    pub set: BTreeSet<String>,
    /// The correction as an identify of nobody in particular: who it is about is known. A trait without a value is
    /// said to be blank, so that what comes late, and is older, doesn't bring one back.
    pub said: Said,
}

impl Correction {
    /// Reads what a person gave, as of `now`; every problem found, at `set.<name>` or `unset`. No problem repeats a
    /// value.
    pub fn read(
        set: &Map<String, Value>,
        unset: &[String],
        now: Instant,
        context: &Context,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let mut traits = Map::new();
        for (name, value) in set {
            let kept = trait_name(name.trim());
            if is_empty(value) {
                let detail = "is empty; to have no value, name it in unset";
                problems.push(Problem::new(format!("set.{kept}"), "empty", detail));
            }
            if traits.insert(kept.clone(), value.clone()).is_some() {
                problems.push(Problem::new(format!("set.{kept}"), "twice", "is given twice; leave one out"));
            }
        }
        let set: BTreeSet<String> = traits.keys().cloned().collect();
        for name in unset {
            let kept = trait_name(name.trim());
            if set.contains(&kept) {
                let detail = format!("{kept} is also in set; leave one out");
                problems.push(Problem::new("unset", "twice", detail));
            }
            traits.entry(kept).or_insert_with(|| json!(""));
        }
        if set.contains("name") || (traits.contains_key("name") && !set.contains("first_name")) {
            // A name is one thing, in one field or in two.
            for part in ["first_name", "last_name"] {
                traits.entry(part).or_insert_with(|| json!(""));
            }
        }
        for problem in refusals(&traits) {
            problems.push(problem);
        }
        let fields: BTreeSet<String> = traits.keys().cloned().collect();
        let identify =
            json!({ "type": "identify", "userId": "-", "timestamp": now.to_rfc3339(), "traits": traits });
        let said = match parse(&identify, context) {
            Ok(Reading::Event(said)) => Some(said),
            Ok(Reading::Browsing) => None,
            Err(found) => {
                for problem in found {
                    problems.push(placed(problem));
                }
                return Err(problems.into_vec());
            }
        };
        let said = *said.expect("an identify isn't browsing");
        for problem in said.refused.iter().flat_map(|refused| &refused.problems) {
            problems.push(placed(problem.clone()));
        }
        problems.or(Self { fields, set, said: Said { user_id: None, ..said } })
    }
}

fn refusals(traits: &Map<String, Value>) -> Vec<Problem> {
    let mut found = Vec::new();
    if traits.is_empty() {
        let detail = "says nothing; name a trait such as email to set or to unset";
        found.push(Problem::new("set", "missing", detail));
    }
    if traits.contains_key("") {
        found.push(Problem::new("set", "no_name", "has a trait without a name; give it one"));
    }
    if traits.contains_key("consents") {
        let detail = "isn't corrected: what was agreed to stands in the ledger; add what holds now \
                      (POST /api/v1/customers/{id}/consents)";
        found.push(Problem::new("set.consents", "not_a_trait", detail));
    }
    found
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// As whoever corrects has it in hand.
fn placed(problem: Problem) -> Problem {
    let at = match problem.at.strip_prefix("traits.") {
        Some(name) => format!("set.{name}"),
        None => "set".to_owned(),
    };
    Problem { at, ..problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Speaker;
    use crate::money::Currency;

    fn read(set: Value, unset: &[&str]) -> Result<Correction, Vec<String>> {
        let zone = chrono_tz::Asia::Shanghai;
        let now = Instant::parse("2026-09-25T02:00:00Z", zone).expect("an instant");
        let yuan = Currency::parse("CNY").expect("a code");
        let context =
            Context { zone, currency: yuan, base: yuan, clock: Some(now), speaker: Speaker::Sender };
        let unset: Vec<String> = unset.iter().map(|&name| name.to_owned()).collect();
        let told = |p: Problem| format!("{} {}", p.at, p.code);
        Correction::read(set.as_object().expect("an object"), &unset, now, &context)
            .map_err(|found| found.into_iter().map(told).collect())
    }

    #[test]
    fn what_is_unset_is_said_to_be_blank() {
        let read = read(json!({"email": "Rosa@Example.com", "plan": "gold"}), &["phone"]).expect("read");
        assert_eq!(
            Value::from(read.said.traits),
            json!({"email": "Rosa@Example.com", "phone": "", "plan": "gold"})
        );
        assert_eq!(read.set, ["email", "plan"].map(str::to_owned).into());
        assert_eq!(read.fields.len(), 3);
        assert_eq!(read.said.user_id, None);
    }

    #[test]
    fn a_name_is_one_thing_in_one_field_or_in_two() {
        let fields = |set, unset: &[&str]| read(set, unset).map(|c| Value::from(c.said.traits));
        let whole = json!({"name": "Rosa Roe", "first_name": "", "last_name": ""});
        assert_eq!(fields(json!({"name": "Rosa Roe"}), &[]).expect("read"), whole);
        let none = json!({"name": "", "first_name": "", "last_name": ""});
        assert_eq!(fields(json!({}), &["name"]).expect("read"), none);
        assert_eq!(
            fields(json!({"firstName": "Rosa"}), &["name"]).expect("read"),
            json!({"name": "", "first_name": "Rosa"})
        );
    }

    #[test]
    fn what_cant_be_so_is_refused_with_its_place() {
        for (set, unset, expected) in [
            (json!({}), vec![], vec!["set missing"]),
            (
                json!({"birthday": "1990-02-30", "email": "x"}),
                vec![],
                vec!["set.birthday bad_birthday", "set.email bad_email"],
            ),
            (json!({"birthday": "2026-10-26"}), vec![], vec!["set.birthday bad_birthday"]),
            (json!({"email": " "}), vec![], vec!["set.email empty"]),
            (json!({"phone": null}), vec![], vec!["set.phone empty"]),
            (json!({"phone": "13800131234"}), vec!["phone"], vec!["unset twice"]),
            (
                json!({"createdAt": "2020-01-01", "created_at": "2020-01-01"}),
                vec![],
                vec!["set.created_at twice"],
            ),
            (json!({"consents": {}}), vec![], vec!["set.consents not_a_trait"]),
        ] {
            assert_eq!(read(set.clone(), &unset).expect_err("refused"), expected, "{set}");
        }
    }
}
