//! Every table with a customer in it, and how it follows a merge. A test fails on one that isn't here.

/// A table whose rows are rewritten.
#[derive(Debug)]
pub struct Moved {
    pub table: &'static str,
    /// What is unique beside the customer; empty where nothing is.
    pub key: &'static [&'static str],
    /// How far advanced a row is, as SQL over the alias `t`: of two with one key the greater stays.
    pub rank: &'static str,
    /// What else a move sets: who holds a lease on the row has read another customer's.
    pub touch: &'static str,
}

const fn moved(table: &'static str) -> Moved {
    Moved { table, key: &[], rank: "0", touch: "" }
}

/// Whoever was reached is further than whoever is done, active, out, late or failed; then the later step.
const ENROLLMENT: &str = "CASE WHEN EXISTS (SELECT 1 FROM touchpoint h WHERE h.enrollment_id = t.id \
    AND h.state IN ('sending', 'sent', 'delivered', 'bounced', 'unknown')) THEN 100000 ELSE 0 END \
    + 10000 * CASE t.state WHEN 'done' THEN 5 WHEN 'active' THEN 4 WHEN 'exited' THEN 3 WHEN 'expired' THEN 2 \
    WHEN 'failed' THEN 1 ELSE 0 END + t.step";

/// Rewritten, row by row with its origin. `callback` has its own rule for two open ones of a kind.
pub const MOVED: &[Moved] = &[
    moved("event"),
    moved("event_personal"),
    moved("identifier"),
    moved("consent"),
    Moved { touch: ", fence = fence + 1, leased_until = NULL, lease_owner = NULL", ..moved("trigger_queue") },
    Moved {
        key: &["campaign_id", "occasion_key"],
        rank: ENROLLMENT,
        touch: ", fence = fence + CASE WHEN state = 'active' THEN 1 ELSE 0 END, leased_until = NULL, lease_owner = NULL",
        ..moved("enrollment")
    },
    Moved {
        touch: ", fence = fence + CASE WHEN state IN ('planned', 'deferred', 'queued') THEN 1 ELSE 0 END, \
                leased_until = CASE WHEN state IN ('planned', 'deferred', 'queued') THEN NULL ELSE leased_until END, \
                lease_owner = CASE WHEN state IN ('planned', 'deferred', 'queued') THEN NULL ELSE lease_owner END",
        ..moved("touchpoint")
    },
    Moved {
        key: &["local_date"],
        rank: "CASE WHEN EXISTS (SELECT 1 FROM touchpoint h WHERE h.id = t.touchpoint_id \
               AND h.state IN ('sending', 'sent', 'delivered', 'bounced', 'unknown')) THEN 1000 ELSE 0 END + t.priority",
        ..moved("contact_day")
    },
    moved("contact_ledger"),
    Moved {
        key: &["batch_id", "source_ref"],
        rank: "CASE t.state WHEN 'redeemed' THEN 3 WHEN 'issued' THEN 2 WHEN 'reserved' THEN 1 ELSE 0 END",
        ..moved("coupon")
    },
    moved("callback"),
    moved("note"),
];

/// Folded anew from the log's events (`store::projections`), whose they are.
pub const FOLDED: &[&str] = &["contact_made", "feedback", "orders", "refund", "review", "shipment", "ticket"];

/// Not moved but written anew from what was: from the log's rows, by whoever keeps the customer, by the next run.
pub const ANEW: &[&str] = &[
    "contact_point",
    "customer_due",
    "customer_personal",
    "name_part",
    "profile",
    "score",
    "tag_current",
    "tag_ended",
];

/// Stays as it was written: what was decided for each customer, and who looked at whom. Never rewritten. Whoever isn't
/// themselves any more is taken off the list of those to be forgotten by the housekeeper.
pub const STAYS: &[&str] = &["access_log", "retention_person", "tag_history"];
