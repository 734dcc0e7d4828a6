//! A profile's aggregates as columns of `profile`: the one place that knows which there are, for whoever writes, reads or
//! empties them. What they mean is the domain's (`ProfileTimelines`).

use super::sql::{Row, args, json};
use super::{StoreError, Tx, asked};
use domain::customer::Profile;
use domain::customer::profile::More;
use domain::ids::CustomerId;
use domain::tag::Courses;
use domain::time::Instant;
use sea_orm::Value;
use std::collections::BTreeMap;

/// What a column holds where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    Zero,
    Null,
    /// A JSON list.
    List,
    /// A JSON object.
    Object,
}

use Empty::{List, Null, Object, Zero};

/// Every aggregate, in the order of [`values`].
const COLUMNS: [(&str, Empty); 43] = [
    ("spend_365_minor", Zero),
    ("spend_ever_minor", Zero),
    ("orders_365", Zero),
    ("orders_ever", Zero),
    ("order_days", Zero),
    ("first_order_at", Null),
    ("last_order_at", Null),
    ("last_order_key", Null),
    ("tickets", Zero),
    ("complaints_90", Zero),
    ("complaints_365", Zero),
    ("open_complaints", Zero),
    ("many_orders_30", Null),
    ("complaint_closed_at", Null),
    ("counted_net_365_minor", Zero),
    ("gross_365_minor", Zero),
    ("refunded_365_minor", Zero),
    ("coupon_orders_365", Zero),
    ("gap_halves", Null),
    ("active_hour", Null),
    ("lines_365", Zero),
    ("top_category", Null),
    ("top_category_lines", Zero),
    ("top_style", Null),
    ("top_style_lines", Zero),
    ("top_brand", Null),
    ("top_brand_lines", Zero),
    ("last_products", List),
    ("reviews", Zero),
    ("review_milli", Zero),
    ("csat_last", Null),
    ("csat_count", Zero),
    ("csat_sum", Zero),
    ("nps_last", Null),
    ("nps_count", Zero),
    ("nps_sum", Zero),
    ("unhappy_at", Null),
    ("recommended_at", Null),
    ("last_contacts", Object),
    ("last_contact_at", Null),
    ("last_inbound_at", Null),
    ("preferred_channel", Null),
    ("won_back_at", Null),
];

/// Beside them, as of the same instant: what becomes of the customer's tags, as JSON.
pub(super) const COURSES: &str = "courses";

/// The columns' names.
pub(super) fn columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|(column, _)| *column)
}

/// The columns of the table under this alias, for a SELECT.
pub(super) fn selected(alias: &str) -> String {
    columns().map(|column| format!("{alias}.{column}")).collect::<Vec<_>>().join(", ")
}

/// A profile as the values of [`columns`].
pub(super) fn values(p: &Profile) -> Vec<Value> {
    let m = &p.more;
    args![
        p.spend_365_minor,
        p.spend_ever_minor,
        p.orders_365,
        p.orders_ever,
        p.order_days,
        p.first_order_at,
        p.last_order_at,
        p.last_order_id.clone(),
        p.tickets,
        p.complaints_90,
        p.complaints_365,
        p.open_complaints,
        p.many_orders_30,
        m.complaint_closed_at,
        m.counted_net_365_minor,
        m.gross_365_minor,
        m.refunded_365_minor,
        m.coupon_orders_365,
        m.gap_halves,
        m.active_hour,
        m.lines_365,
        m.top_category.clone(),
        m.top_category_lines,
        m.top_style.clone(),
        m.top_style_lines,
        m.top_brand.clone(),
        m.top_brand_lines,
        serde_json::json!(m.last_products).to_string(),
        m.reviews,
        m.review_milli,
        m.csat_last,
        m.csat_count,
        m.csat_sum,
        m.nps_last,
        m.nps_count,
        m.nps_sum,
        m.unhappy_at,
        m.recommended_at,
        serde_json::json!(m.last_contacts).to_string(),
        m.last_contact_at,
        m.last_inbound_at,
        m.preferred_channel.clone(),
        m.won_back_at
    ]
}

