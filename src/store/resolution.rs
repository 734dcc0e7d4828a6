//! Who events are about, decided by the domain in the log's order from what is known of the names they carry. Reads
//! by sets: the number of statements doesn't grow with the events.

use super::blocked;
use super::clusters::{self, add_candidates};
use super::customers::Whose;
use super::in_list::{all_in, fresh_ids, one_each};
use super::shops::ShopRow;
use super::sql::{Arg, args};
use super::{StoreError, Tx};
use domain::customer::identity::{Decision, Kind, Known, Merge, Name, SHARED_FROM};
use domain::ids::{CustomerId, ImportId, ShopId};
use domain::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// Who each event is about, and what the caller has to do for it.
#[derive(Debug)]
pub struct Resolved {
    /// In the events' order.
    pub people: Vec<Whose>,
    /// Customers that turned out to be one, in order; the gates are closed.
    pub merges: Vec<Merge>,
}

/// Resolves events by their names (`domain::customer::identity::names`), in the order given. People nobody has heard of
/// are added, names that were nobody's given, pairs that may be one noted. Nobody becomes one with another meanwhile
/// but by the merges given back, which the caller carries out before it writes any row of these people.
pub async fn resolve(
    tx: &Tx,
    shop: &ShopRow,
    named: &[Vec<Name>],
    now: Instant,
    import: Option<ImportId>,
) -> Result<Resolved, StoreError> {
    // Whoever was in another's way waits for its turn; nobody can be after that.
    let alone = tx.was_outrun() && is_comparing(named);
    if alone {
        clusters::close(tx).await?;
    } else {
        clusters::pass(tx).await?;
    }
    let mut known = load(tx, named, None).await?;
    if tx.is_postgres() {
        let merges = alone
            || is_comparing(named) && !decide(known.clone(), named, Choice::ByName(&[])).merges.is_empty();
        if merges && !alone {
            clusters::close(tx).await?;
        }
        if known.is_unheld(named) {
            // Who adds people does so alone in its namespace, whose first shop stands for it: two that add the same
            // would have to be tried again and again, and the larger one would always be the later.
            let sql = "SELECT id FROM shop WHERE id_namespace = $1 ORDER BY id LIMIT 1 FOR NO KEY UPDATE";
            tx.all(sql, args![&shop.shop.id_namespace]).await?;
            known = load(tx, named, None).await?;
        }
        let spare = fresh_ids(tx, "customer", named.len()).await?;
        let decided = decide(known, named, Choice::ByName(&spare));
        if !merges && !decided.merges.is_empty() {
            return Err(StoreError::Outrun("somebody else named the same people just now".to_owned()));
        }
        return save(tx, shop, now, import, decided).await;
    }
    let spare = fresh_ids(tx, "customer", named.len()).await?;
    save(tx, shop, now, import, decide(known, named, Choice::ByName(&spare))).await
}

/// What one event that a person says is about `customer`, who is canonical, would bring by its names: what is new, with
/// whom they would be one, with whom they may be. Nothing is written; the gates are closed.
pub async fn foresee(tx: &Tx, customer: CustomerId, names: &[Name]) -> Result<Decision, StoreError> {
    let named = [names.to_vec()];
    Ok(load(tx, &named, Some(customer)).await?.decide_about(customer, names))
}

/// As [`resolve`], of events that a person says are about `customer`, who is canonical, whoever else the names may
/// speak of. The gates are closed.
pub async fn resolve_about(
    tx: &Tx,
    shop: &ShopRow,
    customer: CustomerId,
    named: &[Vec<Name>],
    now: Instant,
) -> Result<Resolved, StoreError> {
    let known = load(tx, named, Some(customer)).await?;
    save(tx, shop, now, None, decide(known, named, Choice::About(customer))).await
}

