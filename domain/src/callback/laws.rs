//! Tests of a callback's life, step by step and under random events, and of the laws of rank and ring.

use super::result::{Next, Resolved, Satisfaction, Verified};
use super::samples::{agent, at, callback, service_hours, times};
use super::*;
use crate::ids::StaffId;
use crate::time::{Instant, Span};
use proptest::prelude::*;
use std::collections::BTreeMap;

const ANNA: StaffId = StaffId(1);
const BEN: StaffId = StaffId(2);

fn result(resolved: Resolved) -> CallResult {
    CallResult {
        resolved,
        satisfaction: Satisfaction::new(4),
        feedback: None,
        next: Next::Nothing,
        churn_reason: None,
        verified: Verified::Yes,
    }
}

fn pull(agent: StaffId) -> Event {
    Event::Pull { agent, shift_ends_at: at("05-04 18:00") }
}

/// Applies an event at 2026-`now` with `today` attempts already made.
fn happens(callback: &Callback, event: Event, now: &str, today: u32) -> Result<Transition, Refusal> {
    let calendar = service_hours();
    let times = CallTimes { attempts_today: today, ..times(&calendar) };
    apply(callback, &event, at(now), &times).map_err(|e| e.why)
}

fn ready() -> Callback {
    happens(&callback(1), Event::Wake, "05-04 09:00", 0).expect("wakes").next
}
fn assigned() -> Callback {
    happens(&ready(), pull(ANNA), "05-04 09:10", 0).expect("pulled").next
}
fn calling() -> Callback {
    happens(&assigned(), Event::Start { agent: ANNA }, "05-04 09:20", 0).expect("started").next
}

#[test]
fn it_is_made_ready_only_when_due_and_callable() {
    let calendar = service_hours();
    let made = |not_before: &str, now: &str| {
        let task = callback(1).task;
        Callback::create(crate::ids::CallbackId(1), task, at(not_before), at(now), &times(&calendar))
    };
    assert_eq!(made("05-04 09:00", "05-04 08:59").state(), State::Scheduled);
    let ready = made("05-04 09:00", "05-04 09:00");
    assert_eq!((ready.state(), ready.ready_since), (State::Ready, Some(at("05-04 09:00"))));
    assert_eq!(made("05-04 09:00", "05-04 12:00").state(), State::Scheduled);
    assert_eq!(
        made("05-04 09:00", "05-04 20:30").wakes_at(at("05-04 20:30"), &times(&calendar)),
        at("05-05 09:00")
    );
}

#[test]
fn it_wakes_at_not_before_and_not_in_quiet_hours() {
    let scheduled = callback(1);
    let early = happens(&scheduled, Event::Wake, "05-04 08:59:59", 0);
    assert_eq!(early, Err(Refusal::NotYet { until: at("05-04 09:00") }));
    let noon = happens(&scheduled, Event::Wake, "05-04 12:10", 0);
    assert_eq!(noon, Err(Refusal::NotYet { until: at("05-04 13:30") }));
    let used_up = happens(&scheduled, Event::Wake, "05-04 10:00", 2);
    assert_eq!(used_up, Err(Refusal::NotYet { until: at("05-05 09:00") }));
    let woken = happens(&scheduled, Event::Wake, "05-04 09:00", 0).expect("wakes");
    assert_eq!((woken.to(), woken.effects), (State::Ready, vec![Effect::EpisodeOpened]));
}

#[test]
fn a_pulled_callback_is_leased_for_thirty_business_minutes_or_to_the_shifts_end() {
    let lease = |now: &str| {
        let held = happens(&ready(), pull(ANNA), now, 0).expect("pulled").next;
        held.phase.hold().map(|h| h.lease_until)
    };
    assert_eq!(lease("05-04 09:10"), Some(at("05-04 09:40")));
    assert_eq!(lease("05-04 17:45"), Some(at("05-04 18:00")));
    let held = assigned();
    assert_eq!(happens(&held, pull(BEN), "05-04 09:11", 0), Err(Refusal::NotInTable));
    let running = happens(&held, Event::LeaseLapsed, "05-04 09:39:59", 0);
    assert_eq!(running, Err(Refusal::LeaseRuns { until: at("05-04 09:40") }));
    let back = happens(&held, Event::LeaseLapsed, "05-04 09:40", 0).expect("lapses");
    assert_eq!(back.effects, [Effect::CapacityFreed { agent: ANNA }]);
    assert_eq!((back.next.ready_since, back.next.attempts), (Some(at("05-04 09:00")), 0));
    assert_eq!(happens(&held, Event::AgentGone, "05-04 09:15", 0).map(|t| t.to()), Ok(State::Ready));
}

