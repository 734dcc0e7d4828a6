//! What is asked of records, over time.

use super::{Answer, CampaignTest, ConsentTest, CouponTest, Deed, ReachTest, RecordTest};
use crate::campaign::gate::{Consent, ContactPoint, Suppression};
use crate::campaign::reach::{Stage, stage};
use crate::customer::consent::Word;
use crate::customer::records::{Records, Said};
use crate::rule::eval::{Context, bounded};
use crate::rule::event::counted;
use crate::time::Instant;
use crate::timeline::Timeline;
use serde_json::{Map, Value, json};

/// When it holds.
pub(in crate::rule) fn holds(test: &RecordTest, context: &Context<'_>) -> Timeline<bool> {
    let records = &*context.profile.records;
    match test {
        RecordTest::Consent(test) => consent(test, &said(test, records)),
        RecordTest::Coupon(CouponTest { batch }) => records.coupons(batch.as_deref()).map(|n| *n > 0),
        RecordTest::Campaign(test) => {
            often(test, records).map(|n| test.count.holds(Some((i128::from(*n), 1))))
        }
        RecordTest::Holdout(campaign) => records.treated(campaign).map(|treated| *treated == Some(false)),
        RecordTest::Reachable(test) => reachable(*test, context),
    }
}

/// What it looked at, by name.
pub(in crate::rule) fn evidence(
    test: &RecordTest,
    context: &Context<'_>,
    now: Instant,
    into: &mut Map<String, Value>,
) {
    let records = &*context.profile.records;
    match test {
        RecordTest::Consent(test) => {
            let said = *said(test, records).at(now);
            let word = said.map(|(word, _)| if word == Word::Granted { "granted" } else { "denied" });
            into.insert(format!("consent {} {}", test.purpose.as_str(), test.channel), json!(word));
            into.extend(said.map(|(_, at)| ("said_at".to_owned(), json!(at))));
        }
        RecordTest::Coupon(CouponTest { batch }) => {
            let name =
                batch.as_ref().map_or_else(|| "coupons".to_owned(), |batch| format!("coupons {batch}"));
            into.insert(name, json!(records.coupons(batch.as_deref()).at(now)));
        }
        RecordTest::Campaign(test) => {
            let name = format!("{} {}", test.campaign, test.did.as_str());
            into.insert(name, json!(often(test, records).at(now)));
        }
        RecordTest::Holdout(campaign) => {
            let side =
                records.treated(campaign).at(now).map(|treated| if treated { "treated" } else { "control" });
            into.insert(campaign.clone(), json!(side));
        }
        RecordTest::Reachable(test) => {
            let point = match records.target(test.points()) {
                None => "none that may be used",
                Some(scope) if is_refused(*test, scope) => "on the list of refusals",
                Some(_) => "may be used",
            };
            into.insert(test.points().to_owned(), json!(point));
            let said = *records.consent(test.channel.as_str(), test.purpose.as_str()).at(now);
            let word = said.map(|(word, _)| if word == Word::Granted { "granted" } else { "denied" });
            into.insert(format!("consent {} {}", test.purpose.as_str(), test.channel.as_str()), json!(word));
        }
    }
}

/// The gate's lasting questions, in its order. Only consumers get what needs an opt-in.
fn reachable(test: ReachTest, context: &Context<'_>) -> Timeline<bool> {
    let records = &*context.profile.records;
    let is_for_them = !test.needs_opt_in() || context.bearer.account.is_consumer();
    let (point, suppression) = match records.target(test.points()) {
        None => (ContactPoint::Missing, Suppression::Clear),
        Some(scope) if is_refused(test, scope) => (ContactPoint::Usable, Suppression::Suppressed),
        Some(_) => (ContactPoint::Usable, Suppression::Clear),
    };
    records.consent(test.channel.as_str(), test.purpose.as_str()).map(|said| {
        let consent = match said.map(|(word, _)| word) {
            Some(Word::Granted) => Consent::Granted,
            Some(Word::Denied) => Consent::Refused,
            Some(Word::Unknown) | None => Consent::Unknown,
        };
        is_for_them && stage(point, consent, suppression, test.purpose) == Stage::Reachable
    })
}

/// Whether the list of refusals holds for the purpose.
fn is_refused(test: ReachTest, scope: Option<&str>) -> bool {
    scope.is_some_and(|scope| scope != "marketing" || test.needs_opt_in())
}

fn said(test: &ConsentTest, records: &Records) -> Timeline<Option<Said>> {
    records.consent(&test.channel, test.purpose.as_str())
}

fn consent(test: &ConsentTest, line: &Timeline<Option<Said>>) -> Timeline<bool> {
    let is = line.map(|said| match (said.map(|(word, _)| word), test.answer) {
        (word, Answer::Unsaid) => word.is_none(),
        (word, Answer::Said) => word.is_some(),
        (word, Answer::Granted) => word == Some(Word::Granted),
        (word, Answer::Denied) => word == Some(Word::Denied),
    });
    match test.said {
        None => is,
        Some(age) => is.and(&bounded(line, |(_, at), _| age.bounds(*at))),
    }
}

fn often(test: &CampaignTest, records: &Records) -> Timeline<i64> {
    let instants = match test.did {
        Deed::Entered => records.entries(&test.campaign),
        Deed::Left => records.ends(&test.campaign),
    };
    counted(&instants, test.window)
}
