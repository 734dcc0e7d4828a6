//! What an identify says of a person, value by value: in one spelling, or refused because it can't be so.
//!
//! A refused value is no reason to refuse the rest of what was said. Problems don't repeat the value: they
//! are answered and kept where nobody's data belongs.

use super::values::{Fields, instant, snake};
use super::{ConsentSaid, Context};
use crate::contact::{self, Class};
use crate::customer::Birthday;
use crate::problem::{Problem, Problems};
use crate::time::Instant;
use chrono_tz::Tz;
use serde_json::{Map, Value};

/// Traits with a meaning, in the spelling they are stored under; others keep their sender's.
const RESERVED: [&str; 11] = [
    "email",
    "phone",
    "birthday",
    "name",
    "first_name",
    "last_name",
    "created_at",
    "gender",
    "address",
    "timezone",
    "locale",
];

/// The spelling under which a trait of this name is kept: `firstName` is `first_name`.
pub fn trait_name(name: &str) -> String {
    let plain = snake(name);
    if RESERVED.contains(&plain.as_str()) { plain } else { name.to_owned() }
}

/// Traits as read.
#[derive(Default)]
pub(super) struct Person {
    pub traits: Map<String, Value>,
    pub consents: Vec<ConsentSaid>,
    /// What can't be so, as it was sent.
    pub refused: Map<String, Value>,
    /// Why; `at` is `traits.<name>`.
    pub problems: Problems,
}

/// Reads traits. `said_at` is when they were said, where the sender says so.
pub(super) fn read(
    given: &Map<String, Value>,
    said_at: Option<Instant>,
    context: &Context,
    consents: impl Fn(&Value) -> Result<Vec<ConsentSaid>, Problem>,
) -> Result<Person, Problem> {
    let fields = Fields { map: given, at: "traits" };
    let mut person = Person::default();
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let plain = snake(name);
        if plain == "consents" {
            person.consents = consents(value)?;
            continue;
        }
        let kept = trait_name(name);
        match possible(&kept, value, said_at, context) {
            Ok(value) => drop(person.traits.insert(kept, value)),
            Err((code, detail)) => {
                person.problems.push(fields.problem(&kept, code, detail));
                person.refused.insert(kept, value.clone());
            }
        }
    }
    Ok(person)
}

type Impossible = (&'static str, String);

/// The value as it is kept. Blank says nothing and is let pass.
fn possible(
    name: &str,
    value: &Value,
    said_at: Option<Instant>,
    context: &Context,
) -> Result<Value, Impossible> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    if value.as_str().is_some_and(|text| text.trim().is_empty()) {
        return Ok(value.clone());
    }
    let wrong = |code, detail: &str| Err((code, detail.to_owned()));
    match name {
        "email" => match contact::email(&text) {
            Some(address) if address.usable || address.class == Class::Masked => Ok(value.clone()),
            _ => {
                wrong("bad_email", "is no mail address; send one such as rosa@example.com, or leave it empty")
            }
        },
        "phone" if contact::phone(&text).is_none() => {
            wrong("bad_phone", "is no telephone number; send one such as +44 20 7946 0123, or leave it empty")
        }
        "birthday" => match Birthday::parse(&text) {
            Err(detail) => wrong("bad_birthday", detail),
            Ok(day) if context.clock.or(said_at).is_some_and(|now| day.is_after(now, context.zone)) => {
                wrong("bad_birthday", "is still to come; correct it, or leave it empty")
            }
            Ok(day) => Ok(Value::String(day.to_string())),
        },
        "timezone" if text.parse::<Tz>().is_err() => {
            wrong("bad_zone", "is no IANA time zone such as Europe/London")
        }
        "locale" if !is_locale(&text) => {
            wrong("bad_locale", "is no language such as en, en-GB or zh-CN; send one, or leave it empty")
        }
        "created_at" => match instant(value, "", context.zone) {
            Ok(at) => Ok(Value::String(at.to_rfc3339())),
            Err(problem) => Err((problem.code, problem.detail)),
        },
        _ => Ok(value.clone()),
    }
}