#[test]
fn quiet_hours_and_the_days_limit_bind_to_the_last_moment() {
    let until = at("05-04 13:30");
    assert_eq!(happens(&ready(), pull(ANNA), "05-04 12:00", 0), Err(Refusal::CallingClosed { until }));
    let start = Event::Start { agent: ANNA };
    assert_eq!(happens(&assigned(), start.clone(), "05-04 12:00", 0), Err(Refusal::CallingClosed { until }));
    let tomorrow = Refusal::DayUsedUp { until: at("05-05 09:00") };
    assert_eq!(happens(&assigned(), start, "05-04 09:20", 2), Err(tomorrow));
}

#[test]
fn only_the_holder_speaks_for_it() {
    let by_ben = [
        (assigned(), Event::Start { agent: BEN }),
        (assigned(), Event::Decline { agent: BEN, ring: Ring::Team }),
        (calling(), Event::Reached { agent: BEN, result: result(Resolved::Yes) }),
        (calling(), Event::NotReached { agent: BEN, ended: Unreached::NoAnswer }),
    ];
    for (callback, event) in by_ben {
        assert_eq!(happens(&callback, event, "05-04 09:30", 0), Err(Refusal::HeldByAnother));
    }
}

#[test]
fn a_decliner_is_passed_over_until_the_ring_rises_or_it_wakes_anew() {
    let declined = happens(&assigned(), Event::Decline { agent: ANNA, ring: Ring::Team }, "05-04 09:20", 0);
    let declined = declined.expect("declined");
    let exclusion = Exclusion { agent: ANNA, ring: Ring::Team };
    assert_eq!(declined.effects, [Effect::CapacityFreed { agent: ANNA }, Effect::Excluded(exclusion)]);
    assert_eq!(declined.next.excluded, [exclusion]);
    let mut again = declined.next;
    again.phase = Phase::Scheduled;
    assert_eq!(happens(&again, Event::Wake, "05-04 10:00", 0).expect("wakes").next.excluded, []);
}

#[test]
fn a_customer_reached_completes_it_and_a_bad_answer_reopens_the_case() {
    let good =
        happens(&calling(), Event::Reached { agent: ANNA, result: result(Resolved::Yes) }, "05-04 09:27", 0);
    let good = good.expect("reached");
    assert_eq!((good.from, good.to(), good.next.attempts), (State::InProgress, State::Completed, 1));
    assert_eq!(good.effects.len(), 2);
    // Nobody took it away after its two hours: the word still counts.
    let late = Event::Reached { agent: ANNA, result: result(Resolved::No) };
    let bad = happens(&calling(), late, "05-04 11:30", 0).expect("reached");
    assert_eq!(bad.effects.last(), Some(&Effect::CaseReopened));
}

#[test]
fn three_unanswered_attempts_exhaust_it_and_a_vips_has_four() {
    let unanswered = |vip: bool| {
        let mut callback = callback(1);
        callback.task.marks.vip = vip;
        let mut slots = Vec::new();
        let calendar = service_hours();
        while !callback.state().is_final() {
            let now = callback.not_before;
            let today =
                callback.attempt_day.filter(|d| d.on == now.local_date(samples::ZONE)).map_or(0, |d| d.count);
            let times = CallTimes { attempts_today: today, ..times(&calendar) };
            let no_answer = Event::NotReached { agent: ANNA, ended: Unreached::NoAnswer };
            let shift_ends_at = now + Span::hours(8);
            for event in [
                Event::Wake,
                Event::Pull { agent: ANNA, shift_ends_at },
                Event::Start { agent: ANNA },
                no_answer,
            ] {
                callback = apply(&callback, &event, now, &times).expect("in order").next;
            }
            slots.push(now.local(samples::ZONE).format("%d %H:%M").to_string());
        }
        assert_eq!(callback.state(), State::Exhausted);
        slots
    };
    assert_eq!(unanswered(false), ["04 09:00", "04 13:30", "05 09:00"]);
    assert_eq!(unanswered(true), ["04 09:00", "04 13:30", "05 09:00", "05 13:30"]);
}

#[test]
fn the_last_attempt_and_a_wrong_person_bring_one_message() {
    let mut last = calling();
    last.attempts = 2;
    for (callback, ended) in [(last, Unreached::Busy), (calling(), Unreached::WrongPerson)] {
        let end =
            happens(&callback, Event::NotReached { agent: ANNA, ended }, "05-04 09:27", 0).expect("ends");
        assert_eq!((end.to(), end.effects.last()), (State::Exhausted, Some(&Effect::FallbackMessage)));
    }
}

