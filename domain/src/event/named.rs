//! Whom a refused event names, and of when it is, as far as that can be told of something that couldn't be read.

use super::values::{instant, snake};
use crate::customer::identity::{self, Given, Kind, Name};
use crate::customer::marks::{Scalar, scalars};
use crate::time::Instant;
use chrono_tz::Tz;
use serde_json::Value;

/// What a refused event says of who it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The strongest first.
    pub names: Vec<Name>,
    pub said_at: When,
    has_user_id: bool,
}

/// Of when an event says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It doesn't: of when it came.
    Unsaid,
    At(Instant),
    /// It says something that is no instant.
    Unreadable,
}

impl Named {
    /// Reads an event as it was kept, JSON or what is left of it. `namespace` and `zone` are the shop's.
    pub fn read(payload: &str, namespace: &str, zone: Tz) -> Self {
        let found = scalars(payload);
        let of = |key: &str| {
            let one = found.iter().find(|one| snake(&one.key) == key && !one.text.trim().is_empty());
            one.map(|one| one.text.trim().to_owned())
        };
        let user_id = of("user_id");
        let anonymous_id = of("anonymous_id").or_else(|| of("previous_id"));
        let external_ids = external_ids(&found);
        let (phone, email) = (of("phone").or_else(|| of("mobile")), of("email"));
        let given = Given {
            user_id: user_id.as_deref(),
            anonymous_id: anonymous_id.as_deref(),
            external_ids: &external_ids,
            phone: phone.as_deref(),
            email: email.as_deref(),
        };
        let said_at = match of("timestamp") {
            None => When::Unsaid,
            Some(text) => {
                let number = text.parse::<serde_json::Number>().map(Value::Number);
                let value = number.unwrap_or(Value::String(text));
                instant(&value, "timestamp", zone).map_or(When::Unreadable, When::At)
            }
        };
        Self { names: identity::names(given, namespace), said_at, has_user_id: user_id.is_some() }
    }

    /// The names that say who it is about: whom a user id names, others beside it don't.
    pub fn own(&self) -> &[Name] {
        let strongest = self.names.first().is_some_and(|name| name.kind != Kind::AnonymousId);
        if self.has_user_id && strongest { &self.names[..1] } else { &self.names }
    }
}

/// `[{"type": "jd", "id": "j9"}]`, whichever of the two stands first.
fn external_ids(found: &[Scalar]) -> Vec<String> {
    let of: Vec<&Scalar> = found.iter().filter(|one| snake(&one.above) == "external_ids").collect();
    let pair = |pair: &[&Scalar]| {
        let text = |key: &str| pair.iter().find(|one| one.key == key).map(|one| one.text.clone());
        Some(format!("{}:{}", text("type")?, text("id")?))
    };
    of.chunks(2).filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(payload: &str) -> (Vec<String>, When) {
        let named = Named::read(payload, "main", chrono_tz::Asia::Shanghai);
        (named.own().iter().map(|name| format!("{}:{}", name.kind, name.value)).collect(), named.said_at)
    }

    #[test]
    fn a_refused_event_names_whom_a_good_one_would() {
        let at = When::At(Instant::parse("2026-09-20T00:00:00Z", chrono_tz::UTC).expect("an instant"));
        for (event, names, when) in [
            (json!({"userId": 12346, "timestamp": "2026-09-20T08:00:00"}), vec!["user_id:12346"], at),
            (json!({"userId": "u", "traits": {"email": "A@b.cn"}}), vec!["user_id:u"], When::Unsaid),
            (
                json!({"anonymous_id": "a", "traits": {"email": "A@b.cn", "phone": "138 1234 5678"}}),
                vec!["phone:+8613812345678", "email:a@b.cn", "anonymous_id:a"],
                When::Unsaid,
            ),
            (
                json!({"context": {"externalIds": [{"id": "n", "type": "jd"}, {"type": "taobao", "id": "m"}]}}),
                vec!["external:n", "external:m"],
                When::Unsaid,
            ),
            (json!({"userId": "jd:j9", "timestamp": "soon"}), vec!["external:j9"], When::Unreadable),
            (json!({"userId": "u", "timestamp": 0}), vec!["user_id:u"], When::Unreadable),
            (json!({"userId": "u", "timestamp": 1_789_862_400}), vec!["user_id:u"], at),
            (json!(["no", "body"]), vec![], When::Unsaid),
        ] {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            assert_eq!(read(&event.to_string()), (names, when), "{event}");
        }
    }

    #[test]
    fn what_is_cut_off_names_them_too() {
        let (names, when) =
            read(r#"{"userId": 12346, "timestamp": "2026-09-20T08:00:00+08:00", "note": "cut o"#);
        assert_eq!(names, ["user_id:12346"]);
        assert!(matches!(when, When::At(_)));
    }
}
