//! What a list of products would change. Writes nothing.

use super::compare::{Difference, MOST_DETAILS};
use crate::service::ServiceError;
use crate::store::{Db, products, shops};
use domain::product::Said;
use std::collections::BTreeMap;

/// A list against what the shop said of the same products. What it doesn't name stays.
pub async fn compare(
    db: &Db,
    shop: &str,
    declared: &BTreeMap<String, Said>,
) -> Result<(Difference, Vec<String>), ServiceError> {
    let known = match shops::find(db, shop).await? {
        Some(_) => products::said_of(db, shop, declared.keys()).await?,
        None => BTreeMap::new(),
    };
    let mut details = Vec::new();
    for (sku, said) in declared {
        match known.get(sku) {
            None => details.push(format!("{sku}: {}", shown(said))),
            Some(before) if before == said => {}
            Some(before) => details.push(format!("{sku}: {} → {}", shown(before), shown(said))),
        }
    }
    let difference = match (known.is_empty(), details.is_empty()) {
        (_, true) => Difference::Unchanged,
        (true, false) => Difference::New,
        (false, false) => Difference::Changed,
    };
    if details.len() > MOST_DETAILS {
        let more = details.len() - MOST_DETAILS;
        details.truncate(MOST_DETAILS);
        details.push(format!("and {more} more"));
    }
    Ok((difference, if difference == Difference::New { Vec::new() } else { details }))
}

fn shown(said: &Said) -> String {
    let lasts = match said.days_milli {
        Some(milli) => format!("{} days a piece", domain::product::decimal(milli)),
        None => "days unknown".to_owned(),
    };
    let name = said.name.as_ref().map_or_else(String::new, |name| format!("\"{name}\", "));
    format!("{name}{lasts}{}", if said.sensitive { ", sensitive" } else { "" })
}
