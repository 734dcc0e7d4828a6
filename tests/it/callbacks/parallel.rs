//! Eight agents at once over some hundred callbacks and two days, some of whom decline, dial in vain or die:
//! nothing is held twice, nothing disappears, and every pull is the right one by an independent replay.

use super::replay::{Sums, judged};
use super::scene::{Scene, claim, content, day};
use super::scenes;
use domain::callback::{Level, Unreached};
use domain::ids::StaffId;
use kinkeeper::service::callbacks::{self, CallbackView, Outcome, Pulled};
use kinkeeper::service::{Book, ServiceError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;

const VIPS: usize = 50;
const OTHERS: usize = 150;

/// Everybody waits at the same door: the transaction may have to be asked for again.
async fn persistent<T, F: Future<Output = Result<T, ServiceError>>>(
    ask: impl Fn() -> F,
) -> Result<T, ServiceError> {
    loop {
        match ask().await {
            Err(ServiceError::Unavailable { .. }) => tokio::task::yield_now().await,
            answer => return answer,
        }
    }
}

/// What one agent does with one callback.
async fn handle(book: &Book, agent: StaffId, view: &CallbackView, chance: u32) {
    let mine = claim(agent, view);
    match chance {
        // Dies holding it; the lease brings it back.
        0..10 => return,
        10..20 => {
            persistent(|| callbacks::decline(book, mine, None)).await.expect("mine to decline");
            return;
        }
        _ => drop(persistent(|| callbacks::start(book, mine)).await.expect("mine to start")),
    }
    let how = match chance {
        // Dies on the phone.
        20..25 => return,
        25..45 => Outcome::NotReached(Unreached::NoAnswer),
        45..55 => Outcome::NotReached(Unreached::Busy),
        _ => Outcome::Reached(content()),
    };
    persistent(|| callbacks::outcome(book, mine, how.clone())).await.expect("mine to end");
}

/// Pulls until nothing is left for this agent at this instant.
async fn work(book: Arc<Book>, agent: StaffId, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        match persistent(|| callbacks::next(&book, agent)).await.expect("a pull") {
            Pulled::Got(view) => handle(&book, agent, &view, random.random_range(0..100)).await,
            Pulled::None(_) => return,
        }
    }
}

scenes! {
    async fn eight_agents_share_a_queue(s: Scene) {
        let mut levels = BTreeMap::new();
        for n in 0..8 {
            let level = if n < 3 { Level::Senior } else { Level::Junior };
            levels.insert(s.agent_of(&format!("agent-{n}"), level, 5, 1_000).await, level);
        }
        for n in 0..VIPS + OTHERS {
            // Dues mixed over three days, some at the same instant.
            let due = day([1, 0, 2, 1][n % 4], ["11:00", "15:00", "18:00"][n % 3]);
            let origin = format!("t:{n}");
            if n % 4 == 3 { s.ready_vip(&origin, &due).await } else { s.ready(&origin, &due).await };
        }
        let hours = ["09:00", "09:45", "11:00", "13:30", "15:45", "17:00"];
        for (round, instant) in (0..4).flat_map(|d| hours.map(|hour| day(d, hour))).enumerate() {
            s.set_now(&instant).await;
            // Everybody at once, the router among them.
            let mut all = tokio::task::JoinSet::new();
            for (n, agent) in levels.keys().enumerate() {
                all.spawn(work(s.book.clone(), *agent, (round * 8 + n) as u64));
            }
            let (book, now) = (s.book.clone(), s.book.now().await.expect("a clock"));
            all.spawn(async move {
                for _ in 0..4 {
                    persistent(|| callbacks::move_due(&book, now, 100)).await.expect("moves");
                }
            });
            while let Some(done) = all.join_next().await {
                done.expect("nobody panics");
            }
            if round % 6 == 3 {
                s.invariants_hold().await;
            }
        }
        s.invariants_hold().await;
        let Sums { pulls, vip_pulls, lapses, declines, ended, open } = judged(&s, &levels).await;
        assert_eq!(ended + open, VIPS + OTHERS);
        assert!(open < 10, "{open} still open after four days");
        assert!(pulls > VIPS + OTHERS && vip_pulls >= VIPS, "{pulls}, of which {vip_pulls}");
        assert!(lapses > 10 && declines > 10, "{lapses} leases lapsed, {declines} declined");
        let created = s.number("SELECT COUNT(*) FROM callback_log WHERE event = 'created'").await;
        assert_eq!(created, s.number("SELECT COUNT(*) FROM callback").await);
    }
}
