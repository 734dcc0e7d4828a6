//! Writing declarations, in the one transaction of an `apply`.

use super::compare::{Difference, document_hash};
use super::declared::Declared;
use crate::service::ServiceError;
use crate::store::coupon_batches::CouponBatch;
use crate::store::shifts::ShiftRow;
use crate::store::{
    Tx, blocked, calendars, campaigns, coupon_batches, products, rates, rules, shifts, shops, staff,
    templates,
};
use domain::calendar::roster::Roster;
use domain::campaign::definition::{Definition, Trigger};
use domain::campaign::state::CampaignState;
use domain::time::Instant;
use serde_json::Value;

/// Who writes, and when by the business clock.
pub struct By<'a> {
    pub actor: &'a str,
    pub at: Instant,
    /// The shop that coupon batches belong to.
    pub shop_key: &'a str,
    /// What was raised for the rules and products among it, once for all of them: between two documents there is no instant.
    pub epoch: i64,
}

/// Writes what differs from the book.
pub async fn write(
    tx: &Tx,
    declared: &Declared,
    difference: Difference,
    by: &By<'_>,
) -> Result<(), ServiceError> {
    if difference == Difference::Unchanged {
        return Ok(());
    }
    match declared {
        Declared::Shop(shop) => drop(shops::put(tx, shop).await?),
        Declared::Rates(declared) => rates::put(tx, declared).await?,
        Declared::Blocked(list) => blocked::put(tx, list, by.actor, by.at).await?,
        Declared::Products { shop: key, products } => {
            let shop = shops::find(tx, key).await?;
            let shop = shop.ok_or_else(|| ServiceError::NotFound(format!("shop {key}")))?;
            products::put(tx, shop.id, products, (by.epoch, by.at)).await?;
        }
        Declared::Calendar { key, document } => {
            let row = calendars::CalendarRow {
                key: key.clone(),
                document_hash: document_hash(document),
                document: document.clone(),
                changed_at: by.at,
            };
            calendars::put(tx, row).await?;
        }
        Declared::Staff(member) => drop(staff::put(tx, member).await?),
        Declared::Shifts(roster) => write_shifts(tx, roster).await?,
        Declared::CouponBatch { batch, maximum, document } => {
            let shop = shops::find(tx, by.shop_key).await?;
            let shop = shop.ok_or_else(|| ServiceError::NotFound(format!("shop {}", by.shop_key)))?;
            let row = CouponBatch {
                key: batch.key.clone(),
                shop_id: shop.id,
                face_minor: batch.face_minor,
                threshold_minor: batch.threshold_minor,
                currency: shop.shop.currency.as_str().to_owned(),
                valid_days: i64::from(batch.valid_days),
                budget_minor: batch.budget_minor.unwrap_or(0),
                maximum: *maximum,
                document: document.clone(),
            };
            coupon_batches::put(tx, &row).await?;
        }
        Declared::Template { template, document } => {
            let locale = template.locale.as_str();
            let before = templates::find(tx, &template.key, locale).await?;
            let row = templates::TemplateRow {
                key: template.key.clone(),
                locale: locale.to_owned(),
                version: before.map_or(1, |row| row.version + 1),
                document_hash: document_hash(document),
                document: document.clone(),
                created_at: by.at,
            };
            templates::insert(tx, row).await?;
        }
        Declared::Tag { .. } | Declared::Segment { .. } => {
            let Some((key, document)) = declared.node() else { return Ok(()) };
            rules::publish(tx, &key, document, &document_hash(document), (by.epoch, by.at)).await?;
        }
        Declared::Campaign { definition, document } => write_campaign(tx, definition, document, by).await?,
    }
    Ok(())
}

async fn write_shifts(tx: &Tx, roster: &Roster) -> Result<(), ServiceError> {
    let (from, until) = roster.covers();
    for key in &roster.staff {
        let member = staff::find(tx, key).await?;
        let id = member.ok_or_else(|| ServiceError::NotFound(format!("staff {key}")))?.id;
        let rows = roster
            .spans()
            .into_iter()
            .map(|(starts_at, ends_at)| ShiftRow { staff_id: id, starts_at, ends_at })
            .collect();
        shifts::replace(tx, id, from, until, rows).await?;
    }
    Ok(())
}

/// What the campaign's head row says of a version.
pub fn head(definition: &Definition) -> campaigns::Head {
    let (kind, key) = match &definition.trigger {
        Trigger::Occasion(occasion) => ("occasion", occasion.solar.name().to_owned()),
        Trigger::Tag(tag) => ("tag", tag.key.clone()),
        Trigger::Event(event) => ("event", event.name.clone()),
    };
    campaigns::Head {
        trigger_kind: kind.to_owned(),
        trigger_key: key,
        purpose: definition.purpose,
        priority: i64::from(definition.priority),
    }
}

/// A new immutable version. One that runs goes on under its approved version until the new one is approved,
/// so that nobody on their way through it is cut off.
async fn write_campaign(
    tx: &Tx,
    definition: &Definition,
    document: &Value,
    by: &By<'_>,
) -> Result<(), ServiceError> {
    use CampaignState as S;
    let head = head(definition);
    let (id, state, number) = match campaigns::find(tx, &definition.key).await? {
        None => (campaigns::insert(tx, &definition.key, &head, by.at).await?, S::InReview, 1),
        Some(row) => {
            let latest = campaigns::latest_version(tx, row.id).await?;
            (row.id, row.state, latest.map_or(1, |version| version.version + 1))
        }
    };
    let new = campaigns::NewVersion {
        version: number,
        document: document.clone(),
        document_hash: document_hash(document),
        author: by.actor.to_owned(),
        created_at: by.at,
    };
    let version = campaigns::insert_version(tx, id, new).await?;
    if !matches!(state, S::Running | S::Paused) {
        campaigns::set_current(tx, id, version, &head, by.at).await?;
        campaigns::set_state(tx, id, state, S::InReview, None, by.at).await?;
    }
    Ok(())
}
