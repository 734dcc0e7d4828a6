//! The gate (触达校验): may this touch go out now? One ordered chain, at planning and again at hand-over; the
//! first refusal is the verdict. Everything it looks at comes in as values; `explain` shows all of it.

use super::definition::Purpose;
use super::state::CampaignState;
use super::touch::Reason;
use crate::calendar::window::WindowDecision;
use crate::customer::AccountKind;
use crate::names::stable_names;
use crate::time::{Instant, Span, add_days};
use chrono_tz::Tz;

stable_names! {
    /// The chain, in its order (domain §7). Those not built yet stand here to keep their places.
    Check {
        Live = "live",
        ErasedOrFrozen = "erased_or_frozen",
        Stop = "stop",
        Campaign = "campaign",
        Budget = "budget",
        Quota = "quota",
        Expiry = "expiry",
        Consent = "consent",
        Suppression = "suppression",
        Minor = "minor",
        Account = "account",
        Personalization = "personalization",
        MuteDay = "mute_day",
        Loop = "loop",
        Complaint = "complaint",
        CoolDown = "cool_down",
        ControlGroup = "control_group",
        ContactDay = "contact_day",
        FrequencyCap = "frequency_cap",
        ContactWindow = "contact_window",
        Template = "template",
        ContactPoint = "contact_point",
        ChannelQuota = "channel_quota",
    }
}

impl Check {
    /// Whether `decide` asks it yet.
    pub const fn built(self) -> bool {
        !matches!(
            self,
            Self::ErasedOrFrozen
                | Self::Quota
                | Self::Minor
                | Self::Personalization
                | Self::MuteDay
                | Self::Loop
                | Self::CoolDown
                | Self::ControlGroup
                | Self::Template
                | Self::ChannelQuota
        )
    }

    /// The checks that are asked, in order.
    pub fn chain() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|c| c.built())
    }
}

/// Whether the book has gone live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    Onboarding,
    Since(Instant),
}

/// What an emergency stop (一键停发) in force reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    None,
    All,
    Channel,
    Campaign,
}

/// The latest word on this channel and purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    Granted,
    Refused,
    Unknown,
}

/// Whether the contact point is on the list of refusals (拒收名单).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suppression {
    Clear,
    Suppressed,
}

/// Whether the step's coupon can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CouponNeed {
    /// The step gives none.
    NotNeeded,
    /// This touch has its own already.
    Reserved,
    /// It needs one of this face value; `left_minor` of the budget is free, none where no budget is set.
    Needed { face_minor: i64, left_minor: Option<i64> },
}

/// Who holds the customer's contact day: the local date of `now`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactDay {
    /// Nobody, or this touch itself.
    Free,
    /// Another touch that hasn't begun; a higher priority takes the day over from it.
    Waiting { campaign: String, priority: u8 },
    /// Another touch that is `sending` or further.
    Begun { campaign: String, priority: u8 },
}

/// Where the message would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactPoint {
    Usable,
    /// The customer has none on this channel.
    Missing,
    /// There is one, but it bounced or may not be used for this.
    Unusable,
}

/// Frequency caps (疲劳度): at most so many contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    pub per_local_day: usize,
    pub per_7_d: usize,
    pub per_30_d: usize,
    /// Least time between two contacts; exactly this is enough.
    pub apart: Span,
}

impl Default for Caps {
    fn default() -> Self {
        Self { per_local_day: 1, per_7_d: 2, per_30_d: 6, apart: Span::hours(16) }
    }
}

/// Everything the gate looks at.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub live: Live,
    pub stop: Stop,
    pub campaign: CampaignState,
    pub purpose: Purpose,
    pub priority: u8,
    pub coupon: CouponNeed,
    pub expires_at: Instant,
    /// Why this touch was deferred before, if it was.
    pub held_for: Option<Reason>,
    pub consent: Consent,
    pub suppression: Suppression,
    pub account: AccountKind,
    /// The open complaint, as people call it (`77`).
    pub open_complaint: Option<String>,
    pub contact_day: ContactDay,
    /// Instants of contacts that count, over all purposes and channels: hand-overs, `unknown` too, calls
    /// begun, contacts by other tools. At least those of the last 30 d, in any order, without this touch.
    pub contacts: Vec<Instant>,
    pub caps: Caps,
    /// The customer's zone, else the shop's.
    pub zone: Tz,
    pub window: WindowDecision,
    pub contact_point: ContactPoint,
}

/// The gate's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Send,
    /// Not now. `until` is the earliest instant at which this refusal can be over; none where only a
    /// change can end it (ask again when it comes, at the latest at `expires_at`).
    Defer {
        until: Option<Instant>,
        reason: Reason,
    },
    /// Never; `Reason::end` says in which state the touch ends.
    Skip {
        reason: Reason,
    },
}

/// May it go out at `now`? The first refusal in the order of [`Check`]. Planning ahead asks for the touch's
/// nominal instant instead, with contact day and window as they are then.
pub fn decide(inputs: &Inputs, now: Instant) -> Verdict {
    Check::chain().find_map(|check| refusal(check, inputs, now)).unwrap_or(Verdict::Send)
}

