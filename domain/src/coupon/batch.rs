//! The declared coupon batch (券批次): what each of its coupons is worth, when it may be used, and how much
//! all of them together may cost.

use crate::document::Reader;
use crate::money::Currency;
use crate::problem::Problem;
use serde_json::Value;

/// A batch of personal codes, one amount off from a threshold. Amounts in minor units of the base currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub key: String,
    pub name: String,
    pub face_minor: i64,
    /// 0 is no threshold (无门槛).
    pub threshold_minor: i64,
    /// Calendar days after the day of issue.
    pub valid_days: u32,
    /// Greatest face value outstanding at once; unset blocks issuing.
    pub budget_minor: Option<i64>,
    /// Greatest number of codes ever made.
    pub maximum: Option<i64>,
    /// Key of the shop that honours it, where the book has several.
    pub shop: Option<String>,
}

const KEYS: &[&str] = &[
    "kind",
    "key",
    "name",
    "shop",
    "type",
    "face",
    "threshold",
    "valid_days",
    "per_customer",
    "budget",
    "maximum",
    "honoured_by",
];

/// Reads a batch document; `base` says how many places amounts have.
pub fn parse(document: &Value, base: Currency) -> (Option<Batch>, Vec<Problem>) {
    let mut r = Reader::new();
    let found = read(&mut r, document, base.exponent());
    r.finish(found)
}

fn read(r: &mut Reader, document: &Value, places: u32) -> Option<Batch> {
    let doc = r.map("", document, KEYS)?;
    r.kind(&doc, "coupon_batch");
    let key = doc.need(r, "key").and_then(|v| r.key("key", v));
    let name = doc.need(r, "name").and_then(|v| r.text("name", v));
    only(r, doc.get("type"), "type", "amount", &["percent", "gift"]);
    only(
        r,
        doc.get("honoured_by"),
        "honoured_by",
        "manual",
        &["shop_pool", "shop_api", "checkout_api", "shared_link"],
    );
    let face = doc.need(r, "face").and_then(|v| r.amount("face", v, places));
    if face == Some(0) {
        r.report("face", "not_in_range", "a coupon is worth more than 0");
    }
    let threshold = match doc.get("threshold") {
        None => Some(0),
        Some(v) => r.amount("threshold", v, places),
    };
    if let (Some(face), Some(threshold)) = (face, threshold)
        && threshold != 0
        && threshold < face
    {
        r.report("threshold", "not_in_range", "the threshold must be 0 or at least the face value");
    }
    let valid_days = doc.need(r, "valid_days").and_then(|v| r.whole("valid_days", v, 1, 3_650));
    if let Some(limit) = doc.get("per_customer") {
        r.whole("per_customer", limit, 1, 1);
    }
    let budget = match doc.need(r, "budget") {
        Some(Value::String(word)) if word == "unset" => Some(None),
        Some(v) => r.amount("budget", v, places).map(Some),
        None => None,
    };
    let maximum = match doc.get("maximum") {
        None => Some(None),
        Some(v) => r.whole("maximum", v, 1, i64::MAX).map(Some),
    };
    let shop = match doc.get("shop") {
        None => Some(None),
        Some(v) => r.key("shop", v).map(Some),
    };
    Some(Batch {
        key: key?,
        name: name?,
        face_minor: face?,
        threshold_minor: threshold?,
        valid_days: u32::try_from(valid_days?).ok()?,
        budget_minor: budget?,
        maximum: maximum?,
        shop: shop?,
    })
}

/// A choice of which one is built; the others are refused as not yet supported.
fn only(r: &mut Reader, value: Option<&Value>, at: &str, built: &str, later: &[&str]) {
    let Some(value) = value else { return };
    if value.as_str().is_some_and(|word| later.contains(&word)) {
        r.report(at, "not_yet_supported", format!("{value} is not yet supported; use {built}"));
    } else {
        r.choice(at, value, &[(built, ())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn gbp() -> Currency {
        Currency::parse("GBP").expect("code")
    }

    #[test]
    fn the_demos_batch_reads() {
        let doc: Value =
            serde_saphyr::from_str(include_str!("../../../demo/retail/coupons.yaml")).expect("YAML");
        let (found, problems) = parse(&doc, gbp());
        assert_eq!(problems, []);
        let batch = found.expect("reads");
        assert_eq!((batch.face_minor, batch.budget_minor, batch.valid_days), (5_000, Some(400_000), 30));
    }

    #[test]
    fn a_batch_reads() {
        let doc = json!({"key": "winback-50", "name": "50 off from 199", "face": "50.00", "threshold": "199.00",
            "valid_days": 30, "budget": "4000.00"});
        let (found, problems) = parse(&doc, gbp());
        assert_eq!(problems, []);
        let batch = found.expect("reads");
        assert_eq!(
            (batch.face_minor, batch.threshold_minor, batch.budget_minor),
            (5_000, 19_900, Some(400_000))
        );
    }

    #[test]
    fn a_batch_must_say_what_it_may_cost() {
        let doc = json!({"key": "x", "name": "x", "face": "50", "threshold": "10", "valid_days": 0,
            "kind": "campaign", "type": "percent", "per_customer": 2});
        let (found, problems) = parse(&doc, gbp());
        assert!(found.is_none());
        let places: Vec<&str> = problems.iter().map(|p| p.at.as_str()).collect();
        assert_eq!(places, ["kind", "type", "threshold", "valid_days", "per_customer", "budget"]);
        let unset = json!({"key": "x", "name": "x", "face": 50, "valid_days": 30, "budget": "unset"});
        assert_eq!(parse(&unset, gbp()).0.expect("reads").budget_minor, None);
    }
}
