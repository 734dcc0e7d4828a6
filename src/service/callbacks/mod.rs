//! Callbacks (回访任务): made once a reason, pulled by agents, ended by their word, moved by the clock.
//!
//! Each use case here is one transaction: load and lock, let `domain::callback` decide, write the row under its
//! fence with its log. Nothing changes a callback's state but `domain::callback::apply`.

mod act;
mod carry_out;
mod create;
mod list;
mod moving;
mod pull;
mod view;

pub use act::{Claim, Outcome, cancel, decline, outcome, start};
pub use carry_out::Desk;
pub use create::{Created, NewCallback, create};
pub use list::{Filter, Page, Row, Which, list};
pub use moving::{move_due, next_due};
pub use pull::{Nothing, Pulled, next};
pub use view::{CallbackView, Contact, CustomerView, TagView};

/// Who acts where nobody does: the clock, a journey.
pub const BY_ITSELF: &str = "kinkeeper";
