//! Random records and questions about them, and a second, slow reading for tests: it looks at one instant, and reads the rows as
//! they came.

use super::{Answer, CampaignTest, ConsentTest, CouponTest, Deed, ReachTest, RecordTest};
use crate::campaign::definition::{self as campaign, Channel};
use crate::customer::consent::Purpose;
use crate::customer::fixture::{day, event};
use crate::customer::records::Record;
use crate::event::{Event, Fact};
use crate::ids::CustomerId;
use crate::rule::brute::{Seen, age, compares, is_old};
use crate::rule::event::brute::{any_window, counted, counts};
use crate::time::{Instant, Span};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Whether it holds there.
pub(in crate::rule) fn holds(test: &RecordTest, seen: &Seen<'_>) -> bool {
    match test {
        RecordTest::Consent(test) => consent(test, seen),
        RecordTest::Coupon(CouponTest { batch }) => rows(seen).any(|(issued_at, record)| match record {
            Record::Coupon { coupon, batch: of, expires_at } => {
                let used = |(at, record): (Instant, &Record)| {
                    at <= seen.now && matches!(record, Record::Redeemed { coupon: used } if used == coupon)
                };
                let asked = batch.as_ref().is_none_or(|batch| batch == of);
                asked
                    && issued_at <= seen.now
                    && expires_at.is_none_or(|end| seen.now < end)
                    && !rows(seen).any(used)
            }
            _ => false,
        }),
        RecordTest::Campaign(test) => {
            let fits = |(at, record): &(Instant, &Record)| match (test.did, record) {
                (Deed::Entered, Record::Entered { campaign, .. })
                | (Deed::Left, Record::Left { campaign, .. }) => {
                    *campaign == test.campaign && counts(test.window, *at, seen.now)
                }
                _ => false,
            };
            let n = rows(seen).filter(fits).count();
            compares(&test.count, n as i128, 1)
        }
        RecordTest::Holdout(key) => {
            let entries = rows(seen).filter_map(|(at, record)| match record {
                Record::Entered { enrollment, campaign, treated } if campaign == key && at <= seen.now => {
                    Some((at, *enrollment, *treated))
                }
                _ => None,
            });
            entries.max().is_some_and(|(.., treated)| !treated)
        }
        RecordTest::Reachable(test) => {
            let marketing = test.purpose != campaign::Purpose::Service;
            let points = if test.channel == Channel::Email { "email" } else { "phone" };
            let target = rows(seen).find_map(|(_, record)| match record {
                Record::Target { points: of, refused } if of == points => Some(refused.as_deref()),
                _ => None,
            });
            let free = target.is_some_and(|scope| match scope {
                None => true,
                Some(scope) => scope == "marketing" && !marketing,
            });
            let purpose = Purpose::parse(test.purpose.as_str()).expect("is one of consents");
            let channel = test.channel.as_str().to_owned();
            let says = |answer| {
                let said = None;
                consent(&ConsentTest { purpose, channel: channel.clone(), answer, said }, seen)
            };
            let agrees = if marketing { says(Answer::Granted) } else { !says(Answer::Denied) };
            free && agrees && (seen.bearer.account.is_consumer() || !marketing)
        }
    }
}

fn rows<'a>(seen: &Seen<'a>) -> impl Iterator<Item = (Instant, &'a Record)> {
    seen.events.iter().filter_map(|event| match &event.fact {
        Fact::Recorded(record) => Some((event.occurred_at, record)),
        _ => None,
    })
}

fn consent(test: &ConsentTest, seen: &Seen<'_>) -> bool {
    let gone = |row: i64| rows(seen).any(|(_, r)| matches!(r, Record::TakenBack { line } if *line == row));
    let lines: Vec<(Instant, i64, CustomerId, bool)> = rows(seen)
        .filter_map(|(at, record)| match record {
            Record::Consent { line, side, channel, purpose, granted }
                if at <= seen.now && *channel == test.channel && purpose == test.purpose.as_str() =>
            {
                Some((at, *line, *side, *granted))
            }
            _ => None,
        })
        .filter(|(_, line, ..)| !gone(*line))
        .collect();
    let is_last = |one: &&(Instant, i64, CustomerId, bool)| {
        lines.iter().all(|other| other.2 != one.2 || (other.0, other.1) <= (one.0, one.1))
    };
    let last: Vec<_> = lines.iter().filter(is_last).collect();
    let denied = last.iter().any(|line| !line.3);
    let counts = last.iter().filter(|line| line.3 != denied).map(|line| line.0).max();
    let is = match test.answer {
        Answer::Granted => counts.is_some() && !denied,
        Answer::Denied => denied,
        Answer::Said => counts.is_some(),
        Answer::Unsaid => counts.is_none(),
    };
    is && test.said.is_none_or(|age| counts.is_some_and(|at| is_old(age, seen.now, at)))
}

