//! What rules over the whole book ask of a customer beside the aggregates, in the form in which a database can compare it: columns of
//! `profile`, and since when they haven't a tag. Written with the profile, as of the same instant; nobody is shown it.

use super::in_list::exec_in;
use super::sql::{Arg, Row, args};
use super::{StoreError, Tx, changes};
use domain::customer::profile::{Footing, More};
use domain::customer::{Bearer, Birthday};
use domain::ids::CustomerId;
use domain::rule::ScoreNumber;
use domain::tag::TagState;
use domain::text::fold;
use domain::time::Instant;
use sea_orm::Value;
use std::collections::BTreeMap;

/// The columns, in the order of [`Asked::values`].
pub(super) const COLUMNS: [&str; 12] = [
    "counts",
    "zone",
    "first_at",
    "registered_at",
    "birthday_code",
    "top_category_folded",
    "top_style_folded",
    "top_brand_folded",
    "preferred_channel_folded",
    "p_order_180",
    "clv_365",
    "personalised",
];

/// One customer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    counts: bool,
    zone: String,
    first_at: Option<Instant>,
    registered_at: Option<Instant>,
    birthday_code: Option<i64>,
    /// Category, style, brand and channel.
    folded: [Option<String>; 4],
    /// In the order of [`SCORES`].
    scores: [Option<i64>; 2],
    personalised: bool,
}

const SCORES: [ScoreNumber; 2] = [ScoreNumber::POrder180, ScoreNumber::Clv365];

impl Asked {
    pub fn of(bearer: &Bearer, erased: bool, footing: &Footing, more: &More) -> Self {
        let words = [&more.top_category, &more.top_style, &more.top_brand, &more.preferred_channel];
        Self {
            counts: !erased,
            zone: bearer.zone.name().to_owned(),
            first_at: footing.first_at,
            registered_at: bearer.registered_at,
            birthday_code: bearer.birthday.as_ref().map(Birthday::code),
            folded: words.map(|word| word.as_deref().map(fold)),
            scores: SCORES.map(|number| footing.scores.get(&number).copied()),
            personalised: footing.personalised,
        }
    }

    pub(super) fn values(self) -> Vec<Value> {
        let ([category, style, brand, channel], [p_order_180, clv_365]) = (self.folded, self.scores);
        args![
            self.counts,
            self.zone,
            self.first_at,
            self.registered_at,
            self.birthday_code,
            category,
            style,
            brand,
            channel,
            p_order_180,
            clv_365,
            self.personalised
        ]
    }

    /// Reads what [`selected`] selects; of one without a profile there is nothing.
    pub(super) fn read(row: &Row) -> Result<Option<Self>, StoreError> {
        let Some(counts) = row.opt_int("asked_counts")? else { return Ok(None) };
        Ok(Some(Self {
            counts: counts != 0,
            zone: row.text("asked_zone")?,
            first_at: row.opt_at("asked_first_at")?,
            registered_at: row.opt_at("asked_registered_at")?,
            birthday_code: row.opt_int("asked_birthday_code")?,
            folded: [
                row.opt_text("asked_top_category_folded")?,
                row.opt_text("asked_top_style_folded")?,
                row.opt_text("asked_top_brand_folded")?,
                row.opt_text("asked_preferred_channel_folded")?,
            ],
            scores: [row.opt_int("asked_p_order_180")?, row.opt_int("asked_clv_365")?],
            personalised: row.flag("asked_personalised")?,
        }))
    }
}

/// The columns of the table under this alias, for a SELECT beside others of the same names.
pub(super) fn selected(alias: &str) -> String {
    COLUMNS.map(|column| format!("{alias}.{column} AS asked_{column}")).join(", ")
}

/// What they are of nobody, for an UPDATE.
pub(super) fn emptied() -> impl Iterator<Item = String> {
    COLUMNS.iter().map(|column| match *column {
        "counts" => "counts = 0".to_owned(),
        "zone" => "zone = ''".to_owned(),
        "personalised" => "personalised = 1".to_owned(),
        column => format!("{column} = NULL"),
    })
}

/// Takes out what these customers said of themselves; whoever keeps them next, and they are due, writes what is right.
pub(super) async fn forget_said(tx: &Tx, customers: &[CustomerId]) -> Result<(), StoreError> {
    changes::note(tx, customers.iter().copied()).await?;
    let sql = "UPDATE profile SET zone = '', registered_at = NULL, birthday_code = NULL WHERE customer_id IN ({in})";
    exec_in(tx, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await.map(drop)
}

/// Whoever is erased is nobody from now on: no rule finds them.
pub(super) async fn count_no_longer(tx: &Tx, customers: &[CustomerId]) -> Result<(), StoreError> {
    changes::note(tx, customers.iter().copied()).await?;
    let sql = "UPDATE profile SET counts = 0 WHERE customer_id IN ({in})";
    exec_in(tx, sql, vec![], customers.iter().map(|id| id.arg()).collect()).await.map(drop)
}

/// Since when they haven't tags that they had, by key. Who never had one hasn't had it since the first fact, which needn't be written down.
pub fn ended(tags: &[TagState], first_at: Option<Instant>) -> BTreeMap<String, Instant> {
    let gone = tags.iter().filter(|tag| tag.value.is_none() && Some(tag.since) != first_at);
    gone.map(|tag| (tag.key.clone(), tag.since)).collect()
}
