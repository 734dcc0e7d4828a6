//! What a customer's events say beside orders and tickets: reviews, answers to questionnaires, contacts, campaigns they
//! came into, tags that people gave or took. Folded like the orders: in any order, however often.

use super::facts::{Stamped, stamped};
use crate::customer::consent::Purpose;
use crate::event::own::{Own, Settled, TagRemoval};
use crate::event::property::Values;
use crate::event::{Detail, Event, Fact};
use crate::ids::SourceId;
use crate::insight::RunKind;
use crate::names::stable_names;
use crate::time::Instant;
use crate::timeline::Timeline;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A kind of questionnaire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Satisfaction, 1–5.
    Csat,
    /// Would they recommend us, 0–10.
    Nps,
}

/// Who turned to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// We to them.
    Outbound,
    /// They to us, or they answered.
    Inbound,
}

/// What people did to a tag by hand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It is this from then on, until an instant where one is given, whatever a rule says.
    Given { value: String, until: Option<Instant> },
    /// It isn't any more what was given; where a rule gives it, that is held down until the instant.
    Taken { until: Option<Instant> },
}

/// What one customer's events say together, beside orders and tickets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dealings {
    reviews: BTreeMap<String, BTreeSet<Stamped<Option<i64>>>>,
    answers: BTreeMap<(Question, String), BTreeSet<Stamped<i64>>>,
    contacts: BTreeSet<Stamped<(String, Direction)>>,
    entered: BTreeSet<Stamped<String>>,
    marks: BTreeMap<String, BTreeSet<Stamped<Mark>>>,
    /// Instants of events by name, of every event.
    named: Arc<Named>,
    /// What was read of the properties of events, by name.
    worded: Arc<Worded>,
    scores: BTreeMap<Score, BTreeSet<Stamped<Settled>>>,
    /// Whether they let us personalise, by channel.
    personal: BTreeMap<String, BTreeSet<Stamped<bool>>>,
}

/// What tells events apart, and which of two is the later: when it was, by its message id, from whom.
pub type Stamp = (Instant, String, SourceId);

/// Events by name.
pub type Named = BTreeMap<String, BTreeSet<Stamp>>;

/// What was read of the properties of events, by name and stamp; not of events of which nobody wanted any.
pub type Worded = BTreeMap<String, BTreeMap<Stamp, Words>>;

/// What was read of one event's properties.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Words {
    /// The order it is about.
    pub order: Option<String>,
    pub values: Arc<Values>,
}

stable_names! {
    /// What a run over the whole book gives each customer.
    Score {
        /// Recency, frequency, monetary value, by quintiles.
        Rfm = "rfm",
        /// How likely they are to order within 180 d.
        Churn = "churn",
        /// What they will be worth within 365 d.
        Clv = "clv",
    }
}

impl Score {
    /// The runs that give it; `None`: there are none yet.
    pub const fn run(self) -> Option<RunKind> {
        match self {
            Self::Rfm => Some(RunKind::Rfm),
            Self::Churn | Self::Clv => None,
        }
    }
}

impl Dealings {
    pub(super) fn add(&mut self, event: &Event) {
        let named = Arc::make_mut(&mut self.named).entry(event.fact.name().to_owned()).or_default();
        named.insert((event.occurred_at, event.message_id.clone(), event.source));
        self.word(event);
        let own_id = |said: &Option<String>| said.clone().unwrap_or_else(|| event.message_id.clone());
        match &event.detail {
            Some(Detail::Review(said)) => {
                let versions = self.reviews.entry(own_id(&event.subject)).or_default();
                versions.insert(stamped(event, said.rating_milli));
            }
            Some(Detail::Feedback(said)) => {
                let question = match event.fact.name() {
                    "NPS Submitted" => Question::Nps,
                    _ => Question::Csat,
                };
                let versions = self.answers.entry((question, own_id(&event.subject))).or_default();
                versions.insert(stamped(event, said.score));
            }
            Some(Detail::Contact(said)) => {
                let answered = said.inbound || said.seconds.is_some_and(|seconds| seconds > 0);
                let contact = |direction| stamped(event, (said.channel.clone(), direction));
                if !said.inbound {
                    self.contacts.insert(contact(Direction::Outbound));
                }
                if answered {
                    self.contacts.insert(contact(Direction::Inbound));
                }
            }
            Some(Detail::Own(own)) => self.own(event, own),
            _ => {}
        }
        if let Fact::ConsentChanged { channel, purpose, granted } = &event.fact
            && purpose == Purpose::Personalization.as_str()
        {
            self.personal.entry(channel.clone()).or_default().insert(stamped(event, *granted));
        }
    }

