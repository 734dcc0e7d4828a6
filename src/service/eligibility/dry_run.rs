//! Who a campaign would write to from here on, and why the others get nothing: planner and gate asked about
//! everybody, as if the campaign ran in a live book. Nothing is written here.

use super::{Batches, Person, causes, goes_out, unmade};
use crate::service::approval::obstacles;
use crate::service::dispatch::look::{Around, Room, inputs};
use crate::service::live::PREVIEW_DAYS;
use crate::service::shop::{Shop, shop};
use crate::service::{Book, ServiceError, campaigns, planning};
use crate::store::campaigns::CampaignRow;
use crate::store::ways::{self, EntryRow};
use crate::store::{causes as known, meta, occurrences, profiles};
use chrono_tz::Tz;
use domain::campaign::definition::{Definition, TagChange, TagTrigger, Trigger};
use domain::campaign::entry::{Cause, Entry, Refusal, anew};
use domain::campaign::gate::Live;
use domain::campaign::journey::{Enrollment, next_send};
use domain::campaign::state::{CampaignState, EnrollmentState};
use domain::campaign::tally::{Tally, most};
use domain::campaign::trigger::Words;
use domain::ids::CustomerId;
use domain::problem::Problem;
use domain::segment::key_of;
use domain::time::{Instant, Span};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What a campaign would do if it ran from now on.
#[derive(Debug, Clone, Serialize)]
pub struct DryRun {
    pub campaign: String,
    /// The instant it was asked for.
    pub at: Instant,
    /// Who was looked at: `everybody`, `customers with churn_risk now, …`.
    pub looked_at: String,
    /// What keeps it from being approved.
    pub obstacles: Vec<Problem>,
    /// What keeps over half of the audience from a message, and its remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// In the audience today: for a tag's campaign with the tag, else everybody its rule takes in.
    pub audience: u64,
    pub entry: Entering,
    /// What the gate would say to those who enter by themselves: `send` of them would be written to.
    #[serde(flatten)]
    pub gate: Tally,
    /// What it would say if the whole audience entered now. None where those who enter are the audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_all_entered: Option<Tally>,
}

/// Who comes in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Entering {
    /// How: `at the slot …`, `when churn_risk newly begins; counted up to …`.
    pub how: String,
    /// Enter by themselves as far as is known, within the next days or at the coming slot.
    pub enters: u64,
    /// Of the audience, already on their way: their next messages come in any case.
    pub inside: u64,
    /// Of the audience, those who never enter by themselves, by reason: `entered` was let in before, the
    /// others are the planner's refusals.
    pub stays_out: BTreeMap<&'static str, u64>,
}

const PAGE: i64 = 1_000;

/// Asks planner and gate about everybody the campaign could reach.
pub async fn dry_run(book: &Book, key: &str) -> Result<DryRun, ServiceError> {
    let (row, version, definition) = campaigns::newest(book, key).await?;
    let Some(first) =
        next_send(&definition, &Enrollment { step: 0, entered_at: Instant::from_micros(0) }, &[])
    else {
        return Err(ServiceError::Conflict(format!(
            "{key} sends no message; a dry run asks who would be written to"
        )));
    };
    let (now, shop) = (book.now().await?, shop(book).await?);
    let run = Run {
        book,
        now,
        until: now + Span::days(PREVIEW_DAYS),
        live_since: meta::go_live_at(book.store.reader()).await?.unwrap_or(now),
        room: Room::load(book, vec![version.id]).await?,
        batches: Batches::load(book).await?,
        words: Words::of(&definition.trigger),
        // The first message comes this long after the entry.
        first: (first.0, first.1 - Instant::from_micros(0)),
        shop,
        row,
        definition,
    };
    let mut found = Counts::default();
    let mut after = CustomerId(0);
    loop {
        let people = occurrences::page(book.store.reader(), after, CustomerId(i64::MAX), PAGE).await?;
        let Some((last, _)) = people.last() else { break };
        let last = *last;
        run.page(&people, (after, last), &mut found).await?;
        after = last;
    }
    run.told(found).await
}

/// What stays the same for everybody.
struct Run<'b> {
    book: &'b Book,
    now: Instant,
    /// How far ahead causes are looked for.
    until: Instant,
    /// Going live is what a dry run comes before: at the latest it is now.
    live_since: Instant,
    room: Room,
    batches: Batches,
    words: Words,
    /// The first message's step, and how long after the entry it is wanted out.
    first: (usize, Span),
    shop: Shop,
    row: CampaignRow,
    definition: Definition,
}

#[derive(Default)]
struct Counts {
    audience: u64,
    entering: Entering,
    gate: Tally,
    if_all: Tally,
}

