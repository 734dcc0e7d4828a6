//! The register of what is personal: every column of every table, and what becomes of it when a person is erased. Erasing
//! goes by it, a test holds it to the schema of both databases, and the personal copy has to tell what it names. Which
//! rows are a person's says [`clusters`](super::clusters).

use super::clusters::{ANEW, FOLDED, MOVED, STAYS};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Numbers, instants, states, codes: nothing about anybody.
    Plain,
    /// A number that stands for somebody, or for an order or ticket in the shop's own books. It stays: sums stay under it.
    Number,
    /// A salted or keyed hash, or what only the key file opens.
    Hash,
    /// The shop's own: its staff, documents, settings, sources, and what they are called.
    Shop,
    /// A person's.
    Personal(Fate),
}

/// What becomes of what is personal when its person is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The row is deleted.
    Row,
    /// Nothing is left of it: null, or this where the column needs something.
    Gone(Option<&'static str>),
    /// As little is left as projections need, or nothing that names the person (`erasure::log`).
    Rewritten,
    /// A function of the log, folded anew from what is left there.
    Folded,
    /// Nobody knows whose the row is: it is searched for what the person is known by (`erasure::refused`).
    Searched,
    /// Never removed: whoever writes a reason is refused if it names the person, and else nothing of theirs goes in.
    Barred,
}

/// A table and its columns.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    /// What they hold, and their names with blanks between them.
    pub columns: &'static [(Held, &'static str)],
}

impl Table {
    /// The column that says whose a row is, where it does.
    pub fn whose(&self) -> Option<&'static str> {
        let moved = MOVED.iter().any(|moved| moved.table == self.name);
        match self.name {
            "customer" => Some("id"),
            name if moved || [FOLDED, ANEW, STAYS].iter().any(|tables| tables.contains(&name)) => {
                Some("customer_id")
            }
            _ => None,
        }
    }

    /// Its personal columns and what becomes of them.
    pub fn personal(&self) -> impl Iterator<Item = (&'static str, Fate)> {
        self.columns.iter().flat_map(|(held, columns)| {
            let fate = match held {
                Held::Personal(fate) => Some(*fate),
                _ => None,
            };
            columns.split(' ').filter_map(move |column| Some((column, fate?)))
        })
    }

    /// Whether a person's rows go whole.
    pub fn goes(&self) -> bool {
        self.personal().any(|(_, fate)| fate == Fate::Row)
    }
}

use Held::{Hash, Number, Plain, Shop};
const ROW: Held = Held::Personal(Fate::Row);
const NULL: Held = Held::Personal(Fate::Gone(None));
const BLANK: Held = Held::Personal(Fate::Gone(Some("")));
const EMPTY: Held = Held::Personal(Fate::Gone(Some("{}")));
const REWRITTEN: Held = Held::Personal(Fate::Rewritten);
const FOLDED_ANEW: Held = Held::Personal(Fate::Folded);
const SEARCHED: Held = Held::Personal(Fate::Searched);
const BARRED: Held = Held::Personal(Fate::Barred);