#[test]
fn an_abandoned_attempt_is_not_counted() {
    let lapsed = happens(&calling(), Event::LeaseLapsed, "05-04 11:20", 0).expect("lapses");
    assert_eq!((lapsed.to(), lapsed.next.attempts, lapsed.next.last_agent), (State::Ready, 0, None));
    let abandoned = Effect::AttemptClosed { agent: ANNA, ending: Ending::Abandoned };
    assert_eq!(lapsed.effects, [abandoned, Effect::CapacityFreed { agent: ANNA }]);
}

#[test]
fn what_is_open_can_be_cancelled_and_what_is_over_stays() {
    for open in [callback(1), ready(), assigned(), calling()] {
        let cancelled = happens(&open, Event::Cancel, "05-04 09:30", 0).expect("cancelled");
        assert_eq!(cancelled.to(), State::Cancelled);
        let error = apply(&cancelled.next, &Event::Cancel, at("05-04 09:30"), &times(&service_hours()));
        let error = error.expect_err("final").to_string();
        assert_eq!(error, "a callback that is cancelled refuses cancel: that doesn't follow from this state");
    }
}

#[test]
fn a_phase_is_put_together_only_where_state_and_holder_agree() {
    let hold = Hold { agent: ANNA, lease_until: at("05-04 10:00") };
    for state in State::ALL {
        let held = matches!(state, State::Assigned | State::InProgress);
        assert_eq!(Phase::from_parts(*state, Some(hold)).is_some(), held, "{state}");
        assert_eq!(Phase::from_parts(*state, None).is_some(), !held, "{state}");
        let phase = Phase::from_parts(*state, held.then_some(hold)).expect("agrees");
        assert_eq!((phase.state(), phase.hold()), (*state, held.then_some(hold)));
    }
}

fn some_event() -> impl Strategy<Value = Event> {
    let agent = || prop::sample::select(vec![ANNA, BEN]);
    prop_oneof![
        3 => Just(Event::Wake),
        4 => agent().prop_map(|agent| Event::Pull { agent, shift_ends_at: Instant::MAX }),
        4 => agent().prop_map(|agent| Event::Start { agent }),
        1 => agent().prop_map(|agent| Event::Decline { agent, ring: Ring::Team }),
        1 => Just(Event::LeaseLapsed),
        1 => Just(Event::AgentGone),
        1 => agent().prop_map(|agent| Event::Reached { agent, result: result(Resolved::Yes) }),
        5 => (agent(), prop::sample::select(Unreached::ALL.to_vec()))
            .prop_map(|(agent, ended)| Event::NotReached { agent, ended }),
        1 => prop::bool::weighted(0.1).prop_map(|c| if c { Event::Cancel } else { Event::Wake }),
    ]
}

/// The table of the rules, as pairs.
fn in_table(from: State, to: State) -> bool {
    use State::{Assigned, Cancelled, Completed, Exhausted, InProgress, Ready, Scheduled};
    matches!(
        (from, to),
        (Scheduled, Ready)
            | (Ready, Assigned)
            | (Assigned, InProgress | Ready)
            | (InProgress, Completed | Scheduled | Exhausted | Ready)
            | (Scheduled | Ready | Assigned | InProgress, Cancelled)
    )
}

/// Folds the effects as a store would: who holds it, whose attempt is open, attempts counted.
#[derive(Default)]
struct Books {
    held: BTreeMap<StaffId, i64>,
    open: Option<StaffId>,
    counted: u32,
}

