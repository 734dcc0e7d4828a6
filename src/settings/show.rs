//! The settings in force for people to look at: values without secrets, and the layer each came from.

use super::layers::{Sources, merge};
use config::{Value, ValueKind};
use domain::problem::Problem;
use serde::Serialize;

/// One setting in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InForce {
    pub key: String,
    /// As written; passwords are left out.
    pub value: String,
    /// The file, variable or flag it came from; `None` is the default.
    pub from: Option<String>,
}

/// All settings in force, by key.
pub fn in_force(sources: &Sources) -> Result<Vec<InForce>, Vec<Problem>> {
    let all = merge(sources)?;
    if !all.wrong_keys.is_empty() {
        return Err(all.wrong_keys);
    }
    Ok(all
        .values
        .into_iter()
        .map(|(key, setting)| {
            let written = written(&setting.value);
            let value = match key.ends_with("secret") && !written.is_empty() {
                true => "…".to_owned(),
                false => without_password(&written),
            };
            InForce { key, value, from: setting.origin }
        })
        .collect())
}

fn written(value: &Value) -> String {
    match &value.kind {
        ValueKind::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        ValueKind::Table(fields) => {
            let mut parts: Vec<String> =
                fields.iter().map(|(key, value)| format!("{key} = {}", written(value))).collect();
            parts.sort();
            format!("{{ {} }}", parts.join(", "))
        }
        _ => value.to_string(),
    }
}

/// `postgres://user:secret@host/x` → `postgres://user:…@host/x`, for every URL in the text.
fn without_password(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        shown.push_str(head);
        let (url, after) = tail.split_at(tail.find([' ', ',', '}']).unwrap_or(tail.len()));
        // A password may itself hold an @ or a slash, so everything before the last @ counts as user and password.
        match url.rsplit_once('@') {
            Some((user, host)) => {
                let name = user.split(':').next().unwrap_or_default();
                let secret = if user.contains(':') { ":…" } else { "" };
                shown.push_str(&format!("{name}{secret}@{host}"));
            }
            None => shown.push_str(url),
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (written, shown) in [
            ("postgres://kk:hunter2@db:5432/book", "postgres://kk:…@db:5432/book"),
            ("postgres://kk:hun/ter@2@db/book", "postgres://kk:…@db/book"),
            ("postgres://db/book", "postgres://db/book"),
            ("sqlite://data/kinkeeper.db", "sqlite://data/kinkeeper.db"),
            ("{ url = smtps://u:p@h, rate = 20 }", "{ url = smtps://u:…@h, rate = 20 }"),
        ] {
            assert_eq!(without_password(written), shown);
        }
    }

    #[test]
    fn each_setting_says_where_it_comes_from() {
        let sources = Sources {
            file: None,
            environment: vec![("KINKEEPER__SHOP__NAME".to_owned(), "Tea".to_owned())],
            overrides: vec!["http.listen=127.0.0.1:9000".to_owned(), "hooks.shopify.secret=hush".to_owned()],
        };
        let all = in_force(&sources).expect("valid");
        let of = |key: &str| all.iter().find(|s| s.key == key).expect("known").clone();
        assert_eq!(of("shop.name").from.as_deref(), Some("KINKEEPER__SHOP__NAME"));
        assert_eq!(of("http.listen").value, "127.0.0.1:9000");
        assert_eq!(of("shop.currency").from, None);
        assert_eq!(
            (of("hooks.shopify.secret").value.as_str(), of("hooks.generic.secret").value.as_str()),
            ("…", "")
        );
    }
}