const fn table(name: &'static str, columns: &'static [(Held, &'static str)]) -> Table {
    Table { name, columns }
}

/// Every table, by name.
pub const TABLES: &[Table] = &[
    table(
        "access_log",
        &[(Plain, "id at act own_work"), (Number, "customer_id"), (Shop, "actor"), (EMPTY, "detail")],
    ),
    table("agent_load", &[(Plain, "held calls_on calls"), (Shop, "staff_id")]),
    table(
        "api_key",
        &[
            (Plain, "id created_at expires_at revoked_at"),
            (Hash, "secret_hash"),
            (Shop, "public_id role source_id staff_id label"),
        ],
    ),
    table("audit", &[(Plain, "id at action"), (Number, "subject"), (Shop, "actor"), (BARRED, "detail")]),
    table("blocked_identifier", &[(Plain, "id kind created_at"), (Shop, "list value reason actor")]),
    table("calendar", &[(Plain, "id changed_at"), (Shop, "key document document_hash")]),
    table(
        "callback",
        &[
            (
                Plain,
                "id kind state required_level vip severe complaint churn_risk chased courtesy created_at \
                 not_before due_at reach_due_at active_due_at band rank_at ready_since ring next_ring_at \
                 breached_at attempts attempt_day attempt_day_count lease_until fence wake_at ended_at",
            ),
            (Number, "customer_id origin_customer_id"),
            (Shop, "skills optional_skills script team owner_staff_id last_staff_id staff_id"),
            (NULL, "reason"),
            (REWRITTEN, "result"),
        ],
    ),
    table("callback_escalation", &[(Plain, "level cause at"), (Number, "callback_id")]),
    table("callback_exclusion", &[(Plain, "ring"), (Number, "callback_id"), (Shop, "staff_id")]),
    table(
        "callback_log",
        &[
            (Plain, "id at event from_state to_state"),
            (Number, "callback_id"),
            (Shop, "actor"),
            (BARRED, "detail"),
        ],
    ),
    table("callback_origin", &[(Number, "origin_key callback_id")]),
    table(
        "campaign",
        &[
            (Plain, "id state purpose priority created_at changed_at running_since"),
            (Shop, "key trigger_kind trigger_key state_reason current_version_id"),
        ],
    ),
    table(
        "campaign_version",
        &[
            (Plain, "id campaign_id version created_at approved_at"),
            (Shop, "document document_hash author approved_by"),
        ],
    ),
    table("clock", &[(Plain, "id now_at fence")]),
    table(
        "consent",
        &[
            (Plain, "id channel purpose state occurred_at recorded_at revokes"),
            (Number, "customer_id origin_customer_id"),
            (Shop, "source batch_id text_version"),
            (BLANK, "evidence"),
        ],
    ),
    table(
        "consent_batch",
        &[
            (Plain, "id signed_on lines created_at revoked_at read_to finished_at"),
            (Shop, "file_name file_hash signed_by evidence actor revoked_by revoke_reason"),
        ],
    ),
    table(
        "contact_day",
        &[(Plain, "local_date touchpoint_id priority"), (Number, "customer_id origin_customer_id")],
    ),
    table(
        "contact_ledger",
        &[
            (Plain, "id touchpoint_id channel purpose local_date counted_at"),
            (Number, "customer_id origin_customer_id"),
        ],
    ),
    table(
        "contact_made",
        &[
            (Plain, "id shop_id kind inbound seconds made_at version_at"),
            (Number, "contact_key customer_id origin_customer_id"),
            (FOLDED_ANEW, "channel purpose tool version_id"),
        ],
    ),
    table(
        "contact_point",
        &[(Plain, "id channel class usable is_primary"), (Number, "customer_id"), (ROW, "value value_hash")],
    ),
    table(
        "coupon",
        &[
            (Plain, "id batch_id face_minor state reserved_at issued_at expires_at redeemed_at"),
            (Number, "customer_id origin_customer_id source_ref last4 redeemed_order_key"),
            (Hash, "code_hash sealed"),
        ],
    ),
    table(
        "coupon_batch",
        &[
            (
                Plain,
                "id face_minor threshold_minor currency valid_days budget_minor outstanding_minor maximum \
                 created_count",
            ),
            (Shop, "key shop_id document"),
        ],
    ),
    table(
        "customer",
        &[
            (Plain, "account_kind created_at erased_at merged_at"),
            (Number, "id merged_into"),
            (Shop, "shop_id"),
            (NULL, "locale zone registered_at"),
        ],
    ),
    table(
        "customer_due",
        &[
            (Plain, "due_at fact_rev rule_epoch leased_until lease_owner fence regrouped"),
            (Number, "customer_id"),
            (NULL, "failed"),
        ],
    ),
    table("customer_personal", &[(Number, "customer_id"), (ROW, "name birthday traits")]),
    table(
        "enrollment",
        &[
            (
                Plain,
                "id campaign_id campaign_version_id arm cause_at entered_at step state reason wake_at \
                 ended_at leased_until lease_owner fence",
            ),
            (Number, "customer_id origin_customer_id occasion_key"),
            (EMPTY, "payload"),
            (NULL, "detail"),
        ],
    ),
    table("erased_name", &[(Plain, "erased_at"), (Hash, "hash")]),
    table(
        "event",
        &[
            (
                Plain,
                "id occurred_at received_at effective historical amount_minor foreign_currency foreign_minor \
                 rate",
            ),
            (Number, "customer_id origin_customer_id order_key ref_key"),
            (Shop, "source_id import_id"),
            (REWRITTEN, "message_id kind fact properties"),
        ],
    ),
    table("event_key", &[(Plain, "event_id"), (Shop, "source_id"), (REWRITTEN, "message_id")]),
    table(
        "event_property",
        &[
            (Plain, "property_id event_id n base element"),
            (Shop, "shop"),
            (REWRITTEN, "text number sku own_sku"),
        ],
    ),
    table("event_personal", &[(Number, "event_id customer_id origin_customer_id"), (ROW, "payload")]),
    table(
        "feedback",
        &[
            (Plain, "id shop_id kind score version_at"),
            (Number, "feedback_key customer_id origin_customer_id ticket_key order_key"),
            (FOLDED_ANEW, "version_id"),
        ],
    ),
    table("housekeeping", &[(Plain, "id day step done begun_at finished_at cursor_id")]),
    table(
        "idempotency",
        &[(Plain, "id status answer created_at"), (Shop, "scope"), (Hash, "idem_key body_hash")],
    ),
    table(
        "identifier",
        &[
            (Plain, "id kind"),
            (Number, "customer_id origin_customer_id"),
            (Shop, "namespace import_id"),
            (ROW, "value"),
        ],
    ),
    table(
        "import_batch",
        &[
            (
                Plain,
                "id kind historical received_at started_at finished_at cursor_row accepted duplicate rejected \
                 without_customer left_out leased_until first_event_id last_event_id undo_begun_at undone_at",
            ),
            (Shop, "file_name file_hash source_id actor said undone_by"),
        ],
    ),
    table("merge_candidate", &[(Plain, "id by_kind state seen_at"), (Number, "first_id second_id")]),
    table("meta", &[(Shop, "key value")]),
    table("name_part", &[(Number, "customer_id"), (ROW, "part")]),
    table(
        "note",
        &[(Plain, "id at"), (Number, "customer_id origin_customer_id"), (Shop, "actor"), (ROW, "text")],
    ),
    table(
        "occasion_contact",
        &[(Plain, "campaign_id step touchpoint_id"), (Number, "occasion_key"), (Hash, "contact_hash")],
    ),
    table(
        "occurrence",
        &[(
            Plain,
            "id campaign_id campaign_version_id slot zone occasion_key due_at state reason \
                 cursor_customer_id frozen_max_id leased_until lease_owner fence",
        )],
    ),
    table("order_effect", &[(Plain, "id shop_id kind event_id"), (Number, "order_key ref_key")]),
    table(
        "order_line",
        &[
            (Plain, "id shop_id line_no quantity_milli price_minor amount_minor"),
            (Number, "order_key"),
            (FOLDED_ANEW, "sku product_id name category style brand"),
        ],
    ),
    table(
        "orders",
        &[
            (
                Plain,
                "id shop_id paid_at cancelled_at total_minor refunded_minor currency version_at placed_at \
                 pay_by lines_at foreign_currency foreign_minor rate",
            ),
            (Number, "order_key customer_id origin_customer_id"),
            (Hash, "coupon_code_hash"),
            (FOLDED_ANEW, "version_id lines_id"),
        ],
    ),
    table("product", &[(Plain, "id days_milli sensitive changed_at"), (Shop, "shop_id sku name")]),
    table("product_pace", &[(Plain, "days pairs run_id"), (Shop, "shop_id sku")]),
    table("product_was", &[(Plain, "what until_epoch days_milli sensitive"), (Shop, "shop_id sku")]),
    table(
        "profile",
        &[
            (
                Plain,
                "kept_at spend_365_minor spend_ever_minor orders_365 orders_ever order_days first_order_at \
                 last_order_at tickets complaints_90 complaints_365 open_complaints account_kind \
                 many_orders_30 complaint_closed_at counted_net_365_minor gross_365_minor refunded_365_minor \
                 coupon_orders_365 gap_halves active_hour lines_365 top_category_lines top_style_lines \
                 top_brand_lines reviews review_milli csat_last csat_count csat_sum nps_last nps_count nps_sum \
                 unhappy_at recommended_at last_contacts last_contact_at last_inbound_at preferred_channel \
                 won_back_at courses counts zone first_at registered_at p_order_180 clv_365 personalised",
            ),
            (Number, "customer_id last_order_key"),
            (
                FOLDED_ANEW,
                "top_category top_style top_brand last_products birthday_code top_category_folded \
                 top_style_folded top_brand_folded preferred_channel_folded",
            ),
        ],
    ),
    table("profile_change", &[(Plain, "id turn"), (Number, "customers")]),
    table("property", &[(Plain, "id event path filled_to state asked_at")]),
    table(
        "quarantine",
        &[
            (Plain, "id code state received_at machine_at decided_at"),
            (Shop, "source_id decided_by"),
            (SEARCHED, "message_id detail payload reason"),
        ],
    ),
    table("refill_gap", &[(Plain, "run_id days pairs"), (Shop, "shop_id sku")]),
    table("rate", &[(Plain, "currency on_date rate")]),
    table(
        "refund",
        &[
            (Plain, "id shop_id occurred_at amount_minor"),
            (Number, "order_key ref_key customer_id origin_customer_id"),
        ],
    ),
    table(
        "retention_person",
        &[
            (Plain, "listed_at due_at vetoed_at"),
            (Number, "customer_id"),
            (Shop, "vetoed_by"),
            (ROW, "veto_reason"),
        ],
    ),
    table(
        "review",
        &[
            (Plain, "id shop_id rating_milli reviewed_at version_at"),
            (Number, "review_key customer_id origin_customer_id order_key"),
            (FOLDED_ANEW, "product_id sku version_id"),
        ],
    ),
    table("rule_turn", &[(Plain, "epoch at")]),
    table("rule_version", &[(Plain, "id version published_at epoch"), (Shop, "key document document_hash")]),
    table("run", &[(Plain, "id kind version due_at as_of cuts cursor_id looked_at changed done_at")]),
    table("score", &[(Plain, "kind run_id said settled"), (Number, "customer_id")]),
    table("shift", &[(Plain, "id starts_at ends_at"), (Shop, "staff_id")]),
    table(
        "shipment",
        &[
            (Plain, "id shop_id promised_by exception_at new_eta delivered_at version_at"),
            (Number, "shipment_key customer_id origin_customer_id order_key"),
            (FOLDED_ANEW, "status carrier place reason version_id"),
        ],
    ),
    table(
        "shop",
        &[
            (Plain, "id zone currency locale single_zone"),
            (Shop, "key name id_namespace sender_name sender_address"),
        ],
    ),
    table("source", &[(Plain, "id kind"), (Shop, "key shop_id")]),
    table(
        "staff",
        &[(Plain, "id capacity_held calls_per_day state"), (Shop, "key name email role level team skills")],
    ),
    table("stop", &[(Plain, "id stopped_at resumed_at"), (Shop, "scope reason actor resumed_by")]),
    table(
        "suppression",
        &[(Plain, "id channel scope created_at"), (Hash, "value_hash"), (Shop, "actor"), (BARRED, "reason")],
    ),
    table(
        "tag_current",
        &[(Plain, "key value since as_of source rule_version evidence"), (Number, "customer_id")],
    ),
    table("tag_ended", &[(Plain, "key since"), (Number, "customer_id")]),
    table(
        "tag_history",
        &[
            (
                Plain,
                "id key from_value to_value since as_of recorded_at cause historical rule_version evidence",
            ),
            (Number, "customer_id"),
        ],
    ),
    table("template", &[(Plain, "id locale version created_at"), (Shop, "key document document_hash")]),
    table(
        "ticket",
        &[
            (
                Plain,
                "id shop_id state opened_at resolved_at reopened complaint important complex amount_minor \
                 first_reply_at chased escalated version_at",
            ),
            (Number, "ticket_key customer_id origin_customer_id order_key"),
            (FOLDED_ANEW, "category severity channel sku theme version_id"),
        ],
    ),
    table(
        "touchpoint",
        &[
            (
                Plain,
                "id enrollment_id campaign_id step channel purpose priority state reason send_at not_before \
                 expires_at local_date coupon_batch_id coupon_id message_id attempts created_at handed_at \
                 ended_at leased_until lease_owner fence",
            ),
            (Number, "customer_id origin_customer_id"),
            (Hash, "contact_hash"),
            (Shop, "template_key"),
            (NULL, "detail"),
        ],
    ),
    table(
        "trigger_queue",
        &[
            (Plain, "id kind key from_value to_value cause_at due_at leased_until lease_owner fence"),
            (Number, "customer_id origin_customer_id origin_key"),
            (ROW, "payload failed"),
        ],
    ),
];
