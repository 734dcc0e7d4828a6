//! What a shop says of its products, and what is known of how fast they are used up. Nothing of any customer is in here.

use crate::document::{Fields, Reader, place};
use crate::problem::Problem;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is known of one product.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Product {
    /// How long one piece lasts, in thousandths of a day of 86,400 s, as the shop says.
    pub days_milli: Option<i64>,
    /// The same, as buyers do: the median between two of their orders, where enough of them ordered twice.
    pub usual_days_milli: Option<i64>,
    /// Of a kind (health, intimate, infant) that never makes a tag or a text.
    pub sensitive: bool,
}

/// Every product that anything is known of, by shop and SKU.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Products {
    of: BTreeMap<String, BTreeMap<String, Product>>,
    sensitive: bool,
}

impl Products {
    pub fn insert(&mut self, shop: &str, sku: &str, product: Product) {
        self.sensitive |= product.sensitive;
        self.of.entry(shop.to_owned()).or_default().insert(sku.to_owned(), product);
    }

    /// What is known of a product in an order `<shop>:<order id>`.
    pub fn in_order(&self, order: &str, sku: &str) -> Option<&Product> {
        let shop = order.split_once(':').map_or("", |(shop, _)| shop);
        self.of.get(shop)?.get(sku)
    }

    /// Whether this product of an order `<shop>:<order id>` never makes a tag or a text.
    pub fn is_sensitive(&self, order: &str, sku: &str) -> bool {
        self.in_order(order, sku).is_some_and(|product| product.sensitive)
    }

    /// The same of what may be about no order: without one, whose shop isn't known, any shop's word counts.
    pub fn is_hidden(&self, order: Option<&str>, sku: &str) -> bool {
        let anywhere = || self.of.values().filter_map(|of| of.get(sku)).any(|product| product.sensitive);
        order.map_or_else(anywhere, |order| self.is_sensitive(order, sku))
    }

    /// Whether any product never makes a tag or a text.
    pub fn any_sensitive(&self) -> bool {
        self.sensitive
    }
}

/// Thousandths as a plain decimal.
pub fn decimal(milli: i64) -> String {
    let text = format!("{}.{:03}", milli / 1_000, milli % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What a document says of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub name: Option<String>,
    /// In thousandths of a day.
    pub days_milli: Option<i64>,
    pub sensitive: bool,
}

/// A `kind: products` document: what it says of these, and nothing of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The shop's key; the book's own shop where none is named.
    pub shop: Option<String>,
    pub products: BTreeMap<String, Said>,
}

const KEYS: &[&str] = &["shop", "products"];
const PRODUCT_KEYS: &[&str] = &["sku", "name", "consumption_days", "sensitive"];
/// Ten years.
const LONGEST_MILLI: i64 = 3_650_000;

/// Reads `products`, a list of objects with `sku` and any of `name`, `consumption_days` (of one piece) and `sensitive`, and the
/// `shop` they are of.
pub fn parse(value: &Value) -> (Option<Declared>, Vec<Problem>) {
    let mut r = Reader::new();
    let found = read(&mut r, value);
    r.finish(found)
}

fn read(r: &mut Reader, value: &Value) -> Option<Declared> {
    let doc = r.map("", value, KEYS)?;
    let shop = doc.get("shop").map(|v| r.key("shop", v));
    let given = doc.need(r, "products").and_then(|v| r.list("products", v))?;
    if given.is_empty() {
        r.report("products", "empty", "names no product; write a list of objects with `sku`");
    }
    let mut products = BTreeMap::new();
    for (i, item) in given.iter().enumerate() {
        let at = format!("products[{i}]");
        let Some(fields) = r.map(&at, item, PRODUCT_KEYS) else { continue };
        let Some((sku, said)) = product(r, &fields, &at) else { continue };
        if products.insert(sku.clone(), said).is_some() {
            r.report(
                place(&at, "sku"),
                "sku_twice",
                format!("\"{sku}\" stands in the list already; keep one"),
            );
        }
    }
    let shop = match shop {
        None => None,
        Some(shop) => Some(shop?),
    };
    Some(Declared { shop, products })
}

fn product(r: &mut Reader, fields: &Fields<'_>, at: &str) -> Option<(String, Said)> {
    let sku = match fields.need(r, "sku") {
        // A number without quotes is one to YAML.
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(value) => r.text(&place(at, "sku"), value),
        None => None,
    };
    let name = fields.get("name").and_then(|v| r.text(&place(at, "name"), v));
    let days = fields.get("consumption_days").and_then(|v| {
        let at = place(at, "consumption_days");
        let days = r.decimal(&at, v, 3)?;
        if !(1..=LONGEST_MILLI).contains(&days) {
            r.report(
                at,
                "out_of_range",
                format!("one piece lasts above 0 and up to {} days", LONGEST_MILLI / 1_000),
            );
            return None;
        }
        Some(days)
    });
    let sensitive = match fields.get("sensitive") {
        None => false,
        Some(Value::Bool(is)) => *is,
        Some(_) => {
            r.report(place(at, "sensitive"), "not_a_truth_value", "write true or false");
            false
        }
    };
    Some((sku?, Said { name, days_milli: days, sensitive }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_says_of_each_product_what_it_knows() {
        let (found, problems) = parse(&json!({"shop": "tea", "products": [
            {"sku": "A-1", "name": "Green tea", "consumption_days": "12.5"},
            {"sku": 42, "sensitive": true},
            {"sku": "B", "consumption_days": 12.5},
        ]}));
        assert_eq!(problems, vec![]);
        let found = found.expect("sound");
        assert_eq!(found.shop.as_deref(), Some("tea"));
        assert_eq!(found.products["A-1"].days_milli, Some(12_500));
        assert_eq!(
            found.products["B"].days_milli,
            Some(12_500),
            "a number without quotes, as the handbook writes it"
        );
        assert_eq!(found.products["42"], Said { name: None, days_milli: None, sensitive: true });
    }

    #[test]
    fn each_mistake_is_told_at_its_place() {
        let (_, problems) = parse(&json!({"products": [
            {"sku": "A", "consumption_days": 0}, {"consumption_days": 4}, {"sku": "A", "days": 3},
            {"sku": "B", "sensitive": "yes", "consumption_days": "soon"},
        ]}));
        let places: Vec<&str> = problems.iter().map(|problem| problem.at.as_str()).collect();
        assert_eq!(
            places,
            [
                "products[0].consumption_days",
                "products[1].sku",
                "products[2].days",
                "products[2].sku",
                "products[3].consumption_days",
                "products[3].sensitive"
            ]
        );
        assert!(parse(&json!({"products": []})).0.is_none());
    }

    #[test]
    fn a_product_is_of_its_orders_shop() {
        let mut products = Products::default();
        products.insert("tea", "A", Product { sensitive: true, ..Product::default() });
        assert!(products.is_sensitive("tea:1", "A") && products.any_sensitive());
        assert!(!products.is_sensitive("silk:1", "A") && !products.is_sensitive("tea:1", "B"));
        assert!(products.is_hidden(Some("tea:1"), "A") && !products.is_hidden(Some("silk:1"), "A"));
        assert!(products.is_hidden(None, "A") && !products.is_hidden(None, "B"));
    }
}