/// What one check says; none is passed.
pub(super) fn refusal(check: Check, i: &Inputs, now: Instant) -> Option<Verdict> {
    let skip = |reason| Some(Verdict::Skip { reason });
    let hold = |reason| Some(Verdict::Defer { until: None, reason });
    match check {
        Check::Live => match i.live {
            Live::Since(at) if now >= at => None,
            Live::Since(_) | Live::Onboarding => skip(Reason::NotLive),
        },
        Check::Stop if i.stop != Stop::None => hold(Reason::Stopped),
        Check::Campaign => match i.campaign {
            CampaignState::Running => None,
            CampaignState::Paused => hold(Reason::CampaignNotRunning),
            _ => skip(Reason::CampaignNotRunning),
        },
        Check::Budget => match i.coupon {
            CouponNeed::Needed { face_minor, left_minor }
                if left_minor.is_none_or(|left| face_minor > left) =>
            {
                skip(Reason::Budget)
            }
            _ => None,
        },
        Check::Expiry if now >= i.expires_at => skip(match i.held_for {
            // Lost its day to the end: that is why, not the clock.
            Some(Reason::LowerPriority) => Reason::LowerPriority,
            _ => Reason::Expired,
        }),
        Check::Consent if !allows(i.consent, i.purpose) => skip(Reason::NoConsent),
        Check::Suppression if i.suppression == Suppression::Suppressed => skip(Reason::Suppressed),
        Check::Account if i.purpose.needs_opt_in() && !i.account.is_consumer() => skip(Reason::NotConsumer),
        Check::Complaint if i.purpose.needs_opt_in() && i.open_complaint.is_some() => {
            hold(Reason::ComplaintOpen)
        }
        Check::ContactDay => contact_day(i, now),
        Check::FrequencyCap => caps_allow_at(i, now).and_then(|at| later(i, at, Reason::FrequencyCap)),
        Check::ContactWindow => match i.window {
            WindowDecision::Open => None,
            WindowDecision::ClosedUntil(at) => later(i, at, Reason::QuietHours),
        },
        Check::ContactPoint if i.contact_point != ContactPoint::Usable => skip(Reason::NoContactPoint),
        _ => None,
    }
}

/// Held until `until`; skipped at once where its time is over by then, since nothing is sent late.
fn later(i: &Inputs, until: Instant, reason: Reason) -> Option<Verdict> {
    Some(if until < i.expires_at {
        Verdict::Defer { until: Some(until), reason }
    } else {
        Verdict::Skip { reason }
    })
}

/// Unknown is a no for marketing and surveys, and a yes for service and recovery.
pub const fn allows(consent: Consent, purpose: Purpose) -> bool {
    match consent {
        Consent::Granted => true,
        Consent::Refused => false,
        Consent::Unknown => !purpose.needs_opt_in(),
    }
}

fn contact_day(i: &Inputs, now: Instant) -> Option<Verdict> {
    if !i.purpose.needs_opt_in() {
        return None;
    }
    let next_day = Instant::first_of(add_days(now.local_date(i.zone), 1), i.zone);
    match &i.contact_day {
        ContactDay::Free => None,
        ContactDay::Waiting { priority, .. } if i.priority > *priority => None,
        // The holder may yet end without hand-over and free the day, so it is held to its very end.
        ContactDay::Waiting { .. } => {
            Some(Verdict::Defer { until: Some(next_day.min(i.expires_at)), reason: Reason::LowerPriority })
        }
        ContactDay::Begun { .. } => later(i, next_day, Reason::LowerPriority),
    }
}

/// The earliest instant after `now` at which the caps allow a contact; none if they do at `now`, or if the
/// purpose isn't bound by them.
pub fn caps_allow_at(i: &Inputs, now: Instant) -> Option<Instant> {
    if !i.purpose.needs_opt_in() {
        return None;
    }
    let limits = [i.caps.per_local_day, i.caps.per_7_d, i.caps.per_30_d];
    if limits.contains(&0) {
        return Some(Instant::MAX);
    }
    let mut contacts = i.contacts.clone();
    contacts.sort_unstable_by(|a, b| b.cmp(a));
    // The span is (at − N d, at], so the contact that fills it leaves exactly N d later.
    let leaves = |limit: usize, span: Span| contacts.get(limit - 1).map_or(Instant::MIN, |c| *c + span);
    let apart = contacts.first().map_or(Instant::MIN, |last| *last + i.caps.apart);
    let by_spans = leaves(i.caps.per_7_d, Span::days(7)).max(leaves(i.caps.per_30_d, Span::days(30)));
    let mut at = now.max(apart).max(by_spans);
    let on_day = |at: Instant| {
        let date = at.local_date(i.zone);
        contacts.iter().filter(|c| c.local_date(i.zone) == date).count()
    };
    while on_day(at) >= i.caps.per_local_day {
        at = Instant::first_of(add_days(at.local_date(i.zone), 1), i.zone);
    }
    (at > now).then_some(at)
}

#[cfg(test)]
#[path = "gate_tests.rs"]
pub(super) mod tests;