/// Reads [`columns`] of a customer's row; of one without a profile everything is empty. When any of it changes next
/// isn't kept: when the customer is due says more.
pub(super) fn read(row: &Row, customer: i64) -> Result<Profile, StoreError> {
    let n = |column| Ok::<_, StoreError>(row.opt_int(column)?.unwrap_or(0));
    Ok(Profile {
        spend_365_minor: n("spend_365_minor")?,
        spend_ever_minor: n("spend_ever_minor")?,
        orders_365: n("orders_365")?,
        orders_ever: n("orders_ever")?,
        order_days: n("order_days")?,
        first_order_at: row.opt_at("first_order_at")?,
        last_order_at: row.opt_at("last_order_at")?,
        last_order_id: row.opt_text("last_order_key")?,
        tickets: n("tickets")?,
        complaints_90: n("complaints_90")?,
        complaints_365: n("complaints_365")?,
        open_complaints: n("open_complaints")?,
        many_orders_30: row.opt_int("many_orders_30")?,
        more: more(row, customer)?,
        next_change: None,
    })
}

fn more(row: &Row, customer: i64) -> Result<More, StoreError> {
    let n = |column| Ok::<_, StoreError>(row.opt_int(column)?.unwrap_or(0));
    let products: Vec<String> = match row.opt_text("last_products")? {
        Some(text) => json("profile", "last_products", customer, &text)?,
        None => Vec::new(),
    };
    let contacts: BTreeMap<String, Instant> = match row.opt_text("last_contacts")? {
        Some(text) => json("profile", "last_contacts", customer, &text)?,
        None => BTreeMap::new(),
    };
    Ok(More {
        complaint_closed_at: row.opt_at("complaint_closed_at")?,
        counted_net_365_minor: n("counted_net_365_minor")?,
        gross_365_minor: n("gross_365_minor")?,
        refunded_365_minor: n("refunded_365_minor")?,
        coupon_orders_365: n("coupon_orders_365")?,
        gap_halves: row.opt_int("gap_halves")?,
        active_hour: row.opt_int("active_hour")?,
        lines_365: n("lines_365")?,
        top_category: row.opt_text("top_category")?,
        top_category_lines: n("top_category_lines")?,
        top_style: row.opt_text("top_style")?,
        top_style_lines: n("top_style_lines")?,
        top_brand: row.opt_text("top_brand")?,
        top_brand_lines: n("top_brand_lines")?,
        last_products: products,
        reviews: n("reviews")?,
        review_milli: n("review_milli")?,
        csat_last: row.opt_int("csat_last")?,
        csat_count: n("csat_count")?,
        csat_sum: n("csat_sum")?,
        nps_last: row.opt_int("nps_last")?,
        nps_count: n("nps_count")?,
        nps_sum: n("nps_sum")?,
        unhappy_at: row.opt_at("unhappy_at")?,
        recommended_at: row.opt_at("recommended_at")?,
        last_contacts: contacts,
        last_contact_at: row.opt_at("last_contact_at")?,
        last_inbound_at: row.opt_at("last_inbound_at")?,
        preferred_channel: row.opt_text("preferred_channel")?,
        won_back_at: row.opt_at("won_back_at")?,
    })
}

/// Reads [`COURSES`]; of one without a profile there are none.
pub(super) fn read_courses(row: &Row, customer: i64) -> Result<Courses, StoreError> {
    let text = row.opt_text(COURSES)?;
    text.map_or_else(|| Ok(Courses::new()), |text| json("profile", COURSES, customer, &text))
}

/// Empties a customer's aggregates, as of `now` or later if they were kept later.
pub(super) async fn clear(tx: &Tx, customer: CustomerId, now: Instant) -> Result<(), StoreError> {
    let empty = |(column, empty): &(&str, Empty)| {
        let value = match empty {
            Zero => "0",
            Null => "NULL",
            List => "'[]'",
            Object => "'{}'",
        };
        format!("{column} = {value}")
    };
    let all = COLUMNS.iter().chain([&(COURSES, Object)]);
    let set = all.map(empty).chain(asked::emptied()).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "UPDATE profile SET kept_at = CASE WHEN kept_at < $2 THEN $2 ELSE kept_at END, {set} WHERE customer_id = $1"
    );
    tx.exec(&sql, args![customer, now]).await.map(drop)
}
