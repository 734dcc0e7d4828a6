//! What one customer's profile shows, of one instant: read by one statement of lists, each bounded and by an index.
//! Lists of many customers are the aggregates' own files; masking, words and warnings are the service's.

mod care;
mod orders;
mod people;

pub use care::{CouponLine, JourneyLine, TouchLine};
pub use orders::OrderLine;
pub use people::{
    CallbackLine, ConsentLine, ContactLine, IdentifierLine, find_by_contact, find_by_identifier, reach,
};

use super::packed::{List, Packed, same};
use super::profiles::{self, ProfileRow, TagRow};
use super::shops::BASE;
use super::sql::{Row, args, json, word};
use super::tickets::{self, TicketRow};
use super::{Db, StoreError, aggregates, runs};
use chrono_tz::Tz;
use domain::ids::CustomerId;
use domain::insight::{Amounts, RunKind};
use domain::money::Currency;
use domain::tag::Courses;
use domain::time::Instant;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Everything stored that a profile shows.
#[derive(Debug, Clone)]
pub struct ProfilePage {
    pub head: Head,
    /// Everybody else they are one with.
    pub merged_from: Vec<CustomerId>,
    /// Under which rules the book is kept now.
    pub rule_epoch: i64,
    /// Kinds of runs that were ever done.
    pub done_runs: Vec<RunKind>,
    /// How large amounts are in this book, by the last run that looked.
    pub amounts: Option<Amounts>,
    pub identifiers: Vec<IdentifierLine>,
    /// Those that hold, by key; segments among them.
    pub tags: Vec<TagRow>,
    pub orders: Vec<OrderLine>,
    pub tickets: Vec<TicketRow>,
    pub consents: Vec<ConsentLine>,
    pub contacts: Vec<ContactLine>,
    pub coupons: Vec<CouponLine>,
    pub journeys: Vec<JourneyLine>,
    pub touches: Vec<TouchLine>,
    pub callbacks: Vec<CallbackLine>,
}

/// The customer's own row with what it is in.
#[derive(Debug, Clone)]
pub struct Head {
    /// Aggregates as last kept.
    pub kept: ProfileRow,
    /// What becomes of their tags, as of then.
    pub courses: Courses,
    /// Set aside: their facts can't be decided on.
    pub set_aside: bool,
    pub name: Option<String>,
    pub locale: String,
    /// The customer's own, else the shop's.
    pub zone: Tz,
    pub registered_at: Option<Instant>,
    pub created_at: Instant,
    pub erased_at: Option<Instant>,
    pub shop_key: String,
    /// The base currency.
    pub currency: Currency,
}

/// Orders shown.
pub const ORDERS: i64 = 10;
/// Touches shown.
pub const TOUCHES: i64 = 20;
/// The most lines of anything else.
const LINES: i64 = 20;

/// Whoever `$1` is now, and the SQL of them.
const WITH_ME: &str = "WITH me AS (SELECT COALESCE(merged_into, id) AS id FROM customer WHERE id = $1)";
const ME: &str = "(SELECT id FROM me)";

/// All that is read, in the order in which it is taken apart.
static PAGE: LazyLock<Packed> = LazyLock::new(|| {
    let tags = format!("FROM tag_current t WHERE t.customer_id = {ME} ORDER BY t.key");
    let mut tag_columns = same("key value since source rule_version evidence");
    tag_columns.push(("as_of", profiles::TAG_AS_OF));
    let mut lists = vec![
        head(),
        List::new(&same("id"), format!("FROM customer WHERE merged_into = {ME} ORDER BY id")),
        people::identifiers(),
        List::new(&tag_columns, tags),
        orders::list(),
        tickets::list_for_profile(ME, LINES),
        people::consents(),
        people::contacts(),
        care::coupons(),
        care::journeys(),
        care::touches(),
        people::callbacks(),
    ];
    lists.extend(RunKind::ALL.iter().map(|kind| runs::last_done(*kind)));
    Packed::new(WITH_ME, &lists)
});

