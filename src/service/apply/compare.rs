//! What a declaration would change in the book: new, changed or unchanged, field by field. Writes nothing.

use super::declared::Declared;
use super::{blocked, products};
use crate::service::ServiceError;
use crate::store::{Db, calendars, campaigns, coupon_batches, rates, rules, shifts, shops, staff, templates};
use domain::problem::Problem;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// How a document stands to what the book has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    New,
    Changed,
    Unchanged,
}

/// What applying one document would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Change {
    #[schema(example = "tag")]
    pub kind: &'static str,
    #[schema(example = "vip_candidate")]
    pub key: String,
    pub difference: Difference,
    /// What differs, a line a field: `steps[1].wait.for: "7d" → "5d"`.
    pub details: Vec<String>,
    /// What it means for what runs, where that isn't plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where it was read, as the caller called it.
    pub file: String,
    /// 1 for the first document of the file.
    pub document: usize,
}

/// SHA-256 of a document, keys in order, lower-case hex.
pub fn document_hash(document: &Value) -> String {
    // serde_json's maps are sorted, so equal documents print alike.
    Sha256::digest(document.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Most differing fields that are listed.
pub(super) const MOST_DETAILS: usize = 20;

struct Found {
    before: Option<Value>,
    after: Value,
    note: Option<String>,
}

/// Compares a declaration with the book.
pub async fn compare(
    db: &Db,
    declared: &Declared,
    file: &str,
    document: usize,
) -> Result<Change, ServiceError> {
    let (difference, details, note) = match declared {
        Declared::Shifts(roster) => {
            let (difference, details) = compare_shifts(db, roster).await?;
            (difference, details, None)
        }
        Declared::Rates(declared) => {
            let (difference, details) = compare_rates(db, declared).await?;
            let note = "what was taken in already keeps the rate it was taken in at".to_owned();
            (difference, details, (difference == Difference::Changed).then_some(note))
        }
        Declared::Products { shop, products } => {
            let (difference, details) = products::compare(db, shop, products).await?;
            let note = "everybody is looked at again".to_owned();
            (difference, details, (difference != Difference::Unchanged).then_some(note))
        }
        Declared::Blocked(list) => {
            let (difference, details) = blocked::compare(db, list).await?;
            let note =
                "who is known by a value stays who they are; `kinkeeper customer unmerge` parts people"
                    .to_owned();
            let parts = details.iter().any(|line| line.contains(blocked::KNOWN_BY));
            (difference, details, parts.then_some(note))
        }
        other => {
            let found = find(db, other).await?;
            let details = found.before.as_ref().map(|before| fields_changed(before, &found.after));
            let difference = match &details {
                None => Difference::New,
                Some(details) if details.is_empty() => Difference::Unchanged,
                Some(_) => Difference::Changed,
            };
            let note = found.note.filter(|_| difference == Difference::Changed);
            (difference, details.unwrap_or_default(), note)
        }
    };
    Ok(Change {
        kind: declared.kind(),
        key: declared.key(),
        difference,
        details,
        note,
        file: file.to_owned(),
        document,
    })
}

async fn find(db: &Db, declared: &Declared) -> Result<Found, ServiceError> {
    let (before, after, note) = match declared {
        Declared::Shop(shop) => {
            (shops::find(db, &shop.key).await?.map(|row| shop_value(&row.shop)), shop_value(shop), None)
        }
        Declared::Calendar { key, document } => {
            (calendars::find(db, key).await?.map(|row| row.document), document.clone(), None)
        }
        Declared::Staff(member) => {
            let before = staff::find(db, &member.key).await?;
            (before.map(|row| json!(row.staff)), json!(member), None)
        }
        Declared::CouponBatch { batch, document, .. } => {
            let before = coupon_batches::find(db, &batch.key).await?;
            (before.map(|row| row.batch.document), document.clone(), None)
        }
        Declared::Template { template, document } => {
            let before = templates::find(db, &template.key, template.locale.as_str()).await?;
            (before.map(|row| row.document), document.clone(), None)
        }
        Declared::Tag { document, .. } | Declared::Segment { document, .. } => {
            let node = declared.node().map(|(node, _)| node);
            let before = rules::newest(db).await?.into_iter().find(|rule| node.as_ref() == Some(&rule.key));
            let note = "everybody is looked at again under the new definition".to_owned();
            (before.map(|rule| rule.document), document.clone(), Some(note))
        }
        Declared::Campaign { definition, document } => {
            let (before, note) = find_campaign(db, &definition.key).await?;
            (before, document.clone(), note)
        }
        Declared::Shifts(_) | Declared::Rates(_) | Declared::Blocked(_) | Declared::Products { .. } => {
            (None, Value::Null, None)
        }
    };
    Ok(Found { before, after, note })
}

async fn find_campaign(db: &Db, key: &str) -> Result<(Option<Value>, Option<String>), ServiceError> {
    use domain::campaign::state::CampaignState as S;
    let Some(row) = campaigns::find(db, key).await? else { return Ok((None, None)) };
    let latest = campaigns::latest_version(db, row.id).await?;
    let note = match row.state {
        S::Running | S::Paused => format!(
            "{} goes on under its approved version until `kinkeeper campaign approve {key}`",
            row.state
        ),
        _ => format!("in review until `kinkeeper campaign approve {key}`"),
    };
    Ok((latest.map(|version| version.document), Some(note)))
}

fn shop_value(shop: &shops::Shop) -> Value {
    json!({
        "key": shop.key,
        "name": shop.name,
        "zone": shop.zone.name(),
        "currency": shop.currency,
        "locale": shop.locale,
        "id_namespace": shop.id_namespace,
        "sender_name": shop.sender_name,
        "sender_address": shop.sender_address,
        "single_zone": shop.single_zone,
    })
}

async fn compare_shifts(
    db: &Db,
    roster: &domain::calendar::roster::Roster,
) -> Result<(Difference, Vec<String>), ServiceError> {
    let declared: BTreeSet<_> = roster.spans().into_iter().collect();
    let (from, until) = roster.covers();
    let (mut known, mut details) = (0, Vec::new());
    for key in &roster.staff {
        let stored: BTreeSet<_> = match staff::find(db, key).await? {
            None => BTreeSet::new(),
            Some(row) => shifts::list_of(db, row.id, from, until)
                .await?
                .into_iter()
                .map(|shift| (shift.starts_at, shift.ends_at))
                .collect(),
        };
        known += stored.len();
        let (more, fewer) = (declared.difference(&stored).count(), stored.difference(&declared).count());
        if more + fewer > 0 {
            details.push(format!("{key}: {more} shifts added, {fewer} removed"));
        }
    }
    let difference = match (known, details.is_empty()) {
        (_, true) => Difference::Unchanged,
        (0, false) => Difference::New,
        _ => Difference::Changed,
    };
    Ok((difference, details))
}

async fn compare_rates(
    db: &Db,
    declared: &domain::rates::Declared,
) -> Result<(Difference, Vec<String>), ServiceError> {
    let (first, last) = declared.span();
    let known = rates::list_of(db, declared.currency, first, last).await?;
    let (mut added, mut details) = (0, Vec::new());
    for (day, rate) in &declared.rates {
        match known.get(day) {
            None => added += 1,
            Some(before) if before == rate => {}
            Some(before) => details.push(format!("{day}: {before} → {rate}")),
        }
    }
    let changed = details.len();
    if changed > MOST_DETAILS {
        details.truncate(MOST_DETAILS);
        details.push(format!("and {} more", changed - MOST_DETAILS));
    }
    if added > 0 {
        details.push(format!("{added} days added"));
    }
    let difference = match (changed, added) {
        (0, 0) => Difference::Unchanged,
        (0, n) if n == declared.rates.len() => Difference::New,
        _ => Difference::Changed,
    };
    Ok((difference, if difference == Difference::New { Vec::new() } else { details }))
}

/// The leaves that differ, in order of their places.
fn fields_changed(before: &Value, after: &Value) -> Vec<String> {
    let (before, after) = (leaves(before), leaves(after));
    let places: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut lines: Vec<String> = places
        .into_iter()
        .filter(|place| before.get(*place) != after.get(*place))
        .map(|place| match (before.get(place), after.get(place)) {
            (Some(old), Some(new)) => format!("{place}: {} → {}", short(old), short(new)),
            (None, Some(new)) => format!("{place}: added, {}", short(new)),
            (Some(old), None) => format!("{place}: removed, was {}", short(old)),
            (None, None) => place.clone(),
        })
        .collect();
    if lines.len() > MOST_DETAILS {
        let more = lines.len() - MOST_DETAILS;
        lines.truncate(MOST_DETAILS);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn leaves(value: &Value) -> BTreeMap<String, Value> {
    fn walk(value: &Value, at: String, into: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    walk(value, domain::document::place(&at, key), into);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (i, item) in items.iter().enumerate() {
                    walk(item, format!("{at}[{i}]"), into);
                }
            }
            leaf => {
                into.insert(at, leaf.clone());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(value, String::new(), &mut found);
    found
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 {
        text
    } else {
        format!("{}…\"", text.chars().take(59).collect::<String>())
    }
}

/// What the book as it is doesn't allow a declaration to change.
pub async fn refusals(
    db: &Db,
    declared: &Declared,
    known_staff: &BTreeSet<String>,
) -> Result<Vec<Problem>, ServiceError> {
    let mut problems = Vec::new();
    match declared {
        Declared::Shifts(roster) => {
            for (i, key) in roster.staff.iter().enumerate() {
                if !known_staff.contains(key) && staff::find(db, key).await?.is_none() {
                    let at = if roster.staff.len() == 1 { "staff".to_owned() } else { format!("staff[{i}]") };
                    let detail = format!("nobody has the key {key}; declare them with `kind: staff`");
                    problems.push(Problem::new(at, "unknown_staff", detail));
                }
            }
        }
        Declared::Shop(shop) => {
            if let Some(row) = shops::find(db, &shop.key).await?
                && shops::has_facts(db).await?
            {
                let stands = |at: &str, was: &str| {
                    let detail = format!("it is {was} and stays so, since facts are counted in it already");
                    Problem::new(at, "fixed", detail)
                };
                if row.shop.currency != shop.currency {
                    problems.push(stands("currency", row.shop.currency.as_str()));
                }
                if row.shop.zone != shop.zone {
                    problems.push(stands("zone", row.shop.zone.name()));
                }
                if row.shop.id_namespace != shop.id_namespace {
                    problems.push(stands("id_namespace", &row.shop.id_namespace));
                }
            }
        }
        Declared::CouponBatch { batch, .. } => {
            if let Some(row) = coupon_batches::find(db, &batch.key).await?
                && row.created_count > 0
                && (row.batch.face_minor, row.batch.threshold_minor)
                    != (batch.face_minor, batch.threshold_minor)
            {
                let detail = "coupons of this batch are out already; declare another batch for another offer";
                problems.push(Problem::new("face", "fixed", detail));
            }
        }
        _ => {}
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_listed_by_field() {
        let before = json!({"a": 1, "steps": [{"wait": "7d"}], "gone": true});
        let after = json!({"a": 1, "steps": [{"wait": "5d"}, {"send": "x"}]});
        assert_eq!(
            fields_changed(&before, &after),
            ["gone: removed, was true", "steps[0].wait: \"7d\" → \"5d\"", "steps[1].send: added, \"x\""]
        );
        assert!(fields_changed(&after, &after.clone()).is_empty());
    }

    #[test]
    fn the_order_of_keys_is_no_difference() {
        let a: Value = serde_json::from_str(r#"{"x": 1, "y": 2}"#).expect("JSON");
        let b: Value = serde_json::from_str(r#"{"y": 2, "x": 1}"#).expect("JSON");
        assert_eq!(document_hash(&a), document_hash(&b));
        assert_ne!(document_hash(&a), document_hash(&json!({"x": 1, "y": 3})));
    }
}