/// Whether text has the shape of a language tag (RFC 5646, and POSIX's `zh_CN.UTF-8`): two or three letters,
/// and subtags of at most eight.
fn is_locale(text: &str) -> bool {
    let tag = text.split(['.', '@']).next().unwrap_or_default();
    let mut parts = tag.split(['-', '_']);
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Speaker;
    use crate::money::Currency;
    use serde_json::json;

    fn read_at(traits: Value, said_at: Option<&str>) -> Person {
        let zone = chrono_tz::Asia::Shanghai;
        let yuan = Currency::parse("CNY").expect("a code");
        let context = Context { zone, currency: yuan, base: yuan, clock: None, speaker: Speaker::Sender };
        let said_at = said_at.map(|at| Instant::parse(at, zone).expect("an instant"));
        let given = traits.as_object().expect("an object");
        read(given, said_at, &context, |_| Ok(Vec::new())).expect("read")
    }

    #[test]
    fn what_cant_be_so_is_set_apart_and_the_rest_taken() {
        let person = read_at(
            json!({"email": "not-mail", "phone": 123, "birthday": "1990-02-30", "locale": "klingon",
                   "timezone": "Moon/Tycho", "createdAt": "1970-01-01", "name": "Rosa", "plan": "x"}),
            None,
        );
        assert_eq!(Value::from(person.traits), json!({"name": "Rosa", "plan": "x"}));
        let refused = ["birthday", "created_at", "email", "locale", "phone", "timezone"];
        assert_eq!(person.refused.keys().collect::<Vec<_>>(), refused);
        assert_eq!(person.refused["birthday"], "1990-02-30");
        let problems = person.problems.into_vec();
        let codes: Vec<_> = problems.iter().map(|p| (p.at.as_str(), p.code)).collect();
        assert_eq!(
            codes,
            [
                ("traits.birthday", "bad_birthday"),
                ("traits.created_at", "accidental_1970"),
                ("traits.email", "bad_email"),
                ("traits.locale", "bad_locale"),
                ("traits.phone", "bad_phone"),
                ("traits.timezone", "bad_zone"),
            ]
        );
        let told: String = problems.iter().map(ToString::to_string).collect();
        assert!(
            !told.contains("1990-02") && !told.contains("not-mail") && !told.contains("klingon"),
            "{told}"
        );
    }

    #[test]
    fn good_values_pass_in_one_spelling() {
        let given = json!({"email": "Rosa@Example.com", "phone": "138 0013 8001", "birthday": "1990-05-01T00:00:00Z",
            "locale": "zh_CN.UTF-8", "timezone": "Asia/Urumqi", "createdAt": "2011-01-01", "note": ""});
        let person = read_at(given, None);
        assert!(person.problems.is_empty() && person.refused.is_empty());
        let expected = json!({"email": "Rosa@Example.com", "phone": "138 0013 8001", "birthday": "1990-05-01",
            "locale": "zh_CN.UTF-8", "timezone": "Asia/Urumqi", "created_at": "2010-12-31T16:00:00Z", "note": ""});
        assert_eq!(Value::from(person.traits), expected);
        for fine in [
            json!({"email": "l***@example.com", "phone": "138****1234"}),
            json!({"email": "", "phone": " ", "birthday": "", "locale": "", "timezone": "", "created_at": ""}),
            json!({"phone": 13_800_138_001_i64, "birthday": "02-29", "locale": "en"}),
            json!({"phone": "13800138001-1234", "birthday": "lunar:L06-15", "locale": "sr-Latn-RS"}),
        ] {
            assert!(read_at(fine.clone(), None).refused.is_empty(), "{fine}");
        }
        for bad in [json!({"email": "a@b.c, d@e.f"}), json!({"email": 5}), json!({"birthday": {"day": 1}})] {
            assert_eq!(read_at(bad.clone(), None).refused.len(), 1, "{bad}");
        }
    }

    #[test]
    fn nobody_speaks_of_a_birth_to_come() {
        let born = |said_at| read_at(json!({"birthday": "2026-12-24"}), said_at).refused.len();
        assert_eq!((born(Some("2026-12-24")), born(Some("2026-12-01")), born(None)), (0, 1, 0));
    }
}
