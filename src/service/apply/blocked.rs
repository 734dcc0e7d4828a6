//! What a list of values that never identify would change, and whom it concerns. Writes nothing.

use super::compare::{Difference, MOST_DETAILS};
use crate::service::ServiceError;
use crate::store::{Db, blocked};
use domain::customer::identity::Kind;
use domain::customer::identity::blocked::Declared;
use domain::ids::CustomerId;
use std::collections::BTreeSet;

/// What a line says of a value by which somebody is known already.
pub const KNOWN_BY: &str = "known by it";
/// Most customers named in a line.
const NAMED: usize = 5;

/// A list against the one that stands. Nobody is parted by it: who is known by a value is told.
pub async fn compare(db: &Db, declared: &Declared) -> Result<(Difference, Vec<String>), ServiceError> {
    let stored = blocked::list_of(db, &declared.key).await?;
    let before = stored.as_ref().map(|list| list.values.clone()).unwrap_or_default();
    let added: BTreeSet<_> = declared.values.difference(&before).cloned().collect();
    let known = blocked::known_by(db, &added).await?;
    let (concerning, others): (Vec<_>, Vec<_>) = added.iter().partition(|value| known.contains_key(*value));
    let mut details: Vec<String> = concerning
        .into_iter()
        .map(|value| format!("{}: never identifies; {}", shown(value), told(&known[value])))
        .collect();
    let difference = match &stored {
        None => Difference::New,
        Some(list) if list == declared => Difference::Unchanged,
        Some(list) => {
            details.extend(others.into_iter().map(|value| format!("{}: never identifies", shown(value))));
            let freed = before.difference(&declared.values);
            details.extend(freed.map(|value| format!("{}: identifies again", shown(value))));
            if list.reason != declared.reason {
                details.push(format!("reason: \"{}\" → \"{}\"", list.reason, declared.reason));
            }
            Difference::Changed
        }
    };
    if details.len() > MOST_DETAILS {
        let more = details.len() - MOST_DETAILS;
        details.truncate(MOST_DETAILS);
        details.push(format!("and {more} more"));
    }
    Ok((difference, details))
}

fn shown((kind, value): &(Kind, String)) -> String {
    format!("{kind} {value}")
}

fn told(customers: &BTreeSet<CustomerId>) -> String {
    let named: Vec<String> = customers.iter().take(NAMED).map(ToString::to_string).collect();
    let more = customers.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let (n, noun) = (customers.len(), if customers.len() == 1 { "customer is" } else { "customers are" });
    format!("{n} {noun} {KNOWN_BY}: {}{rest}", named.join(", "))
}
