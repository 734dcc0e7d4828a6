//! Business time, occasions and contact windows: all arithmetic of local clocks and calendars.
//!
//! Whatever maps a local time to an instant goes through [`Instant::at_local`](crate::time::Instant::at_local),
//! so a change of summer time is treated alike everywhere: in a gap the first instant after it, in an
//! overlap the first of the two. What to do at such an instant is decided elsewhere.

pub mod business;
pub mod document;
pub mod lunar;
pub mod occasion;
pub mod range;
pub mod roster;
pub mod window;

#[cfg(test)]
mod laws;

pub use business::{Calendar, WorkingDay, YearsKnown};
pub use occasion::{MonthDay, Slot, SolarOccasion};
pub use range::DayRange;
pub use window::{ContactHours, ContactKind, LocalWindow, ShopZone, WindowDecision};
