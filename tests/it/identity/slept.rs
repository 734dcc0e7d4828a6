//! A keeper that slept for twenty days writes what a punctual one does, whatever comes meanwhile: facts, what is told of
//! the person themselves, merges and partings, kinds of account, corrections, imports and their taking back, rules and products.

use super::laws::Draw;
use super::{identify, order, track, who};
use crate::support::care::Care;
use crate::support::{TestDatabase, number, on_both_databases};
use domain::ids::{CustomerId, ImportId};
use domain::time::{Instant, Span};
use kinkeeper::service::identity::{merge, set_account_kind, unmerge};
use kinkeeper::service::import::{self, Kind, Request, Unwatched};
use kinkeeper::service::marking::{self, Given, Hand};
use kinkeeper::service::rebuild::{self, Mode};
use kinkeeper::service::{correcting, keeping};
use serde_json::{Value, json};

const USERS: [&str; 4] = ["u0", "u1", "u2", "u3"];
/// Behind the clock on which every story begins.
const FIRST: &str = "2011-12-26T00:00:00Z";
const DAYS: i64 = 200;

/// What happens to a book at an instant.
#[derive(Debug, Clone)]
enum Deed {
    Say(Vec<Value>),
    Name(usize, &'static str),
    Merge(usize, usize),
    Part(usize),
    Correct(usize, Value, &'static [&'static str]),
    Mark(usize),
    Import(String, Vec<Value>),
    TakeBack,
    /// From which spend on somebody is a diamond, as a new version of the tier.
    Publish(&'static str),
    /// What the shop says of tea, as a `products` document's fields.
    Declare(&'static str),
}

fn first() -> Instant {
    Instant::parse(FIRST, chrono_tz::UTC).expect("an instant")
}

fn pick<const N: usize, T: Copy>(draw: &mut Draw, of: [T; N]) -> T {
    of[usize::try_from(draw.below(N as u64)).expect("small")]
}

/// A fact of somebody, up to sixty days old.
fn fact(draw: &mut Draw, n: i64, now: Instant) -> Value {
    let user = pick(draw, USERS);
    let old = if draw.below(3) == 0 { draw.below(60) } else { 0 };
    let at = (now - Span::days(i64::try_from(old).expect("small"))).to_rfc3339();
    let total = pick(draw, ["120", "900", "2100", "5200", "10400"]);
    let mut event = match draw.below(9) {
        0..=4 => order(user, &format!("o{n}"), &at, total),
        5 => track(user, "Order Refunded", &at, json!({"refund_id": format!("r{n}"), "total": total})),
        6 => {
            track(user, "Ticket Opened", &at, json!({"ticket_id": format!("t{}", n % 3), "complaint": true}))
        }
        7 => track(user, "Ticket Resolved", &at, json!({"ticket_id": format!("t{}", n % 3)})),
        _ => {
            let granted = draw.below(2) == 0;
            track(
                user,
                "Consent Changed",
                &at,
                json!({"channel": "email", "purpose": "marketing", "granted": granted}),
            )
        }
    };
    event["messageId"] = json!(format!("f{n}"));
    event
}

/// Tea that somebody bought up to thirty days ago, and that it arrived.
fn refill(draw: &mut Draw, n: i64, now: Instant) -> Vec<Value> {
    let user = pick(draw, USERS);
    let at = (now - Span::days(i64::try_from(draw.below(30)).expect("small"))).to_rfc3339();
    let id = format!("tea{n}");
    let mut bought = order(user, &id, &at, "100");
    bought["properties"]["products"] = json!([{"sku": "tea", "quantity": 1, "category": "drinks"}]);
    let mut arrived = track(user, "Order Delivered", &at, json!({"order_id": id}));
    (bought["messageId"], arrived["messageId"]) = (json!(format!("b{n}")), json!(format!("d{n}")));
    vec![bought, arrived]
}

/// What is told of somebody, up to forty days after it was said.
fn word(draw: &mut Draw, n: i64, now: Instant) -> Value {
    let traits = match draw.below(3) {
        0 => {
            json!({"timezone": pick(draw, ["America/New_York", "Asia/Shanghai", "Africa/Cairo", "Europe/London"])})
        }
        1 => json!({"birthday": pick(draw, ["01-20", "1990-05-09", "02-29", "07-04", "lunar:08-15"])}),
        _ => json!({"createdAt": "2011-06-01T00:00:00Z", "name": format!("N {n}")}),
    };
    let old = Span::days(i64::try_from(draw.below(40)).expect("small"));
    let user = pick(draw, USERS);
    let mut event = identify(user, &(now - old).to_rfc3339(), traits);
    event["messageId"] = json!(format!("w{n}"));
    event
}

/// The same story for every book: a deed every ten hours, none of them at an instant at which anything else happens.
fn story(seed: u64) -> Vec<(Instant, Deed)> {
    let mut draw = Draw::of(seed);
    let mut deeds = Vec::new();
    let (mut into, mut imported) = ([0_usize, 1, 2, 3], None);
    for n in 0..DAYS * 24 / 10 {
        let now = first() + Span::hours(10 * n) + Span::minutes(7) + Span::micros(n + 1);
        let (a, b) = (pick(&mut draw, [0, 1, 2, 3]), pick(&mut draw, [0, 1, 2, 3]));
        let deed = match draw.below(30) {
            // Before the seven days are over in which it can be.
            _ if imported.is_some_and(|then| n > then + 11) => {
                imported = None;
                Deed::TakeBack
            }
            0..=8 => Deed::Say(vec![fact(&mut draw, n, now)]),
            9..=12 => Deed::Say(vec![word(&mut draw, n, now)]),
            13 => Deed::Name(a, pick(&mut draw, ["consumer", "reseller", "staff"])),
            14 | 15 if into[a] != into[b] => {
                let (kept, gone) = (into[a], into[b]);
                into.iter_mut().filter(|one| **one == gone).for_each(|one| *one = kept);
                Deed::Merge(a, b)
            }
            16 | 17 if into[a] != a => {
                into[a] = a;
                Deed::Part(a)
            }
            18 => match draw.below(2) {
                0 => Deed::Correct(a, json!({"birthday": "03-03"}), &[]),
                _ => Deed::Correct(a, json!({}), &["timezone", "birthday"]),
            },
            19 => Deed::Mark(a),
            20 | 21 if imported.is_none() => {
                imported = Some(n);
                let mut lines: Vec<Value> = (1..=3).map(|i| fact(&mut draw, 1_000 * i + n, now)).collect();
                lines.push(word(&mut draw, 9_000 + n, now));
                Deed::Import(format!("{n}.jsonl"), lines)
            }
            22..=24 => Deed::Say(refill(&mut draw, n, now)),
            25 => Deed::Publish(pick(&mut draw, ["10000.00", "6000.00", "5100.00"])),
            26 | 27 => Deed::Declare(pick(
                &mut draw,
                ["consumption_days: 20", "consumption_days: 30", "consumption_days: 20, sensitive: true"],
            )),
            _ => continue,
        };
        deeds.push((now, deed));
    }
    deeds
}

/// The shipped tier, but for where a diamond begins.
fn tier(spend: &str) -> String {
    let shipped = include_str!("../../../config/tags/value_tier.yaml");
    assert!(shipped.contains("10000.00"), "{shipped}");
    format!("kind: tag\n{}", shipped.replace("10000.00", spend))
}

/// Who drinks tea, by what orders say of it; once in a while by something else they say, or by nothing.
fn tea(spend: &str) -> String {
    let rule = match spend {
        "10000.00" => {
            "{event: Order Completed, where: [{property: products.category, eq: DRINKS}], count: {gte: 2}, within: 60d}"
        }
        "6000.00" => {
            "{event: Order Completed, where: [{property: $amount, gte: 100}], sum: {of: products.quantity, gte: 1}, within: 90d}"
        }
        _ => "{event: Order Completed, count: {gte: 5}}",
    };
    format!("kind: tag\nkey: tea\nname: {{en: Tea, zh-CN: 茶}}\nrule: {rule}\n")
}

/// A book with the four of them.
struct Told {
    care: Care,
    ids: Vec<CustomerId>,
}

impl Told {
    async fn begin(database: TestDatabase) -> Self {
        let care = Care::open(database).await;
        care.apply(&tea("10000.00")).await;
        care.house
            .send(USERS.map(|user| order(user, &format!("{user}-0"), "2011-12-01T09:00:00Z", "300")).to_vec())
            .await;
        let mut ids = Vec::new();
        for user in USERS {
            ids.push(who(&care.house, user).await);
        }
        Self { care, ids }
    }

    async fn keep(&self) {
        let book = &self.care.house.app.book;
        let now = book.now().await.expect("the time");
        while keeping::keep_due(book, now, 100).await.expect("kept") > 0 {}
    }

    async fn does(&self, deed: &Deed) {
        let (house, ids) = (&self.care.house, &self.ids);
        let book = &house.app.book;
        match deed.clone() {
            Deed::Say(events) => house.send(events).await,
            Deed::Name(one, kind) => {
                drop(set_account_kind(book, ids[one], kind, "test").await.expect("named"))
            }
            Deed::Merge(a, b) => drop(merge(book, ids[a], ids[b], "test", None).await.expect("merged")),
            Deed::Part(one) => drop(unmerge(book, ids[one], "test", None).await.expect("parted")),
            Deed::Correct(one, set, unset) => {
                let set = set.as_object().expect("an object").clone();
                let unset = unset.iter().map(|&field| field.to_owned()).collect();
                let wanted = correcting::Wanted { set, unset, reason: "told by phone".to_owned() };
                correcting::correct(book, ids[one], wanted, "test").await.expect("corrected");
            }
            Deed::Mark(one) => {
                let (tag, value) = ("comm_style".to_owned(), Some("hasty".to_owned()));
                let given = Given { tag, value, reason: "speaks fast".to_owned(), until: None };
                marking::give(book, ids[one], given, ("test", Hand::Approver)).await.expect("marked");
            }
            Deed::Import(name, events) => {
                let path = house.folder.path().join(name);
                let lines: Vec<String> = events.iter().map(Value::to_string).collect();
                std::fs::write(&path, lines.join("\n")).expect("written");
                let request = Request::new(Kind::Events, path);
                let report =
                    import::run(&book.store, "retail", &request, &mut Unwatched).await.expect("imported");
                assert_eq!(report.refused, []);
            }
            Deed::Publish(spend) => self.care.apply(&format!("{}\n---\n{}", tier(spend), tea(spend))).await,
            Deed::Declare(what) => {
                self.care.apply(&format!("kind: products\nproducts:\n  - {{sku: tea, {what}}}\n")).await;
            }
            Deed::TakeBack => {
                let last = self.care.number("SELECT MAX(import_id) FROM event").await;
                import::undo_batch(book, ImportId(last), "test").await.expect("taken back");
            }
        }
    }

    /// Lives the story, keeping as `looks` says: after each deed, or only now and then.
    async fn lives(&self, story: &[(Instant, Deed)], looks: Looks) {
        let mut next = first();
        for (at, deed) in story {
            while next < *at {
                self.care.set_now(next).await;
                if looks != Looks::Seldom || (next - first()).as_micros() % Span::days(20).as_micros() == 0 {
                    self.keep().await;
                }
                next = next + Span::days(1);
            }
            self.care.set_now(*at).await;
            if looks == Looks::Always {
                self.keep().await;
            }
            self.does(deed).await;
            if looks != Looks::Seldom {
                self.keep().await;
            }
        }
        self.care.set_now(first() + Span::days(DAYS)).await;
        self.keep().await;
    }

    /// The ledger and what it starts, as text; when it was written down apart.
    async fn written(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for sql in [
            "SELECT customer_id, as_of, key, COALESCE(from_value, '-') AS was, COALESCE(to_value, '-') AS is_now, since, \
             cause, historical, rule_version, evidence FROM tag_history ORDER BY customer_id, key, id",
            "SELECT customer_id, key, value, since, source, evidence FROM tag_current ORDER BY customer_id, key",
            "SELECT customer_id, kind, key, from_value, to_value, cause_at, origin_key FROM trigger_queue \
             ORDER BY customer_id, kind, key, cause_at",
        ] {
            lines.extend(self.care.house.lines(sql).await);
        }
        lines
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// Before and after each deed, and at every midnight.
    Always,
    /// After each deed, and at every midnight.
    Punctually,
    /// Every twenty days.
    Seldom,
}

on_both_databases! {
    async fn what_comes_at_the_instant_of_a_merge_is_one_step_with_it(database) {
        let told = Told::begin(database).await;
        let house = &told.care.house;
        told.keep().await;
        let now = first() + Span::days(1);
        told.care.set_now(now).await;
        let at = now.to_rfc3339();
        house.send(vec![order("new", "n-1", &at, "6000"), order("u1", "n-2", &at, "6000")]).await;
        let new = who(house, "new").await;
        merge(&house.app.book, new, told.ids[1], "test", None).await.expect("merged");
        told.keep().await;
        let sql = "SELECT from_value, to_value, as_of, cause FROM tag_history WHERE key = 'value_tier' AND customer_id =";
        let ledger = async |of: CustomerId| house.lines(&format!("{sql} {} ORDER BY id", of.0)).await;
        // 12,300 together; neither was ever a customer of 6,000.
        assert_eq!(ledger(new).await, [format!("-|diamond|{}|merge", now.micros())]);
        let before = told.care.number("SELECT MIN(received_at) FROM event").await;
        let gone = format!("regular|-|{}|merge", now.micros());
        assert_eq!(ledger(told.ids[1]).await, [format!("-|regular|{before}|event"), gone]);
    }

    async fn a_keeper_that_slept_writes_what_a_punctual_one_does_whatever_came_meanwhile(database) {
        let mut database = Some(database);
        for seed in 1..=number("KINKEEPER_SLEPT_STORIES", 1) {
            let story = story(seed);
            let kinds = ["Say", "Name", "Merge", "Part", "Correct", "Mark", "Import", "TakeBack", "Publish", "Declare"];
            let told = format!("{story:?}");
            assert!(kinds.iter().all(|kind| told.contains(&format!(" {kind}"))), "story {seed} leaves something out");
            let slept = match database.take() {
                Some(database) => database,
                None => TestDatabase::migrated_sqlite().await,
            };
            let (slept, punctual) = (Told::begin(slept).await, Told::begin(TestDatabase::migrated_sqlite().await).await);
            slept.lives(&story, Looks::Seldom).await;
            punctual.lives(&story, if seed % 2 == 0 { Looks::Always } else { Looks::Punctually }).await;
            let (found, wanted) = (slept.written().await, punctual.written().await);
            let first = found.iter().zip(&wanted).position(|(a, b)| a != b);
            let around = |lines: &[String]| first.map(|n| lines[n.saturating_sub(3)..(n + 3).min(lines.len())].join("\n"));
            assert_eq!(first, None, "story {seed}: slept\n{:?}\npunctual\n{:?}", around(&found), around(&wanted));
            assert_eq!(found.len(), wanted.len(), "story {seed}");
            assert!(found.len() > 60, "{}", found.len());
            let tea = slept.care.number("SELECT COUNT(*) FROM tag_history WHERE key = 'tea'").await;
            assert!(tea > 3, "{tea}");
            let mut differ = Vec::new();
            rebuild::run(&slept.care.house.app.book, Mode::Check, &mut |d| differ.push(format!("{d:?}"))).await.expect("looked");
            assert_eq!(differ, Vec::<String>::new());
        }
    }
}
