//! A rule's tree as a condition: combinations, words, tags, shares. Each is true or false, never unknown, so that NOT means not.

use super::compare::{ALWAYS, Column, NEVER, column, instant};
use super::{Arg, Asking};
use domain::event::property::Path;
use domain::rule::{Age, Field, PRIME, Rule, Share, TagTest, TextTest};
use domain::segment::{Hand, Keep, node_key};
use domain::text::fold;
use domain::time::Instant;
use sea_orm::Value;
use std::collections::BTreeMap;

/// How many customers a condition is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Of everybody: who has something is collected once.
    Book,
    /// Of a few: what each of them has is looked up by their id.
    Each,
}

/// Writes a condition, and collects what is bound in it.
pub(super) struct Writer<'a> {
    pub asking: &'a Asking,
    /// The properties that can be looked up.
    pub indexed: &'a BTreeMap<(String, Path), i64>,
    pub postgres: bool,
    pub reach: Reach,
    first: usize,
    args: Vec<Value>,
    /// Where `now` is bound, once somebody needs it.
    now: Option<String>,
    nodes: usize,
    /// A property of an event that nothing can be asked of.
    missing: Option<(String, String)>,
}

/// Nodes of a rule together with those of the segments on demand that it asks for, each as often as it does.
const MOST_NODES: usize = 2_000;

impl<'a> Writer<'a> {
    pub fn new(
        asking: &'a Asking,
        indexed: &'a BTreeMap<(String, Path), i64>,
        postgres: bool,
        reach: Reach,
        first: usize,
    ) -> Self {
        Self { asking, indexed, postgres, reach, first, args: Vec::new(), now: None, nodes: 0, missing: None }
    }

    pub fn into_args(self) -> Vec<Value> {
        self.args
    }

    pub fn bind(&mut self, value: impl Arg) -> String {
        self.args.push(value.arg());
        format!("${}", self.first + self.args.len() - 1)
    }

    pub fn list<T: Arg>(&mut self, values: impl IntoIterator<Item = T>) -> String {
        values.into_iter().map(|value| self.bind(value)).collect::<Vec<_>>().join(", ")
    }

    pub fn now(&mut self) -> String {
        if self.now.is_none() {
            self.now = Some(self.bind(self.asking.now));
        }
        self.now.clone().unwrap_or_default()
    }

    /// Whether it was given up: the segments on demand that it asks for, and those they ask for, are too many.
    pub fn is_too_much(&self) -> bool {
        self.nodes > MOST_NODES
    }

    /// The first property that is asked of events and that the database can't look up.
    pub fn missing(&self) -> Option<(String, String)> {
        self.missing.clone()
    }

    /// The property's place in the index, bound; of one that isn't there yet nothing is asked in the end.
    pub fn property(&mut self, event: &str, path: &Path) -> String {
        let id = self.indexed.get(&(event.to_owned(), path.clone())).copied();
        if id.is_none() {
            self.missing.get_or_insert_with(|| (event.to_owned(), path.to_string()));
        }
        self.bind(id.unwrap_or_default())
    }

    pub fn rule(&mut self, rule: &Rule) -> String {
        self.nodes += 1;
        if self.is_too_much() {
            return NEVER.to_owned();
        }
        match rule {
            Rule::All(rules) => self.joined(rules, " AND "),
            Rule::Any(rules) => self.joined(rules, " OR "),
            Rule::Not(rule) => format!("NOT ({})", self.rule(rule)),
            Rule::Profile { field, test } => self.profile(*field, test),
            Rule::Score { number, test } => self.known(&format!("p.{}", number.as_str()), 1, test),
            Rule::Text { field, test } => match column(*field) {
                Column::Word(column) => self.text(column, test),
                _ => NEVER.to_owned(),
            },
            Rule::Ago { field, age } => self.ago(*field, *age),
            Rule::DaysSince { field, days } => self.days_since(*field, *days),
            Rule::Anniversary { field, within_days } => self.anniversary(*field, *within_days),
            Rule::Event(test) => self.event(test),
            Rule::Record(test) => self.record(test),
            Rule::Tag { key, test, since } => self.tag(key, test, *since),
            Rule::Share(share) => self.share(share),
            Rule::Segment { key, since } => self.segment(key, *since),
        }
    }

    fn joined(&mut self, rules: &[Rule], word: &str) -> String {
        let parts: Vec<String> = rules.iter().map(|rule| self.rule(rule)).collect();
        format!("({})", parts.join(word))
    }

    fn ago(&mut self, field: Field, age: Age) -> String {
        let Some(column) = instant(field) else { return NEVER.to_owned() };
        let aged = self.aged(column, age);
        match column {
            "p.registered_at" => format!("({} AND {aged})", self.registered()),
            _ => format!("({column} IS NOT NULL AND {aged})"),
        }
    }

    /// An instant that is there, of this age.
    pub fn aged(&mut self, column: &str, age: Age) -> String {
        let now = self.asking.now;
        match age {
            Age::Within(span) => format!("{column} > {}", self.bind(now - span)),
            Age::OlderThan(span) => format!("{column} <= {}", self.bind(now - span)),
        }
    }

