//! Who may pull at all: shifts, capacity, calls a day, quiet hours, owners; and the list people look at.

use super::scene::{Scene, claim, content, shown};
use super::scenes;
use domain::callback::{Level, Ring, State, Unreached};
use kinkeeper::service::ServiceError;
use kinkeeper::service::callbacks::{self, Filter, Nothing, Outcome, Which};

scenes! {
    async fn an_agent_holds_no_more_than_they_may(s: Scene) {
        let (jo, sal) = (s.agent("jo", Level::Junior).await, s.agent("sal", Level::Senior).await);
        for n in 0..12 {
            s.ready(&format!("t:{n}"), "05-06 18:00").await;
        }
        for _ in 0..5 {
            s.got(jo).await;
        }
        assert_eq!(s.nothing(jo).await, Nothing::AtCapacity);
        for _ in 0..4 {
            s.got(sal).await;
        }
        assert_eq!(s.nothing(sal).await, Nothing::NoneForYou, "a senior's last fifth is for VIPs");
        let vip = s.ready_vip("t:vip", "05-08 18:00").await;
        assert_eq!(s.got(sal).await.id, vip);
        assert_eq!(s.nothing(sal).await, Nothing::AtCapacity);
        s.invariants_hold().await;
    }

    async fn the_calls_of_a_day_run_out_and_come_back(s: Scene) {
        let jo = s.agent_of("jo", Level::Junior, 5, 2).await;
        for n in 0..4 {
            s.ready(&format!("t:{n}"), "05-08 18:00").await;
        }
        let first = s.got(jo).await;
        s.got(jo).await;
        assert_eq!(s.nothing(jo).await, Nothing::CallsUsedUp, "one not yet begun will be made too");
        s.start(jo, &first).await.expect("taken");
        callbacks::outcome(&s.book, claim(jo, &first), Outcome::Reached(content())).await.expect("taken");
        assert_eq!(s.nothing(jo).await, Nothing::CallsUsedUp);
        s.go_to("05-05 09:00").await;
        assert!(s.pull(jo).await.is_ok(), "a new day");
        s.invariants_hold().await;
    }

    async fn nobody_is_called_in_quiet_hours_or_three_times_a_day(s: Scene) {
        let jo = s.agent("jo", Level::Junior).await;
        s.ready("t:1", "05-06 18:00").await;
        s.go_to("05-04 11:59").await;
        let held = s.got(jo).await;
        s.go_to("05-04 12:00").await;
        assert!(matches!(s.start(jo, &held).await, Err(ServiceError::Conflict(_))), "not at noon");
        s.ready("t:2", "05-06 18:00").await;
        assert_eq!(s.nothing(jo).await, Nothing::NoneForYou);

        // Two reasons of two kinds, one customer: the third call of the day is not made.
        s.go_to("05-04 13:30").await;
        let customer = s.customer().await;
        let mut other = s.reason("o:1", customer, "05-04 09:00", "05-04 13:45");
        s.create(other.clone()).await;
        other.kind = domain::callback::Kind::VipFollowup;
        other.origin_key = "o:2".to_owned();
        let second = s.create(other).await.id();
        let (first, also) = (s.got(jo).await, s.got(jo).await);
        assert_eq!((first.customer.id, also.id), (customer, second));
        s.start(jo, &first).await.expect("taken");
        s.not_reached(jo, &first, Unreached::Busy).await;
        s.go_to("05-04 13:46").await;
        s.start(jo, &also).await.expect("taken");
        let after = s.not_reached(jo, &also, Unreached::Busy).await;
        assert_eq!(shown(after.not_before), "05-05 09:00");
        s.go_to("05-04 14:30").await;
        assert_eq!(s.stored(first.id).await.callback.state(), State::Ready, "busy was over before the second call");
        while let Ok(view) = s.pull(jo).await {
            assert_ne!(view.customer.id, customer, "its day is used up");
        }
        s.invariants_hold().await;
    }

    async fn an_owner_comes_first_and_others_when_the_ring_opens(s: Scene) {
        let (jo, kim) = (s.agent("jo", Level::Junior).await, s.agent("kim", Level::Junior).await);
        let customer = s.customer().await;
        let mut new = s.reason("t:1", customer, "05-04 09:00", "05-06 18:00");
        new.owner = Some(kim);
        let id = s.create(new).await.id();
        assert_eq!(s.stored(id).await.callback.ring, Ring::Owner);
        assert_eq!(s.nothing(jo).await, Nothing::NoneForYou);
        s.set_now("05-04 09:30").await;
        assert_eq!(s.got(jo).await.id, id, "the pull sees a ring the router hasn't opened yet");
        s.invariants_hold().await;
    }

    async fn an_empty_ring_is_passed_over(s: Scene) {
        let jo = s.agent("jo", Level::Junior).await;
        let customer = s.customer().await;
        let mut new = s.reason("t:1", customer, "05-04 09:00", "05-06 18:00");
        new.required_level = Level::Senior;
        let id = s.create(new).await.id();
        assert_eq!(s.stored(id).await.callback.ring, Ring::LevelBelow, "no senior is rostered");
        assert_eq!(s.got(jo).await.id, id);
        s.invariants_hold().await;
    }

    async fn strangers_and_the_disabled_pull_nothing(s: Scene) {
        let jo = s.agent("jo", Level::Junior).await;
        s.ready("t:1", "05-06 18:00").await;
        s.set_now("05-04 18:00").await;
        assert_eq!(s.nothing(jo).await, Nothing::OffShift);
        s.set_now("05-05 09:00").await;
        let mut disabled = kinkeeper::store::staff::find(s.book.store.reader(), "jo").await.expect("readable").expect("there").staff;
        disabled.state = "disabled".to_owned();
        let put = s.book.store.write(kinkeeper::store::Lane::People, move |tx| {
            Box::pin(async move { kinkeeper::store::staff::put(tx, &disabled).await })
        });
        put.await.expect("taken");
        let refused = callbacks::next(&s.book, jo).await;
        assert!(matches!(refused, Err(ServiceError::Forbidden(_))), "{refused:?}");
    }

    async fn the_list_follows_the_queue_page_by_page(s: Scene) {
        let jo = s.agent("jo", Level::Junior).await;
        for (n, due) in ["05-08 18:00", "05-06 18:00", "05-04 10:00", "05-07 18:00"].into_iter().enumerate() {
            s.ready(&format!("t:{n}"), due).await;
        }
        s.go_to("05-04 10:00").await;
        let filter = |after| Filter { which: Which::In(State::Ready), after, limit: Some(3) };
        let first = callbacks::list(&s.book, filter(None)).await.expect("taken");
        let dues: Vec<_> = first.items.iter().map(|row| (row.band.number(), shown(row.due_at))).collect();
        let expected = [(0, "05-04 10:00"), (1, "05-06 18:00"), (1, "05-07 18:00")];
        assert_eq!(dues, expected.map(|(band, due)| (band, due.to_owned())));
        let rest = callbacks::list(&s.book, filter(first.next_cursor.clone())).await.expect("taken");
        assert_eq!((rest.items.len(), rest.next_cursor), (1, None));

        s.got(jo).await;
        let held = Filter { which: Which::In(State::Assigned), ..Filter::default() };
        let held = callbacks::list(&s.book, held).await.expect("taken");
        assert_eq!(held.items[0].agent.as_deref(), Some("jo"));
        let (held, all) = (held.items[0].id, async |which| {
            let filter = Filter { which, ..Filter::default() };
            callbacks::list(&s.book, filter).await.expect("taken").items.len()
        });
        callbacks::cancel(&s.book, held, "sue".to_owned(), "the customer called".to_owned()).await.expect("ended");
        assert_eq!((all(Which::Open).await, all(Which::All).await), (3, 4), "who asks for open ones sees no ended one");
        for bad in [
            Filter { limit: Some(0), ..Filter::default() },
            Filter { limit: Some(501), ..Filter::default() },
            Filter { after: Some("1.2".to_owned()), ..Filter::default() },
        ] {
            let refused = callbacks::list(&s.book, bad).await;
            assert!(matches!(refused, Err(ServiceError::Invalid(_))), "{refused:?}");
        }
    }
}