/// Events about people as they were resolved once, who carry no names. The gates are closed.
pub async fn known_already(tx: &Tx, origins: Vec<CustomerId>) -> Result<Resolved, StoreError> {
    let merged = clusters::canonical(tx, origins.iter().copied()).await?;
    let whose = |origin| Whose { customer: merged.get(&origin).copied().unwrap_or(origin), origin };
    Ok(Resolved { people: origins.into_iter().map(whose).collect(), merges: Vec::new() })
}

/// Whether any event names somebody by two strong names: only then can two be compared.
fn is_comparing(named: &[Vec<Name>]) -> bool {
    named.iter().any(|names| names.iter().filter(|name| name.kind.is_strong()).count() > 1)
}

struct Decided {
    known: Known,
    /// Who the customers were when this began, before any merge of its own; only those who were merged.
    before: BTreeMap<CustomerId, CustomerId>,
    origins: Vec<CustomerId>,
    new: Vec<CustomerId>,
    names: BTreeMap<Name, CustomerId>,
    merges: Vec<Merge>,
    candidates: BTreeSet<domain::customer::identity::Candidate>,
}

/// Who events are about.
enum Choice<'a> {
    /// Whom their names say. With no ids to spare it is a trial: new people get ids that nobody has.
    ByName(&'a [i64]),
    /// Whom a person says.
    About(CustomerId),
}

fn decide(known: Known, named: &[Vec<Name>], choice: Choice<'_>) -> Decided {
    let before = known.merged().collect();
    let mut decided = Decided {
        known,
        before,
        origins: Vec::with_capacity(named.len()),
        new: Vec::new(),
        names: BTreeMap::new(),
        merges: Vec::new(),
        candidates: BTreeSet::new(),
    };
    for (place, names) in named.iter().enumerate() {
        let one = match choice {
            Choice::ByName(spare) => {
                let trial = i64::MAX - i64::try_from(named.len() - place).unwrap_or(0);
                let id = CustomerId(spare.get(place).copied().unwrap_or(trial));
                decided.known.decide(names, || id)
            }
            Choice::About(customer) => decided.known.decide_about(customer, names),
        };
        if one.is_new {
            decided.new.push(one.customer);
        }
        decided.names.extend(one.added.into_iter().map(|name| (name, one.customer)));
        decided.merges.extend(one.merges);
        decided.candidates.extend(one.candidates);
        decided.origins.push(one.customer);
    }
    decided
}

async fn save(
    tx: &Tx,
    shop: &ShopRow,
    now: Instant,
    import: Option<ImportId>,
    decided: Decided,
) -> Result<Resolved, StoreError> {
    add_customers(tx, shop.id, &decided.new, now).await?;
    add_names(tx, &decided, import).await?;
    if !decided.candidates.is_empty() {
        let canonical = |id| decided.known.canonical(id);
        let open = decided.candidates.iter().filter(|c| canonical(c.a) != canonical(c.b)).copied();
        add_candidates(tx, now, open.collect()).await?;
    }
    let whose = |origin: &CustomerId| Whose { customer: decided.known.canonical(*origin), origin: *origin };
    Ok(Resolved { people: decided.origins.iter().map(whose).collect(), merges: decided.merges })
}

async fn add_customers(tx: &Tx, shop: ShopId, ids: &[CustomerId], now: Instant) -> Result<(), StoreError> {
    let rows = ids.iter().map(|id| args![*id, shop, "consumer", now]).collect();
    let columns = ["id", "shop_id", "account_kind", "created_at"];
    tx.insert_many("customer", &columns, rows, "").await.map(drop)
}