    /// `column` is folded, and may be unknown.
    pub fn text(&mut self, column: &str, test: &TextTest) -> String {
        let compared = match test {
            TextTest::Eq(word) => format!("{column} = {}", self.bind(fold(word))),
            TextTest::Ne(word) => format!("{column} <> {}", self.bind(fold(word))),
            TextTest::In(words) => {
                format!("{column} IN ({})", self.list(words.iter().map(|word| fold(word))))
            }
            TextTest::Contains(part) => {
                let place = if self.postgres { "strpos" } else { "instr" };
                format!("{place}({column}, {}) > 0", self.bind(fold(part)))
            }
            TextTest::StartsWith(start) => {
                let start = fold(start);
                let length = i64::try_from(start.chars().count()).unwrap_or(i64::MAX);
                let cast = if self.postgres { ["CAST(", " AS INTEGER)"] } else { ["", ""] };
                let length = format!("{}{}{}", cast[0], self.bind(length), cast[1]);
                format!("substr({column}, 1, {length}) = {}", self.bind(start))
            }
            TextTest::Present => return format!("{column} IS NOT NULL"),
            TextTest::Absent => return format!("{column} IS NULL"),
        };
        format!("({column} IS NOT NULL AND {compared})")
    }

    fn tag(&mut self, key: &str, test: &TagTest, since: Option<Age>) -> String {
        let key = self.bind(key);
        let value = match test {
            TagTest::Eq(value) => format!(" AND t.value = {}", self.bind(value)),
            TagTest::Ne(value) => format!(" AND t.value <> {}", self.bind(value)),
            TagTest::In(values) => format!(" AND t.value IN ({})", self.list(values)),
            TagTest::Present => String::new(),
            TagTest::Absent => return self.without(&key, since),
        };
        let since = since.map(|age| format!(" AND {}", self.aged("t.since", age))).unwrap_or_default();
        self.among(&format!("SELECT t.customer_id FROM tag_current t WHERE t.key = {key}{value}{since}"), "t")
    }

    /// Of a segment that is kept, whoever stands in it; of one on demand, whom its rule or people put there, and people don't keep out.
    fn segment(&mut self, key: &str, since: Option<Age>) -> String {
        let asking = self.asking;
        let Some(segment) = asking.catalogue.segment(key) else { return NEVER.to_owned() };
        let node = self.bind(node_key(key));
        let stands = format!("SELECT t.customer_id FROM tag_current t WHERE t.key = {node}");
        if segment.keep() != Some(Keep::OnDemand) {
            let since = since.map(|age| format!(" AND {}", self.aged("t.since", age))).unwrap_or_default();
            return self.among(&format!("{stands}{since}"), "t");
        }
        let [pinned, banned] = [Hand::Pinned, Hand::Banned].map(|hand| {
            let value = self.bind(hand.as_str());
            self.among(&format!("{stands} AND t.value = {value}"), "t")
        });
        let ruled = segment.rules().next().map_or_else(|| NEVER.to_owned(), |rule| self.rule(rule));
        let may = if segment.waits_for().is_some() { "p.personalised = 1" } else { ALWAYS };
        format!("((({ruled} AND {may}) OR {pinned}) AND NOT {banned})")
    }

    fn without(&mut self, key: &str, since: Option<Age>) -> String {
        let there = self.among(&format!("SELECT t.customer_id FROM tag_current t WHERE t.key = {key}"), "t");
        let Some(age) = since else { return format!("NOT {there}") };
        let ended = format!("SELECT t.customer_id FROM tag_ended t WHERE t.key = {key}");
        let (aged, never) = (self.aged("t.since", age), self.among(&ended, "t"));
        let since_ever = self.aged("p.first_at", age);
        let ended = self.among(&format!("{ended} AND {aged}"), "t");
        format!("(NOT {there} AND ({ended} OR (NOT {never} AND p.first_at IS NOT NULL AND {since_ever})))")
    }

    /// Whether the customer is among those that `select` gives, from its table under this alias. Of everybody SQLite collects them once;
    /// PostgreSQL chooses between that and looking each up.
    pub fn among(&self, select: &str, alias: &str) -> String {
        if self.postgres || self.reach == Reach::Each {
            format!("EXISTS ({select} AND {alias}.customer_id = p.customer_id)")
        } else {
            format!("p.customer_id IN ({select})")
        }
    }

    fn share(&mut self, share: &Share) -> String {
        format!("{} < {}", self.draw(share), self.bind(share.bound()))
    }

    /// The customer's draw by the share's word.
    pub fn draw(&mut self, share: &Share) -> String {
        let prime = self.bind(PRIME);
        let x = format!("(p.customer_id % {prime})");
        let draw = share.coefficients().map(|c| self.bind(c)).into_iter();
        let draw = draw.reduce(|sum, next| format!("(({sum} * {x} + {next}) % {prime})"));
        draw.unwrap_or_default()
    }

    /// Bounds on an instant as a comparison of microseconds.
    pub fn between(&mut self, column: &str, from: Option<Instant>, until: Option<Instant>) -> String {
        let from = from.map(|from| format!("{column} >= {}", self.bind(from)));
        let until = until.map(|until| format!("{column} < {}", self.bind(until)));
        let both: Vec<String> = from.into_iter().chain(until).collect();
        if both.is_empty() { ALWAYS.to_owned() } else { both.join(" AND ") }
    }
}