    /// Of one message that is known twice, the greater counts: arrival decides nothing.
    fn word(&mut self, event: &Event) {
        let Some(values) = &event.values else { return };
        let words = Words { order: event.order_id().map(str::to_owned), values: values.clone() };
        let of_name = Arc::make_mut(&mut self.worded).entry(event.fact.name().to_owned()).or_default();
        let known = of_name.entry((event.occurred_at, event.message_id.clone(), event.source));
        known.and_modify(|known| *known = known.clone().max(words.clone())).or_insert(words);
    }

    fn own(&mut self, event: &Event, own: &Own) {
        match own {
            Own::TouchSent(touch) => {
                self.contacts.insert(stamped(event, (touch.channel.clone(), Direction::Outbound)));
            }
            Own::TouchClicked(touch) => {
                self.contacts.insert(stamped(event, (touch.channel.clone(), Direction::Inbound)));
            }
            Own::CampaignEntered { campaign, .. } => {
                self.entered.insert(stamped(event, campaign.clone()));
            }
            Own::TagAdded { tag, value, expires_at } => {
                let given = Mark::Given { value: value.clone(), until: *expires_at };
                self.marks.entry(tag.clone()).or_default().insert(stamped(event, given));
            }
            Own::TagRemoved(TagRemoval { tag, suppressed_until }) => {
                let taken = Mark::Taken { until: *suppressed_until };
                self.marks.entry(tag.clone()).or_default().insert(stamped(event, taken));
            }
            Own::ScoreSettled(settled) => {
                self.scores.entry(settled.score).or_default().insert(stamped(event, settled.clone()));
            }
            _ => {}
        }
    }

    /// Each review's stars over its versions, in thousandths; `None` for one without.
    pub fn reviews(&self) -> impl Iterator<Item = Vec<(Instant, Option<i64>)>> {
        self.reviews.values().map(|versions| versions.iter().map(|(at, _, stars)| (*at, *stars)).collect())
    }

    /// Each answer's scores over its versions, oldest first.
    pub fn answers(&self, question: Question) -> impl Iterator<Item = Vec<(Instant, i64)>> {
        let of = move |((asked, _), _): &(&(Question, String), &BTreeSet<Stamped<i64>>)| *asked == question;
        let versions =
            |versions: &BTreeSet<Stamped<i64>>| versions.iter().map(|(at, _, n)| (*at, *n)).collect();
        self.answers.iter().filter(of).map(move |(_, said)| versions(said))
    }

    /// Contacts by instant: over which channel, and who turned to whom.
    pub fn contacts(&self) -> impl Iterator<Item = (Instant, &str, Direction)> {
        self.contacts.iter().map(|(at, _, (channel, direction))| (*at, channel.as_str(), *direction))
    }

    /// Campaigns they came into, by instant.
    pub fn entered(&self) -> impl Iterator<Item = (Instant, &str)> {
        self.entered.iter().map(|(at, _, campaign)| (*at, campaign.as_str()))
    }

    /// What people did to this tag, oldest first.
    pub fn marks(&self, tag: &str) -> impl Iterator<Item = (Instant, &Mark)> {
        self.marks.get(tag).into_iter().flatten().map(|(at, _, mark)| (*at, mark))
    }

    /// When events happened, by name.
    pub fn named(&self) -> Arc<Named> {
        self.named.clone()
    }

    /// What was read of the properties of events.
    pub fn worded(&self) -> Arc<Worded> {
        self.worded.clone()
    }

    /// As if such products (by the order, where the event is about one, and the SKU) had never stood in any properties.
    pub(super) fn hide(&mut self, hidden: impl Fn(Option<&str>, &str) -> bool) {
        let bare = |words: &Words| words.values.hiding(|sku| hidden(words.order.as_deref(), sku));
        if self.worded.values().flat_map(BTreeMap::values).all(|words| bare(words).is_none()) {
            return;
        }
        for words in Arc::make_mut(&mut self.worded).values_mut().flat_map(BTreeMap::values_mut) {
            if let Some(values) = bare(words) {
                words.values = Arc::new(values);
            }
        }
    }

    /// What runs over the whole book gave, oldest first.
    pub fn scores(&self, score: Score) -> impl Iterator<Item = (Instant, &Settled)> {
        self.scores.get(&score).into_iter().flatten().map(|(at, _, settled)| (*at, settled))
    }

    /// Whether they let us personalise: until they object on any channel, and again once they have taken that back.
    pub fn personalised(&self) -> Timeline<bool> {
        self.objections().map(Vec::is_empty)
    }

    /// On which channels they object to being personalised.
    pub fn objections(&self) -> Timeline<Vec<String>> {
        self.personal.iter().fold(Timeline::always(Vec::new()), |all, (channel, said)| {
            let granted = Timeline::from_points(true, said.iter().map(|(at, _, granted)| (*at, *granted)));
            all.zip_with(&granted, |channels, granted| {
                let mut channels = channels.clone();
                channels.extend((!granted).then(|| channel.clone()));
                channels
            })
        })
    }
}
