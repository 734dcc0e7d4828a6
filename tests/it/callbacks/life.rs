//! The life of one callback: made, joined, woken, held, lost, ended.

use super::scene::{Scene, at, claim, content, shown};
use super::scenes;
use domain::callback::{Band, Level, Ring, State, Unreached};
use domain::time::Span;
use kinkeeper::service::ServiceError;
use kinkeeper::service::callbacks::{self, Created, Nothing, Outcome};
use kinkeeper::store::{Step, audit};

fn conflict<T: std::fmt::Debug>(answer: Result<T, ServiceError>) -> String {
    match answer {
        Err(ServiceError::Conflict(detail)) => detail,
        other => panic!("not a conflict: {other:?}"),
    }
}

scenes! {
    async fn from_its_reason_to_the_customers_word(s: Scene) {
        let jo = s.agent("jo", Level::Junior).await;
        let customer = s.customer().await;
        let id = s.create(s.reason("t:1", customer, "05-05 09:00", "05-07 18:00")).await.id();
        let made = s.stored(id).await;
        assert_eq!((made.callback.state(), made.wake_at), (State::Scheduled, Some(at("05-05 09:00"))));
        assert_eq!(s.nothing(jo).await, Nothing::NoneForYou);

        let moved = s.book.store.step_clock(None, at("05-09 00:00")).await.expect("taken");
        assert_eq!(moved, Step::Moved(at("05-05 09:00")), "the virtual clock stops where it wakes");
        assert_eq!((s.route().await, s.route().await), (1, 0));
        let view = s.got(jo).await;
        assert_eq!((view.id, view.state, view.band, view.ring), (id, State::Assigned, Band::Ordinary, Ring::Team));
        assert_eq!(view.lease_until, Some(at("05-05 09:30")));
        assert_eq!(view.reason.as_deref(), Some("important ticket T-1"));

        s.set_now("05-05 09:10").await;
        let calling = s.start(jo, &view).await.expect("taken");
        assert_eq!((calling.state, calling.lease_until), (State::InProgress, Some(at("05-05 11:10"))));
        assert_eq!(calling.fence, view.fence, "one claim from the pull to the outcome");
        s.set_now("05-05 09:17").await;
        let ended = callbacks::outcome(&s.book, claim(jo, &view), Outcome::Reached(content())).await.expect("taken");
        assert_eq!((ended.state, ended.attempts, ended.ended_at), (State::Completed, 1, Some(at("05-05 09:17"))));

        assert_eq!(s.events(id).await, ["created", "wake", "pull", "start", "reached"]);
        assert_eq!(s.number("SELECT held * 100 + calls FROM agent_load").await, 1);
        let audited = audit::list_about(s.book.store.reader(), &format!("callback:{id}"), 9).await.expect("taken");
        assert_eq!(audited.iter().map(|e| (e.actor.as_str(), e.action.as_str())).collect::<Vec<_>>(), [("jo", "callback.ended_call")]);
        let again = callbacks::outcome(&s.book, claim(jo, &view), Outcome::Reached(content())).await;
        assert!(conflict(again).contains("not yours any more"));
        s.invariants_hold().await;
    }

    async fn a_second_reason_joins_and_the_earliest_due_time_wins(s: Scene) {
        let customer = s.customer().await;
        let first = s.create(s.reason("t:1", customer, "05-05 09:00", "05-07 18:00")).await;
        let Created::New(id) = first else { panic!("{first:?}") };
        let sooner = s.reason("t:2", customer, "05-04 14:00", "05-06 18:00");
        assert_eq!(s.create(sooner.clone()).await, Created::Joined(id));
        let later = s.reason("t:3", customer, "05-06 09:00", "05-08 18:00");
        assert_eq!(s.create(later).await, Created::Joined(id));
        assert_eq!(s.create(sooner).await, Created::Known(id));
        let joined = s.stored(id).await;
        assert_eq!(shown(joined.callback.task.due_at), "05-06 18:00");
        assert_eq!(joined.wake_at, Some(at("05-04 14:00")));
        assert_eq!(s.events(id).await, ["created", "joined", "joined"]);
        assert_eq!(s.number("SELECT COUNT(*) FROM callback_origin").await, 3);

        callbacks::cancel(&s.book, id, "sam".to_owned(), "asked by mail".to_owned()).await.expect("taken");
        let next = s.create(s.reason("t:4", customer, "05-05 09:00", "05-07 18:00")).await;
        assert!(matches!(next, Created::New(new) if new != id), "{next:?}: an ended one is not joined");
        s.invariants_hold().await;
    }

    async fn a_lapsed_lease_gives_it_back_with_its_rank(s: Scene) {
        let (jo, kim) = (s.agent("jo", Level::Junior).await, s.agent("kim", Level::Junior).await);
        let id = s.ready("t:1", "05-06 18:00").await;
        let before = s.stored(id).await;
        let held = s.got(jo).await;
        s.go_to("05-04 09:29").await;
        assert_eq!(s.nothing(kim).await, Nothing::NoneForYou);
        s.go_to("05-04 09:30").await;
        let back = s.stored(id).await;
        assert_eq!(back.callback.state(), State::Ready);
        assert_eq!(back.callback.rank_at(), before.callback.rank_at());
        assert_eq!(back.callback.ready_since, before.callback.ready_since, "the episode goes on");

        let taken = s.got(kim).await;
        assert!(conflict(s.start(jo, &held).await).contains("not yours any more"));
        assert!(conflict(callbacks::decline(&s.book, claim(jo, &held), None).await).contains("not yours"));
        s.start(kim, &taken).await.expect("taken");
        // Dialled, and never heard of again: not an attempt.
        s.go_to("05-04 11:30").await;
        let back = s.stored(id).await;
        assert_eq!((back.callback.state(), back.callback.attempts), (State::Ready, 0));
        let late = callbacks::outcome(&s.book, claim(kim, &taken), Outcome::Reached(content())).await;
        assert!(conflict(late).contains("not yours any more"));
        // The same agent's older claim is stale too.
        let again = s.got(kim).await;
        assert_ne!(again.fence, taken.fence);
        assert!(conflict(s.start(kim, &taken).await).contains("not yours any more"));
        assert_eq!(s.number("SELECT CAST(SUM(held) AS BIGINT) FROM agent_load").await, 1);
        s.invariants_hold().await;
    }

    async fn who_declines_is_passed_over_until_the_ring_rises(s: Scene) {
        let jo = s.agent("jo", Level::Junior).await;
        let id = s.ready("t:1", "05-06 18:00").await;
        let view = s.got(jo).await;
        callbacks::decline(&s.book, claim(jo, &view), Some("language".to_owned())).await.expect("taken");
        assert_eq!(s.stored(id).await.callback.state(), State::Ready);
        assert_eq!(s.nothing(jo).await, Nothing::NoneForYou);
        // Ring 2 opens 90 business minutes after the start at ring 1.
        s.go_to("05-04 10:29").await;
        assert_eq!(s.nothing(jo).await, Nothing::NoneForYou);
        s.go_to("05-04 10:30").await;
        assert_eq!(s.stored(id).await.callback.ring, Ring::AnyTeam);
        assert_eq!(s.got(jo).await.id, id);
        assert_eq!(s.stored(id).await.callback.attempts, 0);
        s.invariants_hold().await;
    }

    async fn three_unanswered_calls_exhaust_it_over_parts_and_days(s: Scene) {
        let jo = s.agent("jo", Level::Junior).await;
        let id = s.ready("t:1", "05-06 18:00").await;
        s.go_to("05-04 10:00").await;
        let first = s.try_in_vain(jo).await;
        assert_eq!((first.state, shown(first.not_before).as_str()), (State::Scheduled, "05-04 13:30"));
        assert_eq!(shown(first.due_at), "05-04 15:30", "two hours into the next slot");
        s.go_to("05-04 13:30").await;
        let second = s.try_in_vain(jo).await;
        assert_eq!(shown(second.not_before), "05-05 09:00", "two calls a day are enough");
        s.go_to("05-05 09:00").await;
        let third = s.try_in_vain(jo).await;
        assert_eq!((third.state, third.attempts), (State::Exhausted, 3));
        let closing = s.log(id).await.pop().expect("there");
        assert_eq!(closing.detail["also"], serde_json::json!(["fallback_message"]));
        assert_eq!(s.number("SELECT COUNT(*) FROM callback WHERE wake_at IS NOT NULL").await, 0);
        s.invariants_hold().await;
    }

    async fn a_vips_callback_never_goes_below_a_senior(s: Scene) {
        let jo = s.agent("jo", Level::Junior).await;
        let id = s.ready_vip("t:1", "05-04 18:00").await;
        // Any ring, any delay: past due, band 0, and still no junior's.
        for instant in ["05-04 09:00", "05-04 14:00", "05-04 17:40", "05-05 10:00", "05-08 17:00"] {
            s.go_to(instant).await;
            assert_eq!(s.nothing(jo).await, Nothing::NoneForYou, "{instant}");
        }
        assert_eq!(s.stored(id).await.band, Band::Breached);
        let sal = s.agent("sal", Level::Senior).await;
        assert_eq!(s.got(sal).await.id, id);
        s.invariants_hold().await;
    }

    async fn a_breach_is_told_once_and_lifts_it_before_the_others(s: Scene) {
        let jo = s.agent("jo", Level::Junior).await;
        let late = s.ready("t:1", "05-04 11:00").await;
        // Later due, but boosted before the late one by its complaint.
        let customer = s.customer().await;
        s.tag(customer, "complaint_open").await;
        let boosted = s.create(s.reason("t:2", customer, "05-04 09:00", "05-05 10:00")).await.id();
        assert!(s.stored(boosted).await.callback.rank_at() < s.stored(late).await.callback.rank_at());

        s.set_now("05-04 11:00").await;
        let pulled = s.got(jo).await;
        assert_eq!((pulled.id, pulled.band), (late, Band::Breached), "the pull sees a breach the router hasn't");
        s.route().await;
        assert_eq!(s.stored(late).await.breached_at, Some(at("05-04 11:00")));
        assert_eq!(s.number("SELECT COUNT(*) FROM callback_escalation").await, 1);

        s.start(jo, &pulled).await.expect("taken");
        let slot = s.not_reached(jo, &pulled, Unreached::Busy).await;
        assert_eq!((slot.band, slot.state), (Band::Ordinary, State::Scheduled));
        assert_eq!(s.stored(late).await.breached_at, None);
        s.go_to("05-04 17:00").await;
        assert_eq!(s.stored(late).await.band, Band::Breached);
        let told = format!("SELECT COUNT(*) FROM callback_escalation WHERE callback_id = {}", late.0);
        assert_eq!(s.number(&told).await, 1, "its supervisor knows");
        s.invariants_hold().await;
    }

    async fn one_who_isnt_content_is_escalated(s: Scene) {
        let jo = s.agent("jo", Level::Junior).await;
        let id = s.ready("t:1", "05-06 18:00").await;
        let view = s.got(jo).await;
        s.start(jo, &view).await.expect("taken");
        let result = serde_json::from_value(serde_json::json!({"resolved": "no"})).expect("there");
        callbacks::outcome(&s.book, claim(jo, &view), Outcome::Reached(result)).await.expect("taken");
        assert_eq!(s.events(id).await, ["created", "pull", "start", "reached", "escalated"]);
        assert_eq!(s.number("SELECT COUNT(*) FROM callback_escalation WHERE cause = 'dissatisfied'").await, 1);
        s.invariants_hold().await;
    }

    async fn an_agent_who_is_gone_holds_nothing(s: Scene) {
        let (jo, kim) = (s.agent("jo", Level::Junior).await, s.agent("kim", Level::Junior).await);
        let id = s.ready("t:1", "05-06 18:00").await;
        s.set_now("05-04 17:50").await;
        let view = s.got(jo).await;
        assert_eq!(view.lease_until, Some(at("05-04 18:00")), "not beyond the shift");
        s.go_to("05-04 18:00").await;
        assert_eq!(s.stored(id).await.callback.state(), State::Ready);
        s.go_to("05-05 09:00").await;
        s.got(jo).await;
        s.remove_shifts(jo).await;
        assert_eq!(s.route().await, 1);
        assert_eq!(s.nothing(jo).await, Nothing::OffShift);
        assert_eq!(s.got(kim).await.id, id);
        assert!(s.events(id).await.contains(&"agent_gone".to_owned()));
        s.invariants_hold().await;
    }

    async fn a_row_that_cant_be_moved_holds_up_no_other(s: Scene) {
        let (bad, good) = (s.customer().await, s.customer().await);
        let broken = s.create(s.reason("t:1", bad, "05-05 09:00", "05-07 18:00")).await.id();
        let sound = s.create(s.reason("t:2", good, "05-05 09:00", "05-07 18:00")).await.id();
        s.run("UPDATE callback SET kind = 'gossip' WHERE id = $1", vec![broken.0.into()]).await;
        s.go_to("05-05 09:00").await;
        assert_eq!(s.stored(sound).await.callback.state(), State::Ready);
        let wake = s.number(&format!("SELECT wake_at FROM callback WHERE id = {}", broken.0)).await;
        assert_eq!(wake, (at("05-05 09:00") + Span::minutes(10)).micros());
    }
}
