//! The columns of `profile` that only rules over the whole book read: what they ask of a customer beside the aggregates, in the form
//! in which a database can compare it. Written with the profile, as of the same instant; nobody is shown them.

use super::keeping::Kept;
use super::sql::args;
use domain::customer::Birthday;
use domain::rule::ScoreNumber;
use domain::text::fold;
use sea_orm::Value;

/// In the order of [`values`].
pub(super) const COLUMNS: [&str; 11] = [
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
];

/// A customer's as they are kept now.
pub(super) fn values(kept: &Kept) -> Vec<Value> {
    let more = &kept.profile.more;
    let folded = |word: &Option<String>| word.as_deref().map(fold);
    let score = |number: ScoreNumber| kept.footing.scores.get(&number).copied();
    args![
        !kept.erased,
        kept.bearer.zone.name(),
        kept.footing.first_at,
        kept.bearer.registered_at,
        kept.bearer.birthday.as_ref().map(Birthday::code),
        folded(&more.top_category),
        folded(&more.top_style),
        folded(&more.top_brand),
        folded(&more.preferred_channel),
        score(ScoreNumber::POrder180),
        score(ScoreNumber::Clv365),
    ]
}

/// What they are of nobody, for an UPDATE.
pub(super) fn emptied() -> impl Iterator<Item = String> {
    COLUMNS.iter().map(|column| match *column {
        "counts" => "counts = 0".to_owned(),
        "zone" => "zone = ''".to_owned(),
        column => format!("{column} = NULL"),
    })
}