/// These events with random records among them.
pub(in crate::rule) fn recorded(events: Vec<Event>) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(any_record(), 0..12).prop_map(move |records| {
        let mut targets = BTreeSet::new();
        let records = records.into_iter().enumerate().filter_map(|(n, (at, record))| {
            // One row of the book is one record, of whatever kind.
            let n = i64::try_from(n).expect("a few");
            let record = match record {
                Record::Consent { side, channel, purpose, granted, .. } => {
                    Record::Consent { line: n, side, channel, purpose, granted }
                }
                Record::Coupon { batch, expires_at, .. } => Record::Coupon { coupon: n, batch, expires_at },
                Record::Entered { campaign, treated, .. } => {
                    Record::Entered { enrollment: n, campaign, treated }
                }
                Record::Left { campaign, .. } => Record::Left { enrollment: n, campaign },
                // Of a row that was there, or of none.
                Record::TakenBack { line } if line < n => Record::TakenBack { line },
                Record::Redeemed { coupon } if coupon < n => Record::Redeemed { coupon },
                // One of a kind.
                Record::Target { points, refused } if targets.insert(points.clone()) => {
                    Record::Target { points, refused }
                }
                _ => return None,
            };
            Some(event(at, Fact::Recorded(record)))
        });
        events.iter().cloned().chain(records).collect()
    })
}

fn any_record() -> impl Strategy<Value = (Instant, Record)> {
    let at = || (-4i64..320).prop_map(|n| day(0) + Span::hours(6 * n));
    let campaign = || prop::sample::select(CAMPAIGNS.to_vec()).prop_map(str::to_owned);
    let about = (prop::sample::select(CHANNELS.to_vec()), prop::sample::select(PURPOSES.to_vec()));
    let consent =
        (1i64..3, about, any::<bool>()).prop_map(|(side, (channel, purpose), granted)| Record::Consent {
            line: 0,
            side: CustomerId(side),
            channel: channel.to_owned(),
            purpose: purpose.as_str().to_owned(),
            granted,
        });
    let coupon = (prop::sample::select(BATCHES.to_vec()), prop::option::of(at()))
        .prop_map(|(batch, expires_at)| Record::Coupon { coupon: 0, batch: batch.to_owned(), expires_at });
    let refused = prop::option::weighted(0.3, prop::sample::select(vec!["all", "marketing"]));
    let target = (prop::sample::select(vec!["email", "phone"]), refused).prop_map(|(points, refused)| {
        Record::Target { points: points.to_owned(), refused: refused.map(str::to_owned) }
    });
    let record = prop_oneof![
        6 => consent,
        2 => (0i64..8).prop_map(|line| Record::TakenBack { line }),
        3 => coupon,
        2 => (0i64..8).prop_map(|coupon| Record::Redeemed { coupon }),
        3 => (campaign(), any::<bool>())
            .prop_map(|(campaign, treated)| Record::Entered { enrollment: 0, campaign, treated }),
        2 => campaign().prop_map(|campaign| Record::Left { enrollment: 0, campaign }),
        3 => target,
    ];
    (at(), record)
}

const CAMPAIGNS: [&str; 2] = ["winback", "birthday"];
const BATCHES: [&str; 2] = ["spring", "autumn"];
const CHANNELS: [&str; 2] = ["email", "sms"];
const PURPOSES: [Purpose; 2] = [Purpose::Marketing, Purpose::Survey];

/// Any question about records.
pub(in crate::rule) fn any_test() -> impl Strategy<Value = RecordTest> {
    let about = (prop::sample::select(CHANNELS.to_vec()), prop::sample::select(PURPOSES.to_vec()));
    let answers = vec![Answer::Granted, Answer::Denied, Answer::Said, Answer::Unsaid];
    let consent = (about, prop::sample::select(answers), prop::option::of(age())).prop_map(
        |((channel, purpose), answer, said)| {
            let said = said.filter(|_| answer != Answer::Unsaid);
            RecordTest::Consent(ConsentTest { purpose, channel: channel.to_owned(), answer, said })
        },
    );
    let batch = prop::option::of(prop::sample::select(BATCHES.to_vec()));
    let coupon = batch.prop_map(|batch| RecordTest::Coupon(CouponTest { batch: batch.map(str::to_owned) }));
    let key = || prop::sample::select(CAMPAIGNS.to_vec()).prop_map(str::to_owned);
    let campaign = (key(), prop::sample::select(Deed::ALL.to_vec()), counted(), any_window()).prop_map(
        |(campaign, did, count, window)| RecordTest::Campaign(CampaignTest { campaign, did, count, window }),
    );
    let (channels, purposes) = (Channel::ALL.to_vec(), ReachTest::PURPOSES.to_vec());
    let reach = (prop::sample::select(channels), prop::sample::select(purposes))
        .prop_map(|(channel, purpose)| RecordTest::Reachable(ReachTest { channel, purpose }));
    prop_oneof![3 => consent, 2 => coupon, 3 => campaign, 1 => key().prop_map(RecordTest::Holdout), 2 => reach]
}
