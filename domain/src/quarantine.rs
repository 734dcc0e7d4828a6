//! What becomes of an event that was refused. Why it was refused is said by who read it.

use crate::names::stable_names;

stable_names! {
    /// Where a refused event stands.
    State {
        /// Waits for a person.
        Open = "open",
        /// Taken in, as it was or repaired.
        Retried = "retried",
        /// A person decided that it is no loss.
        Discarded = "discarded",
    }
}
