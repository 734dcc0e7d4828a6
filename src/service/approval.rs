//! What keeps a campaign from being approved. Each obstacle names its place in the document and the remedy.

use super::{Book, ServiceError, rules};
use crate::store::{coupon_batches, shops, templates};
use domain::campaign::definition::{Audience, Definition, Trigger};
use domain::problem::{Problem, nearest};
use domain::rule::Rule;
use domain::template::Locale;
use domain::template::lint::{Given, Usage, lint};
use std::collections::BTreeSet;

/// What keeps a definition from being approved: templates in every language needed, each clean; coupon
/// batches that may cost something.
pub async fn obstacles(book: &Book, definition: &Definition) -> Result<Vec<Problem>, ServiceError> {
    let db = book.store.reader();
    let locales = needed_locales(book).await?;
    let mut problems = unknown_tags(book, definition).await?;
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

/// A campaign that listens to a tag nobody has would wait for ever.
async fn unknown_tags(book: &Book, definition: &Definition) -> Result<Vec<Problem>, ServiceError> {
    let catalogue = rules::catalogue(book).await?;
    let mut named = Vec::new();
    if let Trigger::Tag(tag) = &definition.trigger {
        named.push(("trigger.tag.key", tag.key.clone()));
    }
    if let Audience::Rule(tree) = &definition.audience {
        match domain::rule::parse(tree) {
            Ok(rule) => named.extend(rule.leaves().into_iter().filter_map(|leaf| match leaf {
                Rule::Tag { key, .. } => Some(("audience", key.clone())),
                _ => None,
            })),
            Err(found) => return Ok(found.into_iter().map(|problem| problem.under("audience")).collect()),
        }
    }
    Ok(named
        .into_iter()
        .filter(|(_, key)| catalogue.find(key).is_none())
        .map(|(at, key)| {
            let known = catalogue.tags().iter().map(|tag| tag.key.as_str());
            let hint = match nearest(&key, known) {
                Some(near) => format!("did you mean {near}?"),
                None => "declare it and run `kinkeeper apply -f FILE`".to_owned(),
            };
            Problem::new(at, "unknown_tag", format!("there is no tag {key}; {hint}"))
        })
        .collect())
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
