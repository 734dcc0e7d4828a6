//! Which events fit by what they say, and exact sums of it. Values stand in `event_property`; conditions that may speak of one array
//! speak of one and the same element of it.

use super::compare::{ALWAYS, NEVER};
use super::condition::{Reach, Writer};
use domain::event::property::Path;
use domain::rule::event::{Condition, PropertyTest};
use domain::rule::{Comparison, EventTest, TextTest};
use domain::text::fold;
use std::collections::BTreeMap;

/// How many characters of a text its index has.
const HEAD: usize = 64;

/// Conditions on properties that begin with one name: only these can lie in one array.
#[derive(Default)]
struct Kin<'t> {
    present: Vec<&'t Condition>,
    absent: Vec<&'t Path>,
}

impl Writer<'_> {
    /// Conditions, each with its AND, of the event `e`; where `measured` is given, of the values at it `m`, too.
    pub(super) fn fitting(&mut self, test: &EventTest, measured: Option<&Path>) -> String {
        let mut kin: BTreeMap<&str, Kin<'_>> = BTreeMap::new();
        for condition in &test.conditions {
            let kin = kin.entry(first_name(&condition.property)).or_default();
            match &condition.test {
                PropertyTest::Text(TextTest::Absent) | PropertyTest::Number(Comparison::Absent) => {
                    kin.absent.push(&condition.property);
                }
                _ => kin.present.push(condition),
            }
        }
        let mut sql = String::new();
        for (name, kin) in kin {
            let measured = measured.filter(|path| first_name(path) == name);
            sql.push_str(&self.of_kin(test, &kin, measured));
        }
        sql
    }

    fn of_kin(&mut self, test: &EventTest, kin: &Kin<'_>, measured: Option<&Path>) -> String {
        if kin.present.is_empty() {
            // Of no element: of the event as a whole.
            return kin.absent.iter().map(|path| self.nothing_at(test, path, "e.id", &[])).collect();
        }
        let rows: Vec<(String, &Path)> =
            kin.present.iter().enumerate().map(|(i, one)| (format!("v{i}"), &one.property)).collect();
        let (mut from, mut held) = (String::new(), Vec::new());
        for (i, (row, path)) in rows.iter().enumerate() {
            match i {
                0 => from.push_str("event_property v0"),
                _ => from.push_str(&format!(" JOIN event_property {row} ON {row}.event_id = v0.event_id")),
            }
            let (property, seen) = (self.property(&test.name, path), self.seen(row));
            let said = self.said(row, &kin.present[i].test);
            held.push(format!("{row}.property_id = {property} AND {said}{seen}"));
            held.extend(rows[..i].iter().map(|other| agree(other, (row, path))));
        }
        let mut held = held.join(" AND ");
        for path in &kin.absent {
            held.push_str(&self.nothing_at(test, path, "v0.event_id", &rows));
        }
        match measured {
            None if self.reach == Reach::Each => {
                format!(" AND EXISTS (SELECT 1 FROM {from} WHERE v0.event_id = e.id AND {held})")
            }
            None => format!(" AND e.id IN (SELECT v0.event_id FROM {from} WHERE {held})"),
            Some(path) => {
                let agreeing: Vec<String> = rows.iter().map(|row| agree(row, ("m", path))).collect();
                let agreeing = agreeing.join(" AND ");
                format!(
                    " AND EXISTS (SELECT 1 FROM {from} WHERE v0.event_id = m.event_id AND {held} AND {agreeing})"
                )
            }
        }
    }

    /// Nothing stands at the path but in other elements than those of `rows`.
    fn nothing_at(&mut self, test: &EventTest, path: &Path, event: &str, rows: &[(String, &Path)]) -> String {
        let (property, seen) = (self.property(&test.name, path), self.seen("q"));
        let elsewhere: Vec<String> = rows
            .iter()
            .map(|(row, other)| {
                format!("({} AND {row}.element <> q.element)", one_array((row, other), ("q", path)))
            })
            .collect();
        let there = if elsewhere.is_empty() {
            String::new()
        } else {
            format!(" AND NOT ({})", elsewhere.join(" OR "))
        };
        format!(
            " AND NOT EXISTS (SELECT 1 FROM event_property q WHERE q.property_id = {property} AND q.event_id = {event}{seen}{there})"
        )
    }

    /// That a row isn't about a hidden product, with its AND; nothing where no product is.
    pub(super) fn seen(&self, row: &str) -> String {
        if !self.asking.catalogue.products().any_sensitive() {
            return String::new();
        }
        format!(
            " AND ((COALESCE({row}.sku, {row}.own_sku) IS NULL) OR NOT EXISTS (SELECT 1 FROM product d \
             JOIN shop s ON s.id = d.shop_id WHERE d.sensitive = 1 AND d.sku IN ({row}.sku, {row}.own_sku) \
             AND ({row}.shop IS NULL OR s.key = {row}.shop)))"
        )
    }

    /// Whether the test holds of a row.
    pub(super) fn said(&mut self, row: &str, test: &PropertyTest) -> String {
        let text = format!("{row}.text");
        match test {
            PropertyTest::Number(Comparison::Present) | PropertyTest::Text(TextTest::Present) => {
                ALWAYS.to_owned()
            }
            PropertyTest::Number(Comparison::Absent) | PropertyTest::Text(TextTest::Absent) => {
                NEVER.to_owned()
            }
            // The event is known: its values are looked up by it.
            PropertyTest::Text(test) if self.reach == Reach::Each => self.text(&text, test),
            PropertyTest::Number(test) => self.known(&format!("{row}.number"), 1, test),
            PropertyTest::Text(test @ TextTest::Eq(word)) => {
                let head = self.heads([word]);
                format!("(substr({text}, 1, {HEAD}) IN ({head}) AND {})", self.text(&text, test))
            }
            PropertyTest::Text(test @ TextTest::In(words)) => {
                let heads = self.heads(words);
                format!("(substr({text}, 1, {HEAD}) IN ({heads}) AND {})", self.text(&text, test))
            }
            PropertyTest::Text(test) => self.text(&text, test),
        }
    }

    fn heads<'w>(&mut self, words: impl IntoIterator<Item = &'w String>) -> String {
        self.list(words.into_iter().map(|word| fold(word).chars().take(HEAD).collect::<String>()))
    }

    /// The sum of `m.number` against so many times the operand, whatever its size.
    pub(super) fn total(&mut self, times: &str, test: &Comparison<i64>) -> String {
        match test {
            Comparison::Eq(v) => self.total_is(times, "=", *v),
            Comparison::Ne(v) => self.total_is(times, "<>", *v),
            Comparison::Lt(v) => self.total_is(times, "<", *v),
            Comparison::Lte(v) => self.total_is(times, "<=", *v),
            Comparison::Gt(v) => self.total_is(times, ">", *v),
            Comparison::Gte(v) => self.total_is(times, ">=", *v),
            Comparison::In(list) => {
                let each: Vec<String> = list.iter().map(|v| self.total_is(times, "=", *v)).collect();
                format!("({})", each.join(" OR "))
            }
            Comparison::Between(low, high) => {
                let [low, high] = [(">=", low), ("<=", high)].map(|(op, v)| self.total_is(times, op, *v));
                format!("({low} AND {high})")
            }
            Comparison::Present => ALWAYS.to_owned(),
            Comparison::Absent => NEVER.to_owned(),
        }
    }

    fn total_is(&mut self, times: &str, op: &str, v: i64) -> String {
        if self.postgres {
            // Its sums of such numbers are decimals of any length.
            return format!("SUM(m.number) {op} CAST({} AS NUMERIC) * {times}", self.bind(v));
        }
        // SQLite has 64 bits, and refuses sums that don't fit: halves of 32 bits do.
        let (high, low) = (self.bind(v >> 32), self.bind(v & 0xffff_ffff));
        let low = format!("(SUM(m.number & 4294967295) - {low} * {times})");
        let high = format!("(SUM(m.number >> 32) - {high} * {times} + ({low} >> 32))");
        let rest = format!("({low} & 4294967295)");
        match op {
            "=" => format!("({high} = 0 AND {rest} = 0)"),
            "<>" => format!("({high} <> 0 OR {rest} <> 0)"),
            "<" => format!("{high} < 0"),
            "<=" => format!("({high} < 0 OR ({high} = 0 AND {rest} = 0))"),
            ">" => format!("({high} > 0 OR ({high} = 0 AND {rest} > 0))"),
            _ => format!("{high} >= 0"),
        }
    }
}

fn first_name(path: &Path) -> &str {
    path.as_str().split('.').next().unwrap_or_default()
}

/// How many bytes two paths begin with in common, names that are the same.
fn shared((a, b): (&Path, &Path)) -> usize {
    let alike = a.as_str().split('.').zip(b.as_str().split('.')).take_while(|(a, b)| a == b);
    alike.map(|(name, _)| name.len() + 1).sum::<usize>().saturating_sub(1)
}

/// Whether two rows of one event lie in one array, or both in none.
fn one_array((a, of_a): (&str, &Path), (b, of_b): (&str, &Path)) -> String {
    format!("{a}.base = {b}.base AND {a}.base <= {}", shared((of_a, of_b)))
}

/// Two rows of one event that lie in one array lie in one element of it.
fn agree((a, of_a): &(String, &Path), (b, of_b): (&str, &Path)) -> String {
    format!("NOT ({} AND {a}.element <> {b}.element)", one_array((a, of_a), (b, of_b)))
}
