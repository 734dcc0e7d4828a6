//! Everything that is known to have happened with a customer, as one list by time: facts, tags, contacts and
//! decisions not to make one, consents, callbacks, notes. Words for people are the service's.

use super::segments::{of_segments, of_tags, segment_key};
use super::sql::args;
use super::{Db, StoreError};
use domain::customer::Happening as Kind;
use domain::ids::CustomerId;
use domain::time::Instant;

/// One line. What its texts mean depends on `kind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub at: Instant,
    pub kind: Kind,
    pub id: i64,
    /// The event's name, the tag's, segment's, campaign's or callback's key, the consent's channel, the note's author.
    pub what: String,
    /// The order or ticket, the value before, the purpose, what happened to the callback.
    pub about: Option<String>,
    /// The value after, the state, the note's text.
    pub became: Option<String>,
    /// Why a contact wasn't made, the source of a consent, the cause of a tag's change.
    pub why: Option<String>,
    pub amount_minor: Option<i64>,
}

/// Where a page goes on: at the instant, the kind and the row of the last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    pub at: Instant,
    pub kind: Kind,
    pub id: i64,
}

/// Each source by itself, so that each is read by its own index and no further than the page.
const SOURCES: [(Kind, &str); 7] = [
    (
        Kind::Callback,
        "SELECT l.at AS at, l.id AS id, c.kind AS what, l.event AS about, l.to_state AS became, \
         NULL AS why, NULL AS amount_minor FROM callback c JOIN callback_log l ON l.callback_id = c.id \
         WHERE c.customer_id = $1",
    ),
    (
        Kind::Consent,
        "SELECT occurred_at AS at, id, channel AS what, purpose AS about, state AS became, source AS why, \
         NULL AS amount_minor FROM consent WHERE customer_id = $1",
    ),
    (
        Kind::Fact,
        "SELECT occurred_at AS at, id, kind AS what, COALESCE(order_key, ref_key) AS about, NULL AS became, \
         NULL AS why, amount_minor FROM event WHERE customer_id = $1 AND effective = 1 \
         AND kind NOT IN ('Identify', 'Consent Changed')",
    ),
    (
        Kind::Note,
        "SELECT at, id, actor AS what, NULL AS about, text AS became, NULL AS why, NULL AS amount_minor \
         FROM note WHERE customer_id = $1",
    ),
    (
        Kind::Segment,
        concat!(
            "SELECT as_of AS at, id, ",
            segment_key!("key"),
            " AS what, NULL AS about, CASE COALESCE(to_value, '') WHEN '' THEN 'left' WHEN 'true' THEN 'entered' \
             ELSE to_value END AS became, cause AS why, NULL AS amount_minor FROM tag_history \
             WHERE customer_id = $1 AND ",
            of_segments!("key")
        ),
    ),
    (
        Kind::Tag,
        concat!(
            "SELECT as_of AS at, id, key AS what, from_value AS about, to_value AS became, cause AS why, \
             NULL AS amount_minor FROM tag_history WHERE customer_id = $1 AND ",
            of_tags!("key")
        ),
    ),
    (
        Kind::Touch,
        "SELECT COALESCE(t.handed_at, t.ended_at, t.not_before) AS at, t.id AS id, p.key AS what, \
         t.channel AS about, t.state AS became, t.reason AS why, NULL AS amount_minor \
         FROM touchpoint t JOIN campaign p ON p.id = t.campaign_id WHERE t.customer_id = $1",
    ),
];

/// The lines before `before`, latest first.
pub async fn list(
    db: &Db,
    customer: CustomerId,
    before: Option<Before>,
    limit: i64,
) -> Result<Vec<Line>, StoreError> {
    let mut lines = Vec::new();
    for (kind, source) in SOURCES {
        // Lines of one instant go by kind, then by row.
        let (at, id) = match before {
            None => (Instant::MAX, i64::MAX),
            Some(b) if kind == b.kind => (b.at, b.id),
            Some(b) if kind < b.kind => (b.at, i64::MAX),
            // Already shown.
            Some(b) => (b.at, i64::MIN),
        };
        let sql = format!(
            "SELECT at, id, what, about, became, why, CAST(amount_minor AS BIGINT) AS amount_minor \
             FROM ({source}) q WHERE at < $2 OR (at = $2 AND id < $3) ORDER BY at DESC, id DESC LIMIT $4"
        );
        for row in db.all(&sql, args![customer, at, id, limit]).await? {
            lines.push(Line {
                at: row.at("at")?,
                kind,
                id: row.int("id")?,
                what: row.text("what")?,
                about: row.opt_text("about")?,
                became: row.opt_text("became")?,
                why: row.opt_text("why")?,
                amount_minor: row.opt_int("amount_minor")?,
            });
        }
    }
    lines.sort_by_key(|line| std::cmp::Reverse((line.at, line.kind, line.id)));
    lines.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(lines)
}