/// Writes new names, all or none: nobody else adds any meanwhile. A merge that follows moves them as other rows.
async fn add_names(tx: &Tx, decided: &Decided, import: Option<ImportId>) -> Result<(), StoreError> {
    let expected = decided.names.len() as u64;
    let rows = decided
        .names
        .iter()
        .map(|(name, origin)| {
            let customer = decided.before.get(origin).copied().unwrap_or(*origin);
            args![customer, *origin, name.kind.as_str(), &name.scope, &name.value, import]
        })
        .collect();
    let columns = ["customer_id", "origin_customer_id", "kind", "namespace", "value", "import_id"];
    let tail = "ON CONFLICT (kind, namespace, value) DO NOTHING";
    match tx.insert_many("identifier", &columns, rows, tail).await? {
        actual if actual == expected => Ok(()),
        actual => Err(StoreError::RowsAffected { what: "naming customers", expected, actual }),
    }
}

/// What is known of these names and of whoever has them, and of the one they are said of if that is known.
async fn load(tx: &Tx, named: &[Vec<Name>], about: Option<CustomerId>) -> Result<Known, StoreError> {
    let mut known = Known::default();
    let mut asked: BTreeMap<(Kind, &str), BTreeSet<&str>> = BTreeMap::new();
    for name in named.iter().flatten() {
        asked.entry((name.kind, &name.scope)).or_default().insert(&name.value);
    }
    let found = ("value, customer_id, COALESCE(origin_customer_id, customer_id) AS origin", "identifier");
    let comparing = about.is_some() || is_comparing(named);
    let (mut unsure, mut shared) = (BTreeSet::from_iter(about), BTreeMap::new());
    for ((kind, scope), values) in asked {
        let values = values.into_iter().map(Arg::arg).collect();
        let fixed = args![kind.as_str(), scope];
        for row in one_each(tx, found, "kind = $1 AND namespace = $2", "value", fixed, values).await? {
            let name = Name { kind, scope: scope.to_owned(), value: row.text("value")? };
            let canonical = CustomerId(row.int("customer_id")?);
            known.is_known_by(canonical, kind, scope);
            if kind != Kind::UserId || comparing {
                unsure.insert(canonical);
            }
            if matches!(kind, Kind::Phone | Kind::Email) {
                shared.entry(kind).or_insert_with(Vec::new).push(name.value.clone());
            }
            known.hold(name, CustomerId(row.int("origin")?), canonical);
        }
    }
    load_exclusive(tx, &mut known, unsure).await?;
    load_carriers(tx, &mut known, shared).await?;
    known.block(blocked::find(tx, blocked::of_names(named.iter().flatten())).await?);
    if comparing {
        for (a, b) in clusters::parted(tx).await? {
            known.part(a, b);
        }
    }
    Ok(known)
}

async fn load_exclusive(tx: &Tx, known: &mut Known, unsure: BTreeSet<CustomerId>) -> Result<(), StoreError> {
    // Of every kind: a condition on it would tempt PostgreSQL to read all names of the kind.
    let sql = "SELECT customer_id, kind, namespace FROM identifier WHERE customer_id IN ({in})";
    for row in all_in(tx, sql, vec![], unsure.into_iter().map(Arg::arg).collect()).await? {
        if let Some(kind) = Kind::parse(&row.text("kind")?).filter(|kind| kind.is_exclusive()) {
            known.is_known_by(CustomerId(row.int("customer_id")?), kind, &row.text("namespace")?);
        }
    }
    Ok(())
}

async fn load_carriers(
    tx: &Tx,
    known: &mut Known,
    shared: BTreeMap<Kind, Vec<String>>,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT value, customer_id FROM (SELECT value, customer_id, ROW_NUMBER() OVER (PARTITION BY value \
         ORDER BY customer_id) AS place FROM contact_point WHERE channel = $1 AND value IN ({{in}})) AS c \
         WHERE place <= {SHARED_FROM}"
    );
    for (kind, values) in shared {
        let values = values.into_iter().map(Arg::arg).collect();
        for row in all_in(tx, &sql, args![kind.as_str()], values).await? {
            let name = Name { kind, scope: String::new(), value: row.text("value")? };
            known.carries(CustomerId(row.int("customer_id")?), name);
        }
    }
    Ok(())
}