/// The profile of whoever the customer of this id is now; `None` if there is none.
pub async fn load(db: &Db, id: CustomerId) -> Result<Option<ProfilePage>, StoreError> {
    let mut lists = PAGE.read(db, args![id]).await?.into_iter();
    let mut next = || lists.next().unwrap_or_default();
    let Some(row) = next().pop() else { return Ok(None) };
    let id = CustomerId(row.int("id")?);
    let mut page = ProfilePage {
        rule_epoch: row.int("rule_epoch")?,
        head: read_head(&row, id)?,
        merged_from: each(next(), |row| row.int("id").map(CustomerId))?,
        identifiers: each(next(), people::identifier)?,
        tags: each(next(), |row| profiles::read_tag(row, id))?,
        orders: each(next(), orders::read)?,
        tickets: each(next(), tickets::read_row)?,
        consents: people::consents_of(&next())?,
        contacts: each(next(), people::contact)?,
        coupons: each(next(), care::coupon)?,
        journeys: each(next(), care::journey)?,
        touches: each(next(), care::touch)?,
        callbacks: each(next(), people::callback)?,
        amounts: None,
        done_runs: Vec::new(),
    };
    for kind in RunKind::ALL {
        let Some(run) = next().pop() else { continue };
        page.done_runs.push(*kind);
        if *kind == RunKind::Amounts {
            page.amounts = Some(runs::read_cuts(&run)?);
        }
    }
    Ok(Some(page))
}

fn each<T>(rows: Vec<Row>, read: impl Fn(&Row) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect()
}

fn head() -> List {
    let mut columns: Vec<(&'static str, String)> = profiles::selected();
    let apart = [
        ("locale", "COALESCE(c.locale, s.locale)"),
        ("zone", "COALESCE(c.zone, s.zone)"),
        ("registered_at", "c.registered_at"),
        ("created_at", "c.created_at"),
        ("erased_at", "c.erased_at"),
        ("name", "n.name"),
        ("shop_key", "s.key"),
        ("currency", BASE),
        ("courses", "p.courses"),
        ("set_aside", "CASE WHEN d.failed IS NULL THEN 0 ELSE 1 END"),
        ("rule_epoch", "COALESCE((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'rule_epoch'), 0)"),
    ];
    columns.extend(apart.map(|(name, sql)| (name, sql.to_owned())));
    let from = format!(
        "FROM customer c JOIN shop s ON s.id = c.shop_id LEFT JOIN profile p ON p.customer_id = c.id \
         LEFT JOIN customer_personal n ON n.customer_id = c.id LEFT JOIN customer_due d ON d.customer_id = c.id \
         WHERE c.id = {ME}"
    );
    List { columns, from }
}

fn read_head(row: &Row, id: CustomerId) -> Result<Head, StoreError> {
    Ok(Head {
        kept: profiles::read(row)?,
        courses: aggregates::read_courses(row, id.0)?,
        set_aside: row.flag("set_aside")?,
        name: row.opt_text("name")?,
        locale: row.text("locale")?,
        zone: word("customer", "zone", id, &row.text("zone")?, |zone| zone.parse().ok())?,
        registered_at: row.opt_at("registered_at")?,
        created_at: row.at("created_at")?,
        erased_at: row.opt_at("erased_at")?,
        shop_key: row.text("shop_key")?,
        currency: word("shop", "currency", id, &row.text("currency")?, Currency::parse)?,
    })
}

/// The documents of these versions of tags' rules, as far as there are any. Only of those a customer was kept by that aren't the
/// newest: the newest are at hand.
pub async fn documents(
    db: &Db,
    versions: &[(&str, i64)],
) -> Result<HashMap<(String, i64), Value>, StoreError> {
    if versions.is_empty() {
        return Ok(HashMap::new());
    }
    let place = |n: usize| format!("(key = ${} AND version = ${})", 2 * n + 1, 2 * n + 2);
    let any: Vec<String> = (0..versions.len()).map(place).collect();
    let sql = format!("SELECT key, version, document FROM rule_version WHERE {}", any.join(" OR "));
    let args = versions.iter().flat_map(|(key, version)| args![*key, *version]).collect();
    let read = |row: &Row| {
        let key = row.text("key")?;
        let document = json("rule_version", "document", &key, &row.text("document")?)?;
        Ok(((key, row.int("version")?), document))
    };
    db.all(&sql, args).await?.iter().map(read).collect()
}
