//! What keeps a campaign from being approved. Each obstacle names its place in the document and the remedy.

use super::{Book, ServiceError, rules};
use crate::store::{coupon_batches, shops, templates};
use domain::campaign::definition::{Audience, Definition, Trigger};
use domain::problem::Problem;
use domain::rule::{Rule, TagTest};
use domain::segment::{Keep, key_of};
use domain::tag::TagDefinition;
use domain::template::Locale;
use domain::template::lint::{Given, Usage, lint};
use std::collections::BTreeSet;

/// What keeps a definition from being approved: templates in every language needed, each clean; coupon
/// batches that may cost something.
pub async fn obstacles(book: &Book, definition: &Definition) -> Result<Vec<Problem>, ServiceError> {
    let db = book.store.reader();
    let locales = needed_locales(book).await?;
    let mut problems = unknown(book, definition).await?;
    for (index, send) in definition.sends() {
        let at = format!("steps[{index}].send");
        let usage = Usage {
            purpose: definition.purpose,
            coupon: if send.coupon.is_some() { Given::Always } else { Given::Never },
            occasion: if matches!(definition.trigger, Trigger::Occasion(_)) {
                Given::Always
            } else {
                Given::Never
            },
        };
        for locale in &locales {
            problems.extend(template_problems(book, &send.template, *locale, usage, &at).await?);
        }
        if let Some(key) = &send.coupon {
            let batch = coupon_batches::find(db, key).await?;
            let detail = match batch {
                None => format!("the coupon batch {key} isn't declared; declare it with a budget"),
                Some(row) if row.batch.budget_minor <= 0 => {
                    format!("the coupon batch {key} has no budget; set `budget` in its document")
                }
                Some(_) => continue,
            };
            problems.push(Problem::new(
                format!("{at}.coupon"),
                "no_budget",
                format!("{detail} and run `kinkeeper apply -f FILE`"),
            ));
        }
    }
    Ok(problems)
}

/// A campaign that listens to a tag or segment nobody has would wait for ever.
async fn unknown(book: &Book, definition: &Definition) -> Result<Vec<Problem>, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    let mut problems = Vec::new();
    if let Trigger::Tag(tag) = &definition.trigger {
        let (place, rule) = match key_of(&tag.key) {
            Some(key) => ("trigger.segment.key", Rule::Segment { key: key.to_owned(), since: None }),
            None => {
                let (key, test) = (tag.key.clone(), TagTest::Present);
                ("trigger.tag.key", Rule::Tag { key, test, since: None })
            }
        };
        problems.extend(catalogue.problems_of(&rule).into_iter().map(|problem| problem.under(place)));
        let waited_for =
            key_of(&tag.key).and_then(|key| catalogue.segment(key)).and_then(TagDefinition::keep);
        if waited_for == Some(Keep::OnDemand) {
            let detail = "a segment on demand has no history that could start anything; keep it live";
            problems.push(Problem::new(place, "on_demand", detail));
        }
    }
    if let Audience::Rule(tree) = &definition.audience {
        match domain::rule::parse(tree) {
            Ok(rule) => {
                let found = catalogue.problems_of(&rule);
                problems.extend(found.into_iter().map(|problem| problem.under("audience")));
            }
            Err(found) => return Ok(found.into_iter().map(|problem| problem.under("audience")).collect()),
        }
    }
    Ok(problems)
}

/// The shop's language, and those of its customers that templates are written in.
async fn needed_locales(book: &Book) -> Result<BTreeSet<Locale>, ServiceError> {
    let db = book.store.reader();
    let shop = shops::find(db, &book.shop_key).await?;
    let mut named = shops::customers_locales(db).await?;
    named.extend(shop.map(|row| row.shop.locale));
    Ok(named.iter().filter_map(|name| Locale::parse(name)).collect())
}

async fn template_problems(
    book: &Book,
    key: &str,
    locale: Locale,
    usage: Usage,
    at: &str,
) -> Result<Vec<Problem>, ServiceError> {
    let place = format!("{at}.template {key}.{locale}");
    let Some(row) = templates::find(book.store.reader(), key, locale.as_str()).await? else {
        let detail =
            format!("there is no template {key} in {locale}; write one and run `kinkeeper apply -f FILE`");
        return Ok(vec![Problem::new(place, "no_template", detail)]);
    };
    let (mail, problems) = domain::template::parse::parse(&row.document);
    let found = match mail {
        Some(mail) => lint(&mail, usage),
        None => problems,
    };
    Ok(found
        .into_iter()
        .map(|problem| Problem { at: format!("{place}, {}", problem.at), ..problem })
        .collect())
}
