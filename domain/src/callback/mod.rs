//! Callbacks (回访任务): tasks for a person, from creation to their end, and who gets which when.
//!
//! Everything here is a function of the callback, the agent, the calendars and an instant. Locking,
//! capacity counters, leases as rows and the order of SQL statements are the store's; so is the fence
//! that turns a stale agent away.

mod names;

pub mod agent;
pub mod attempts;
pub mod due;
pub mod rank;
pub mod result;
pub mod ring;
pub mod state;
pub mod task;
pub mod times;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod samples;

pub use agent::{Agent, Level, Load, Shift, Unfit};
pub use attempts::Unreached;
pub use due::{DueTimes, TicketReason, Urgency};
pub use rank::{Band, OrderKey};
pub use result::CallResult;
pub use ring::{OwnerChance, Ring};
pub use state::{Effect, Ending, Event, Refusal, Transition, TransitionError, apply};
pub use task::{AttemptDay, Callback, Exclusion, Hold, Kind, Marks, Phase, State, Task};
pub use times::CallTimes;
