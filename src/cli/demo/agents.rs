//! The scripted agents: whoever is on shift and free pulls the next callback, dials at once, and has an
//! outcome after seven minutes. How a call ends follows from its number, so every run tells the same story.

use crate::service::callbacks::{self, Claim, Filter, Outcome, Pulled, Which};
use crate::service::{Book, ServiceError, staff};
use crate::worker::Feed;
use domain::callback::result::{Next, Resolved, Satisfaction, Verified};
use domain::callback::{CallResult, State, Unreached};
use domain::ids::{CallbackId, StaffId};
use domain::time::{Instant, Span};
use std::sync::Arc;

/// How long a call takes.
const CALL: Span = Span::minutes(7);

struct Agent {
    id: StaffId,
    key: String,
    /// `[from, until)`, in order.
    shifts: Vec<(Instant, Instant)>,
    call: Option<Call>,
}

struct Call {
    id: CallbackId,
    /// As handed out with the claim; unknown after an interruption.
    fence: Option<i64>,
    ends_at: Instant,
}

impl Agent {
    /// Whether there is time for one more call.
    fn may_begin(&self, now: Instant) -> bool {
        self.call.is_none() && self.shifts.iter().any(|(from, until)| now >= *from && now + CALL <= *until)
    }
}

pub struct Agents {
    book: Arc<Book>,
    agents: Vec<Agent>,
    now: Instant,
}

impl Agents {
    /// Everybody on the roster. Who holds a callback (after an interrupted run) goes on with it.
    pub async fn on_roster(book: Arc<Book>) -> Result<Self, ServiceError> {
        let now = book.now().await?;
        let mut agents = Vec::new();
        for member in staff::rostered(&book).await? {
            let shifts = member.shifts.iter().map(|shift| (shift.from, shift.until)).collect();
            agents.push(Agent { id: member.id, key: member.key, shifts, call: None });
        }
        let mut this = Self { book, agents, now };
        for state in [State::Assigned, State::InProgress] {
            this.take_up(state, now).await?;
        }
        Ok(this)
    }

    async fn take_up(&mut self, state: State, now: Instant) -> Result<(), ServiceError> {
        let filter = Filter { which: Which::In(state), limit: Some(500), ..Filter::default() };
        for row in callbacks::list(&self.book, filter).await?.items {
            let holder = self.agents.iter_mut().find(|agent| row.agent.as_deref() == Some(&agent.key));
            let Some(agent) = holder else { continue };
            let claim = Claim { id: row.id, agent: agent.id, fence: None };
            if state == State::Assigned && callbacks::start(&self.book, claim).await.is_err() {
                continue;
            }
            agent.call = Some(Call { id: row.id, fence: None, ends_at: now + CALL });
        }
        Ok(())
    }

    /// Ends the calls whose time is up; gives how many.
    async fn hang_up(&mut self, now: Instant) -> Result<u64, ServiceError> {
        let mut ended = 0;
        for agent in &mut self.agents {
            let Some(call) = agent.call.take_if(|call| call.ends_at <= now) else { continue };
            let claim = Claim { id: call.id, agent: agent.id, fence: call.fence };
            match callbacks::outcome(&self.book, claim, ending(call.id)).await {
                // The claim lapsed meanwhile: the callback is back in the queue, and somebody else's.
                Ok(_) | Err(ServiceError::Conflict(_)) => ended += 1,
                Err(other) => return Err(other),
            }
        }
        Ok(ended)
    }

    /// Lets everybody who is free take the next; gives how many did.
    async fn pull(&mut self, now: Instant) -> Result<u64, ServiceError> {
        if !self.agents.iter().any(|agent| agent.may_begin(now)) {
            return Ok(0);
        }
        let waiting = Filter { which: Which::In(State::Ready), limit: Some(1), ..Filter::default() };
        if callbacks::list(&self.book, waiting).await?.items.is_empty() {
            return Ok(0);
        }
        let mut taken = 0;
        for agent in self.agents.iter_mut().filter(|agent| agent.may_begin(now)) {
            let Pulled::Got(view) = callbacks::next(&self.book, agent.id).await? else { continue };
            let claim = Claim { id: view.id, agent: agent.id, fence: Some(view.fence) };
            taken += 1;
            match callbacks::start(&self.book, claim).await {
                Ok(begun) => {
                    agent.call = Some(Call { id: begun.id, fence: Some(begun.fence), ends_at: now + CALL });
                }
                // Another daemon let time pass since, and nobody may be called any more: it lapses.
                Err(ServiceError::Conflict(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(taken)
    }
}

/// How the call of this callback ends: now and then nobody answers, most are content.
fn ending(id: CallbackId) -> Outcome {
    if id.0 % 9 == 4 {
        return Outcome::NotReached(Unreached::NoAnswer);
    }
    let (resolved, points) = match id.0 {
        n if n % 17 == 5 => (Resolved::Partly, 3),
        n if n % 2 == 0 => (Resolved::Yes, 4),
        _ => (Resolved::Yes, 5),
    };
    Outcome::Reached(CallResult {
        resolved,
        satisfaction: Satisfaction::new(points),
        feedback: None,
        next: Next::Nothing,
        churn_reason: None,
        verified: Verified::Yes,
    })
}

#[async_trait::async_trait]
impl Feed for Agents {
    async fn next_at(&mut self) -> Result<Option<Instant>, ServiceError> {
        let now = self.now;
        let calls = self.agents.iter().filter_map(|agent| agent.call.as_ref().map(|call| call.ends_at));
        let shifts = self.agents.iter().flat_map(|agent| agent.shifts.iter().map(|(from, _)| *from));
        Ok(calls.chain(shifts).filter(|at| *at > now).min())
    }

    async fn deliver(&mut self, now: Instant) -> Result<u64, ServiceError> {
        self.now = now;
        Ok(self.hang_up(now).await? + self.pull(now).await?)
    }
}