type Page = [(CustomerId, Option<Tz>)];

impl Run<'_> {
    async fn page(
        &self,
        people: &Page,
        (after, last): (CustomerId, CustomerId),
        found: &mut Counts,
    ) -> Result<(), ServiceError> {
        let inside = planning::audience(self.book, &self.definition, people, self.now).await?;
        let of_rule: Vec<Person> = people
            .iter()
            .filter(|(id, _)| inside.contains(id))
            .map(|(id, zone)| Person { id: *id, zone: *zone })
            .collect();
        let ids: Vec<CustomerId> = of_rule.iter().map(|person| person.id).collect();
        let latest = ways::latest(self.book.store.reader(), self.row.id, &ids).await?;
        let coming = match &self.definition.trigger {
            Trigger::Tag(tag) => self.by_tag(tag, &of_rule, &latest, (after, last), found).await?,
            Trigger::Occasion(occasion) => {
                let by_slot = |person: &Person| {
                    let zone = person.zone.unwrap_or(self.shop.zone);
                    let slot = occasion.solar.next_slot(self.now, zone).map(|slot| slot.at);
                    let at = self.place(latest.get(&person.id), None, slot, found)?;
                    Some((*person, at))
                };
                of_rule.iter().filter_map(by_slot).collect()
            }
            Trigger::Event(_) => {
                found.audience += of_rule.len() as u64;
                self.ask(of_rule.iter().map(|p| (*p, self.now)), &mut found.if_all).await?;
                Vec::new()
            }
        };
        found.entering.enters += coming.len() as u64;
        self.ask(coming.into_iter(), &mut found.gate).await
    }

    /// Places those who have the tag; gives who newly gets it, and when.
    async fn by_tag(
        &self,
        tag: &TagTrigger,
        people: &[Person],
        latest: &HashMap<CustomerId, EntryRow>,
        page: (CustomerId, CustomerId),
        found: &mut Counts,
    ) -> Result<Vec<(Person, Instant)>, ServiceError> {
        let holders = self.with_tag(tag, people).await?;
        let ids: Vec<CustomerId> = holders.iter().map(|person| person.id).collect();
        let used = |id, key: &str| latest.get(&id).is_some_and(|entry| entry.occasion_key == key);
        let causes = causes::of_tag(self.book, &self.shop, tag, &ids, used).await?;
        for id in &ids {
            self.place(latest.get(id), causes.get(id), None, found);
        }
        self.ask(holders.iter().map(|person| (*person, self.now)), &mut found.if_all).await?;
        let expected = self.expected(tag, people, page).await?;
        let comes = |person: &Person| {
            let expected = expected.get(&person.id).copied().filter(|at| *at <= self.until);
            let entry = self.entry(latest.get(&person.id), causes.get(&person.id), expected);
            entry.coming().map(|at| (*person, at))
        };
        Ok(people.iter().filter_map(comes).collect())
    }

    /// Counts one of the audience as coming, on their way or staying out; gives when they come.
    fn place(
        &self,
        latest: Option<&EntryRow>,
        cause: Option<&Cause>,
        slot: Option<Instant>,
        found: &mut Counts,
    ) -> Option<Instant> {
        found.audience += 1;
        let entry = self.entry(latest, cause, slot);
        // A slot that is planned ahead has let them in already.
        let slot = slot.filter(|slot| latest.is_none_or(|latest| latest.cause_at < *slot));
        if slot.is_some() && entry.coming().is_some() {
            return slot;
        }
        let reason = match (entry.refusal(), latest.map(|latest| latest.state)) {
            (_, Some(EnrollmentState::Active)) => {
                found.entering.inside += 1;
                return None;
            }
            (Some(Refusal::Waiting), _) => return None,
            (None, _) if slot.is_some() => Refusal::CoolDown.as_str(),
            (None, _) => "entered",
            (Some(refusal), _) => refusal.as_str(),
        };
        *found.entering.stays_out.entry(reason).or_default() += 1;
        None
    }

    /// Somebody's entry, as if the campaign ran in a live book.
    fn entry(&self, latest: Option<&EntryRow>, cause: Option<&Cause>, expected: Option<Instant>) -> Entry {
        Entry {
            live: Live::Since(self.live_since),
            campaign: CampaignState::Running,
            running_since: Some(self.row.running_since.unwrap_or(self.now)),
            in_audience: true,
            reentry: self.definition.reentry,
            last: latest.map(|latest| latest.cause_at),
            cause: cause.cloned(),
            expected,
        }
    }

    /// Those of the page who have the tag.
    async fn with_tag(&self, tag: &TagTrigger, people: &[Person]) -> Result<Vec<Person>, ServiceError> {
        let value = wanted_value(tag);
        let ids: Vec<CustomerId> = people.iter().map(|person| person.id).collect();
        let having = profiles::having_tag(self.book.store.reader(), &ids, (&tag.key, value)).await?;
        Ok(people.iter().filter(|person| having.contains(&person.id)).copied().collect())
    }

    /// When the tag newly begins for those of whom something changes by itself soon.
    async fn expected(
        &self,
        tag: &TagTrigger,
        people: &[Person],
        (after, last): (CustomerId, CustomerId),
    ) -> Result<HashMap<CustomerId, Instant>, ServiceError> {
        let changing = known::changing(self.book.store.reader(), after, last, self.until).await?;
        let people: Vec<Person> = people.iter().filter(|p| changing.contains(&p.id)).copied().collect();
        causes::expected(self.book, &self.shop, tag, &people, self.now).await
    }

    /// Asks the gate about the first message of everybody who enters, each at their instant.
    async fn ask(
        &self,
        entering: impl Iterator<Item = (Person, Instant)>,
        tally: &mut Tally,
    ) -> Result<(), ServiceError> {
        let (step, later) = self.first;
        let shop_zone = self.shop.zone;
        let asked: Vec<_> = entering
            .filter_map(|(person, at)| {
                let wanted = at + later;
                let step = (step, wanted);
                let touch = unmade(&self.row, &self.definition, &self.batches, person, step, shop_zone)?;
                let at = goes_out(&self.room, &self.definition, person.zone, wanted, touch.expires_at);
                Some((touch, at))
            })
            .collect();
        let touches: Vec<_> = asked.iter().map(|(touch, _)| *touch).collect();
        let (db, secrets) = (self.book.store.reader(), &self.book.secrets);
        let around = Around::about(db, secrets, &touches, self.now).await?;
        for (touch, at) in asked {
            let mut seen = inputs(&self.room, &around, &self.definition, touch, at);
            // Both are decided by approving and going live.
            seen.live = Live::Since(self.live_since);
            seen.campaign = CampaignState::Running;
            tally.count(&seen, at, self.shop.currency);
        }
        Ok(())
    }

    async fn told(self, found: Counts) -> Result<DryRun, ServiceError> {
        let Counts { audience, mut entering, gate, if_all } = found;
        let by_slot = matches!(self.definition.trigger, Trigger::Occasion(_));
        entering.how = self.how();
        let staying = most(&entering.stays_out, audience).map(|(reason, n)| {
            let remedy = anew(&self.words);
            format!("{n} of {audience} don't enter by themselves ({reason}); it would take: {remedy}")
        });
        let of_gate = if by_slot { gate.headline() } else { if_all.headline() };
        Ok(DryRun {
            campaign: self.row.key.clone(),
            at: self.now,
            looked_at: self.looked_at(),
            obstacles: obstacles(self.book, &self.definition).await?,
            headline: staying.or(of_gate),
            audience,
            entry: entering,
            gate,
            if_all_entered: (!by_slot).then_some(if_all),
        })
    }

    fn how(&self) -> String {
        let noun = &self.words.noun;
        match &self.definition.trigger {
            Trigger::Occasion(occasion) => match occasion.solar.next_slot(self.now, self.shop.zone) {
                Some(slot) => format!("at the next {noun}, {}", slot.at.shown_in(self.shop.zone)),
                None => format!("at the next {noun}; there is none to come"),
            },
            Trigger::Tag(_) => format!(
                "by {}; counted are those foreseen until {}",
                anew(&self.words),
                self.until.shown_in(self.shop.zone)
            ),
            Trigger::Event(_) => format!("by {}; how many can't be foreseen", anew(&self.words)),
        }
    }

    fn looked_at(&self) -> String {
        match &self.definition.trigger {
            Trigger::Occasion(_) | Trigger::Event(_) => "everybody".to_owned(),
            Trigger::Tag(tag) => {
                if let Some(key) = key_of(&tag.key) {
                    return format!(
                        "customers in segment {key} now, and those who come into it within {PREVIEW_DAYS} d"
                    );
                }
                let value = wanted_value(tag).filter(|value| *value != "true");
                let value = value.map(|value| format!("={value}")).unwrap_or_default();
                format!("customers with {}{value} now, and those who get it within {PREVIEW_DAYS} d", tag.key)
            }
        }
    }
}

/// The value the audience of a tag's campaign has now; any where none is named.
fn wanted_value(tag: &TagTrigger) -> Option<&str> {
    match &tag.change {
        TagChange::Entered { value } | TagChange::Left { value } => value.as_deref(),
        TagChange::Changed { to, .. } => to.as_deref(),
    }
}