impl Books {
    fn enter(&mut self, effect: &Effect) -> Result<(), TestCaseError> {
        match effect {
            Effect::CapacityTaken { agent } => *self.held.entry(*agent).or_default() += 1,
            Effect::CapacityFreed { agent } => *self.held.entry(*agent).or_default() -= 1,
            Effect::AttemptOpened { agent } => prop_assert_eq!(self.open.replace(*agent), None),
            Effect::AttemptClosed { agent, ending } => {
                prop_assert_eq!(self.open.take(), Some(*agent));
                self.counted += u32::from(*ending != Ending::Abandoned);
            }
            _ => {}
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_events_never_break_a_callback(
        vip in any::<bool>(),
        steps in prop::collection::vec((some_event(), 0i64..240), 1..80),
    ) {
        let calendar = service_hours();
        let mut callback = callback(1);
        callback.task.marks.vip = vip;
        let mut books = Books::default();
        let mut now = at("05-04 08:00");
        for (event, minutes) in steps {
            now = now + Span::minutes(minutes);
            let today = callback.attempt_day.filter(|d| d.on == now.local_date(samples::ZONE)).map_or(0, |d| d.count);
            let times = CallTimes { attempts_today: today, ..times(&calendar) };
            let Ok(transition) = apply(&callback, &event, now, &times) else { continue };
            prop_assert!(in_table(transition.from, transition.to()), "{:?} by {:?}", transition, event);
            for effect in &transition.effects {
                books.enter(effect)?;
            }
            callback = transition.next;
            let holder = callback.phase.hold().map(|h| h.agent);
            let holding: Vec<StaffId> = books.held.iter().filter(|(_, n)| **n != 0).map(|(a, _)| *a).collect();
            prop_assert_eq!(holding, holder.into_iter().collect::<Vec<_>>());
            prop_assert!(books.held.values().all(|n| (0..=1).contains(n)));
            prop_assert_eq!(books.open, holder.filter(|_| callback.state() == State::InProgress));
            prop_assert_eq!(callback.attempts, books.counted);
            prop_assert!(callback.attempts <= callback.attempts_allowed());
            prop_assert!(callback.attempt_day.is_none_or(|d| d.count <= 2));
            if callback.state() == State::Scheduled {
                prop_assert!(callback.moves_by_itself_at(now, &times).is_some_and(|t| t > now));
            }
        }
    }

    #[test]
    fn a_ring_only_widens(
        elapsed in 0i64..600, later in 0i64..600, due in -100i64..2_000,
        owner in prop::sample::select(vec![OwnerChance::Can, OwnerChance::Cannot, OwnerChance::Nobody]),
        rostered in prop::array::uniform5(any::<bool>()),
    ) {
        let ring = |minutes: i64| {
            let base = ring::ring_at(Span::minutes(minutes), owner, Span::minutes(due - minutes));
            base.passing_over(|r| Ring::ALL.iter().zip(rostered).any(|(a, here)| *a == r && here))
        };
        prop_assert!(ring(elapsed) <= ring(elapsed + later));
    }

    #[test]
    fn the_ring_is_constant_up_to_its_next_rise(
        since in 0i64..3_000, waited in 0i64..3_000, due in 0i64..6_000,
        owner in prop::sample::select(vec![OwnerChance::Can, OwnerChance::Nobody]),
    ) {
        let calendar = service_hours();
        let mut callback = ready();
        callback.ready_since = Some(at("05-04 09:00") + Span::minutes(since));
        callback.task.due_at = at("05-04 09:00") + Span::minutes(due);
        let now = at("05-04 09:00") + Span::minutes(since + waited);
        let ring = |t| callback.ring_at(owner, t, &calendar);
        match callback.ring_rises_at(owner, now, &calendar) {
            Some(rise) => {
                prop_assert_eq!(ring(rise - Span::micros(1)), ring(now));
                prop_assert!(ring(rise) > ring(now));
            }
            None => prop_assert_eq!(ring(now), Ring::Anyone),
        }
    }

    #[test]
    fn a_senior_gets_no_ordinary_one_while_a_vips_waits(
        queue in prop::collection::vec((0i64..4_000, any::<bool>(), 0usize..5, 0i64..3), 1..20),
        level in prop::sample::select(Level::ALL.to_vec()), held in 0u32..6, hour in 9i64..18,
    ) {
        let now = at("05-04 00:00") + Span::hours(hour);
        let queue: Vec<(Callback, Ring)> = queue.into_iter().enumerate().map(|(i, (due, vip, ring, owner))| {
            let mut callback = callback(i as i64 + 1);
            callback.task.due_at = at("05-04 08:00") + Span::minutes(due);
            callback.task.marks.vip = vip;
            callback.task.owner = Some(StaffId(owner)).filter(|o| o.0 > 0);
            (callback, Ring::ALL[ring])
        }).collect();
        let agent = agent(1, level);
        let load = Load { held, calls_today: 0 };
        let got = rank::pick(&agent, load, now, queue.iter().map(|(c, r)| (c, *r)));
        let able: Vec<&Callback> = queue.iter()
            .filter(|(c, r)| ring::may_serve(&agent, load, c, *r, now).is_ok()).map(|(c, _)| c).collect();
        prop_assert_eq!(got.is_some(), !able.is_empty());
        let Some(got) = got else { return Ok(()) };
        prop_assert!(!got.task.marks.vip || level >= Level::Senior);
        for other in able {
            prop_assert!(got.band(now) <= other.band(now));
            let skipped_vip = other.task.marks.vip && !got.task.marks.vip && other.band(now) == got.band(now);
            prop_assert!(level == Level::Junior || !skipped_vip, "{:?} before {:?}", got, other);
            let (a, b) = (got.order_key(now, level), other.order_key(now, level));
            prop_assert!(a < b || (a == b && got.id == other.id));
        }
    }
}
