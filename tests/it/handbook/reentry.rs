//! Stories of coming in again: within a campaign's cool-down nobody does, however the causes arrive.

use super::scene::{Act, Handbook, at};
use super::stories;
use domain::time::Instant;
use kinkeeper::service::planning;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use serde_json::json;
use std::time::Duration;

/// A mail after each ticket, but not again within 30 d.
const AFTER_TICKETS: &str = "
kind: campaign
key: after_tickets
name: { en: After tickets, zh: 工单之后 }
purpose: marketing
audience: everyone
trigger: { event: { name: Ticket Resolved } }
reentry: { cool_down: 30d }
steps:
  - send: { channels: [email], template: winback_d0 }
expires: 3d
priority: 40
owner: kinkeeper
";

/// A greeting that no two Christmases in a row bring.
const NOW_AND_THEN: &str = "
kind: campaign
key: now_and_then
name: { en: Now and then, zh: 偶尔 }
purpose: marketing
audience: everyone
trigger:
  occasion: { name: christmas, title: { en: Christmas, zh: 圣诞节 }, solar: \"12-25\", at: \"10:00\" }
reentry: { cool_down: 400d }
steps:
  - send: { channels: [email], template: festival }
expires: same_local_day
priority: 70
owner: kinkeeper
";

stories! {
    async fn three_tickets_of_one_file_are_one_entry(book: live "2026-12-01 00:00") {
        book.people("
            ann | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            bea | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
        ").await;
        book.declare(AFTER_TICKETS).await;
        book.approve("after_tickets").await;
        book.at("2026-12-03 09:30")
            .tells_of_settled("ann", &[("a1", "2026-12-02 10:00"), ("a2", "2026-12-02 15:00"), ("a3", "2026-12-03 09:00")])
            .tells_of_settled("bea", &[("b1", "2026-12-03 08:00")]);
        // 30 d after the first: a microsecond before it, and at it.
        book.at("2027-01-01 09:59:59.999999").settles("ann", "a4");
        book.at("2027-01-01 10:00").settles("ann", "a5");
        book.walk_to("2027-01-05 00:00").await;
        book.lived("ann", "
            after_tickets from 2026-12-02 10:00: done 2026-12-03 09:30
              winback_d0 mailed 2026-12-03 09:30
            after_tickets from 2027-01-01 10:00: done 2027-01-01 10:00
              winback_d0 mailed 2027-01-01 10:00
        ").await;
        book.lived("bea", "
            after_tickets from 2026-12-03 08:00: done 2026-12-03 09:30
              winback_d0 mailed 2026-12-03 09:30
        ").await;
    }

    async fn who_comes_in_a_twenty_first_time_in_a_day_is_stopped(book: live "2026-12-01 00:00") {
        book.people("
            ann | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            bea | America/New_York | own | yes | 2026-11-20 12:00 300
        ").await;
        // Without a cool-down, as two campaigns are that feed each other.
        book.declare(&AFTER_TICKETS.replace("reentry: { cool_down: 30d }\n", "")).await;
        book.approve("after_tickets").await;
        let entered = async |book: &Handbook, state: &str| {
            let db = book.book().store.reader();
            let sql = format!("SELECT i.value || ' ' || e.occasion_key AS entered FROM enrollment e JOIN identifier i \
                ON i.customer_id = e.customer_id AND i.kind = 'user_id' WHERE {state} ORDER BY e.entered_at, e.id");
            let statement = sea_orm::Statement::from_string(db.get_database_backend(), sql);
            let rows = db.query_all_raw(statement).await.expect("read");
            rows.iter().map(|row| row.try_get_by_index::<String>(0).expect("text")).collect::<Vec<_>>()
        };
        let minutes = |n: usize| format!("2026-12-03 {:02}:{:02}", 22 + n / 60, n % 60);
        for n in 0..23 {
            book.at(&minutes(n * 5)).settles("ann", &format!("a{n:02}")).settles("bea", &format!("b{n:02}"));
        }
        // After midnight in Shanghai; it is still the 3rd in New York.
        book.at("2026-12-04 00:05").settles("ann", "a30").settles("bea", "b30");
        book.walk_to("2026-12-04 00:30").await;
        let stopped = entered(book, "e.state = 'exited' AND e.reason = 'loop'").await;
        let of = |who: &str| stopped.iter().filter(|line| line.starts_with(who)).map(|line| line.rsplit(':').next().expect("a ticket").to_owned()).collect::<Vec<_>>();
        assert_eq!(of("ann"), ["a20", "a21", "a22"], "{stopped:?}");
        assert_eq!(of("bea"), ["b20", "b21", "b22", "b30"], "{stopped:?}");
        assert_eq!(entered(book, "1 = 1").await.len(), 48);
        assert_eq!(entered(book, "e.reason = 'loop' AND EXISTS (SELECT 1 FROM touchpoint t WHERE t.enrollment_id = e.id)").await.len(), 0);
    }

    async fn two_planners_let_somebody_in_once(book: live "2026-12-01 00:00") {
        book.people("ann | Asia/Shanghai | own | yes | 2026-11-20 12:00 300").await;
        book.declare(AFTER_TICKETS).await;
        book.approve("after_tickets").await;
        book.walk_to("2026-12-03 10:00").await;
        let settled = |book: &mut Handbook, ticket: &str| {
            book.track("ann", "Ticket Resolved", at("2026-12-03 10:00"), json!({ "ticket_id": ticket }))
        };
        let told = vec![settled(book, "a1"), settled(book, "a2")];
        Act::Told(told).happen(book.book(), book.source()).await.expect("told");
        // Where planners can stand beside each other, both decide before either has entered anybody.
        let barrier = Barrier::raise(book).await;
        let now = book.book().now().await.expect("a clock");
        let (first, second) = (planner(book, now), planner(book, now));
        if let Some(barrier) = barrier {
            barrier.lower_when_both_wait().await;
        }
        first.await.expect("no panic");
        second.await.expect("no panic");
        assert_eq!(book.occasions("ann").await.len(), 1, "each planner took its cause for the first");
        book.walk_to("2026-12-05 00:00").await;
    }

    async fn a_schedule_keeps_to_it_too(book: live "2026-12-01 00:00") {
        book.people("ann | Asia/Shanghai | own | yes | -").await;
        book.declare(NOW_AND_THEN).await;
        book.approve("now_and_then").await;
        book.walk_to("2027-12-31 00:00").await;
        book.lived("ann", "
            now_and_then from 2026-12-25 10:00: done 2026-12-25 10:00
              festival mailed 2026-12-25 10:00
        ").await;
        assert_eq!(book.slots("now_and_then").await[..2], ["2026-12-25T10:00:00 done", "2027-12-25T10:00:00 done"]);
    }
}

/// A planner that takes one trigger.
fn planner(book: &Handbook, now: Instant) -> tokio::task::JoinHandle<()> {
    let book = book.book().clone();
    tokio::spawn(async move {
        assert_eq!(planning::plan_due(&book, now, 1).await.expect("plans"), 1);
    })
}

/// Keeps everybody from entering, on PostgreSQL. SQLite has one writer, and nothing to hold up.
struct Barrier {
    holder: DatabaseConnection,
    watch: DatabaseConnection,
}

impl Barrier {
    async fn raise(book: &Handbook) -> Option<Self> {
        let url = book.house.database.url();
        if !url.starts_with("postgres") {
            return None;
        }
        let mut options = ConnectOptions::new(&url);
        options.max_connections(1);
        let holder = Database::connect(options).await.expect("a connection of its own");
        let watch = Database::connect(&url).await.expect("another");
        holder.execute_unprepared("BEGIN; LOCK TABLE enrollment IN SHARE MODE").await.expect("locked");
        Some(Self { holder, watch })
    }

    async fn lower_when_both_wait(self) {
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let looked = async {
            loop {
                let statement = sea_orm::Statement::from_string(self.watch.get_database_backend(), waiting);
                let row = self.watch.query_one_raw(statement).await.expect("read").expect("a count");
                if row.try_get_by_index::<i64>(0).expect("a number") == 2 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), looked)
            .await
            .expect("both planners come to the barrier");
        self.holder.execute_unprepared("COMMIT").await.expect("lowered");
    }
}
