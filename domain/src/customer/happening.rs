//! What one list of all that happened with a customer is made of.

use crate::names::stable_names;

stable_names! {
    /// Where a line of it comes from. Lines of one instant go by this order.
    Happening {
        Callback = "callback",
        Consent = "consent",
        /// An event of the log.
        Fact = "fact",
        Note = "note",
        /// They came into a segment, or left it.
        Segment = "segment",
        Tag = "tag",
        /// A contact, or the decision not to make one.
        Touch = "touch",
    }
}
