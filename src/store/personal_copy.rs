//! Everything that is held about a person, as data: section by section, each a table's rows in words and units of the
//! outside. A test fails on a table with customers in it that has neither a section here nor a reason not to.

use super::in_list::all_in;
use super::segments::{of_segments, of_tags, segment_key};
use super::sql::{Arg, Row};
use super::{Db, StoreError};
use domain::ids::CustomerId;
use serde_json::{Map, Value, json};

/// How a column is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    /// 0 or 1.
    Flag,
    /// Microseconds.
    At,
    /// Minor units of the base currency.
    Money,
    Json,
}
use Form::{At, Flag, Json, Money, Number, Text};

/// One kind of thing that is held.
#[derive(Debug)]
pub struct Section {
    pub key: &'static str,
    /// As a heading, in English and in Chinese.
    pub title: [&'static str; 2],
    /// The tables its rows come from.
    pub tables: &'static [&'static str],
    /// What follows SELECT and the columns; `{in}` stands for the customers.
    from: &'static str,
    /// The name outside, the expression, and how it is told.
    columns: &'static [(&'static str, &'static str, Form)],
}

impl Section {
    pub fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, ..)| *name)
    }
}

/// What a personal copy holds, in its order.
pub const SECTIONS: &[Section] = &[
    Section {
        key: "person",
        title: ["Who you are to us", "您的基本资料"],
        tables: &["customer", "customer_personal"],
        from: "FROM customer c LEFT JOIN customer_personal p ON p.customer_id = c.id WHERE c.id IN ({in}) ORDER BY c.id",
        columns: &[
            ("name", "p.name", Text),
            ("birthday", "p.birthday", Text),
            ("locale", "c.locale", Text),
            ("timezone", "c.zone", Text),
            ("registered_at", "c.registered_at", At),
            ("known_since", "c.created_at", At),
            ("account_kind", "c.account_kind", Text),
            ("traits", "p.traits", Json),
        ],
    },
    Section {
        key: "identifiers",
        title: ["What we know you by", "识别您的标识"],
        tables: &["identifier"],
        from: "FROM identifier t WHERE t.customer_id IN ({in}) ORDER BY t.id",
        columns: &[("kind", "t.kind", Text), ("scope", "t.namespace", Text), ("value", "t.value", Text)],
    },
    Section {
        key: "contact_points",
        title: ["Where we can reach you", "联系方式"],
        tables: &["contact_point"],
        from: "FROM contact_point t WHERE t.customer_id IN ({in}) ORDER BY t.id",
        columns: &[
            ("channel", "t.channel", Text),
            ("value", "t.value", Text),
            ("class", "t.class", Text),
            ("usable", "t.usable", Flag),
            ("primary", "t.is_primary", Flag),
        ],
    },
    Section {
        key: "consents",
        title: ["What you allowed and refused", "您的同意与拒绝记录"],
        tables: &["consent"],
        from: "FROM consent t WHERE t.customer_id IN ({in}) ORDER BY t.occurred_at, t.id",
        columns: &[
            ("at", "t.occurred_at", At),
            ("channel", "t.channel", Text),
            ("purpose", "t.purpose", Text),
            ("state", "t.state", Text),
            ("source", "t.source", Text),
            ("evidence", "t.evidence", Text),
            ("recorded_at", "t.recorded_at", At),
        ],
    },
    Section {
        key: "orders",
        title: ["Orders", "订单"],
        tables: &["orders"],
        from: "FROM orders t WHERE t.customer_id IN ({in}) ORDER BY COALESCE(t.paid_at, t.placed_at, t.version_at), t.id",
        columns: &[
            ("order", "t.order_key", Text),
            ("placed_at", "t.placed_at", At),
            ("paid_at", "t.paid_at", At),
            ("cancelled_at", "t.cancelled_at", At),
            ("total", "t.total_minor", Money),
            ("refunded", "t.refunded_minor", Money),
        ],
    },
    Section {
        key: "order_lines",
        title: ["What you ordered", "订单商品"],
        tables: &["order_line"],
        from: "FROM order_line t JOIN orders o ON o.shop_id = t.shop_id AND o.order_key = t.order_key \
               WHERE o.customer_id IN ({in}) ORDER BY t.order_key, t.line_no",
        columns: &[
            ("order", "t.order_key", Text),
            ("sku", "t.sku", Text),
            ("name", "t.name", Text),
            ("quantity_in_thousandths", "t.quantity_milli", Number),
            ("amount", "t.amount_minor", Money),
        ],
    },
    Section {
        key: "refunds",
        title: ["Refunds", "退款"],
        tables: &["refund"],
        from: "FROM refund t WHERE t.customer_id IN ({in}) ORDER BY t.occurred_at, t.id",
        columns: &[
            ("at", "t.occurred_at", At),
            ("order", "t.order_key", Text),
            ("refund", "t.ref_key", Text),
            ("amount", "t.amount_minor", Money),
        ],
    },
    Section {
        key: "shipments",
        title: ["Parcels", "物流"],
        tables: &["shipment"],
        from: "FROM shipment t WHERE t.customer_id IN ({in}) ORDER BY t.version_at, t.id",
        columns: &[
            ("shipment", "t.shipment_key", Text),
            ("order", "t.order_key", Text),
            ("status", "t.status", Text),
            ("carrier", "t.carrier", Text),
            ("place", "t.place", Text),
            ("reason", "t.reason", Text),
            ("delivered_at", "t.delivered_at", At),
        ],
    },
    Section {
        key: "tickets",
        title: ["Questions and complaints", "咨询与投诉"],
        tables: &["ticket"],
        from: "FROM ticket t WHERE t.customer_id IN ({in}) ORDER BY COALESCE(t.opened_at, t.version_at), t.id",
        columns: &[
            ("ticket", "t.ticket_key", Text),
            ("opened_at", "t.opened_at", At),
            ("resolved_at", "t.resolved_at", At),
            ("state", "t.state", Text),
            ("complaint", "t.complaint", Flag),
            ("category", "t.category", Text),
            ("severity", "t.severity", Text),
        ],
    },
    Section {
        key: "reviews",
        title: ["Reviews", "评价"],
        tables: &["review"],
        from: "FROM review t WHERE t.customer_id IN ({in}) ORDER BY t.reviewed_at, t.id",
        columns: &[
            ("at", "t.reviewed_at", At),
            ("review", "t.review_key", Text),
            ("product", "t.product_id", Text),
            ("rating_in_thousandths", "t.rating_milli", Number),
        ],
    },
    Section {
        key: "feedback",
        title: ["What you answered us", "满意度反馈"],
        tables: &["feedback"],
        from: "FROM feedback t WHERE t.customer_id IN ({in}) ORDER BY t.version_at, t.id",
        columns: &[("at", "t.version_at", At), ("kind", "t.kind", Text), ("score", "t.score", Number)],
    },
    Section {
        key: "contacts",
        title: ["Calls and contacts by other tools", "其他渠道的联系"],
        tables: &["contact_made"],
        from: "FROM contact_made t WHERE t.customer_id IN ({in}) ORDER BY t.made_at, t.id",
        columns: &[
            ("at", "t.made_at", At),
            ("kind", "t.kind", Text),
            ("channel", "t.channel", Text),
            ("purpose", "t.purpose", Text),
            ("tool", "t.tool", Text),
        ],
    },
    Section {
        key: "tags",
        title: ["What we conclude about you", "我们给您的标签"],
        tables: &["tag_current"],
        from: concat!(
            "FROM tag_current t WHERE t.customer_id IN ({in}) AND ",
            of_tags!("t.key"),
            " ORDER BY t.key"
        ),
        columns: &[
            ("tag", "t.key", Text),
            ("value", "t.value", Text),
            ("since", "t.since", At),
            ("because_of", "t.evidence", Json),
        ],
    },
    Section {
        key: "tag_history",
        title: ["What we concluded before", "标签变更记录"],
        tables: &["tag_history"],
        from: concat!(
            "FROM tag_history t WHERE t.customer_id IN ({in}) AND ",
            of_tags!("t.key"),
            " ORDER BY t.id"
        ),
        columns: &[
            ("at", "t.recorded_at", At),
            ("tag", "t.key", Text),
            ("from", "t.from_value", Text),
            ("to", "t.to_value", Text),
            ("because_of", "t.evidence", Json),
        ],
    },
    Section {
        key: "segments",
        title: ["Groups of customers you are in", "您所属的人群"],
        tables: &["tag_current"],
        from: concat!(
            "FROM tag_current t WHERE t.customer_id IN ({in}) AND ",
            of_segments!("t.key"),
            " ORDER BY t.key"
        ),
        columns: &[
            ("segment", segment_key!("t.key"), Text),
            ("value", "t.value", Text),
            ("since", "t.since", At),
            ("because_of", "t.evidence", Json),
        ],
    },
    Section {
        key: "segment_history",
        title: ["Groups of customers you came into and left", "人群变更记录"],
        tables: &["tag_history"],
        from: concat!(
            "FROM tag_history t WHERE t.customer_id IN ({in}) AND ",
            of_segments!("t.key"),
            " ORDER BY t.id"
        ),
        columns: &[
            ("at", "t.recorded_at", At),
            ("segment", segment_key!("t.key"), Text),
            ("from", "t.from_value", Text),
            ("to", "t.to_value", Text),
            ("because_of", "t.evidence", Json),
        ],
    },
    Section {
        key: "figures",
        title: ["What we counted", "统计数据"],
        tables: &["profile"],
        from: "FROM profile t WHERE t.customer_id IN ({in}) ORDER BY t.customer_id",
        columns: &[
            ("spend_365", "t.spend_365_minor", Money),
            ("spend_ever", "t.spend_ever_minor", Money),
            ("orders_365", "t.orders_365", Number),
            ("orders_ever", "t.orders_ever", Number),
            ("first_order_at", "t.first_order_at", At),
            ("last_order_at", "t.last_order_at", At),
            ("complaints_365", "t.complaints_365", Number),
            ("last_products", "t.last_products", Json),
            ("category_bought_most", "t.top_category", Text),
            ("style_bought_most", "t.top_style", Text),
            ("brand_bought_most", "t.top_brand", Text),
            ("orders_with_coupon_365", "t.coupon_orders_365", Number),
            ("hour_of_most_orders", "t.active_hour", Number),
            ("satisfaction_last", "t.csat_last", Number),
            ("recommendation_last", "t.nps_last", Number),
            ("last_contact_at", "t.last_contact_at", At),
            ("last_word_at", "t.last_inbound_at", At),
            ("preferred_channel", "t.preferred_channel", Text),
        ],
    },
    Section {
        key: "campaigns",
        title: ["Campaigns you were part of", "参与的关怀活动"],
        tables: &["enrollment"],
        from: "FROM enrollment t JOIN campaign c ON c.id = t.campaign_id WHERE t.customer_id IN ({in}) ORDER BY t.id",
        columns: &[
            ("campaign", "c.key", Text),
            ("entered_at", "t.entered_at", At),
            ("state", "t.state", Text),
            ("ended_at", "t.ended_at", At),
        ],
    },
    Section {
        key: "messages",
        title: ["Messages to you", "发送给您的消息"],
        tables: &["touchpoint"],
        from: "FROM touchpoint t JOIN campaign c ON c.id = t.campaign_id WHERE t.customer_id IN ({in}) ORDER BY t.id",
        columns: &[
            ("campaign", "c.key", Text),
            ("channel", "t.channel", Text),
            ("purpose", "t.purpose", Text),
            ("template", "t.template_key", Text),
            ("state", "t.state", Text),
            ("reason", "t.reason", Text),
            ("sent_at", "t.handed_at", At),
        ],
    },
    Section {
        key: "coupons",
        title: ["Coupons", "优惠券"],
        tables: &["coupon"],
        from: "FROM coupon t JOIN coupon_batch b ON b.id = t.batch_id WHERE t.customer_id IN ({in}) ORDER BY t.id",
        columns: &[
            ("batch", "b.key", Text),
            ("ends_with", "t.last4", Text),
            ("worth", "t.face_minor", Money),
            ("state", "t.state", Text),
            ("issued_at", "t.issued_at", At),
            ("expires_at", "t.expires_at", At),
            ("redeemed_at", "t.redeemed_at", At),
        ],
    },
    Section {
        key: "callbacks",
        title: ["Calls we planned or made", "电话回访"],
        tables: &["callback"],
        from: "FROM callback t WHERE t.customer_id IN ({in}) ORDER BY t.id",
        columns: &[
            ("kind", "t.kind", Text),
            ("state", "t.state", Text),
            ("created_at", "t.created_at", At),
            ("ended_at", "t.ended_at", At),
            ("result", "t.result", Json),
        ],
    },
    Section {
        key: "notes",
        title: ["What our staff noted", "客服备注"],
        tables: &["note"],
        from: "FROM note t WHERE t.customer_id IN ({in}) ORDER BY t.id",
        columns: &[("at", "t.at", At), ("text", "t.text", Text)],
    },
    Section {
        key: "events",
        title: ["Everything we were told", "全部事件记录"],
        tables: &["event", "event_personal"],
        from: "FROM event t LEFT JOIN event_personal p ON p.event_id = t.id WHERE t.customer_id IN ({in}) \
               ORDER BY t.occurred_at, t.id",
        columns: &[
            ("at", "t.occurred_at", At),
            ("received_at", "t.received_at", At),
            ("event", "t.kind", Text),
            ("said", "t.properties", Json),
            ("said_of_you", "p.payload", Json),
        ],
    },
    Section {
        key: "looked_at",
        title: ["When our staff looked at your data", "员工查看记录"],
        tables: &["access_log"],
        from: "FROM access_log t WHERE t.customer_id IN ({in}) ORDER BY t.id",
        columns: &[("at", "t.at", At), ("act", "t.act", Text)],
    },
];

/// Tables with customers in them that say nothing more about a person: how work is kept, and what is counted from the rows
/// above.
pub const BOOKKEEPING: &[&str] = &[
    "contact_day",
    "contact_ledger",
    "customer_due",
    "merge_candidate",
    "retention_person",
    "name_part",
    "occasion_contact",
    "score",
    "tag_ended",
    "trigger_queue",
];

/// The rows of one section of these customers, who are one person. `money` tells an amount of minor units.
pub async fn rows(
    db: &Db,
    section: &Section,
    cluster: &[CustomerId],
    money: &(dyn Fn(i64) -> Value + Sync),
) -> Result<Vec<Map<String, Value>>, StoreError> {
    let named: Vec<String> =
        section.columns.iter().map(|(name, sql, _)| format!("{sql} AS \"{name}\"")).collect();
    let sql = format!("SELECT {} {}", named.join(", "), section.from);
    let found = all_in(db, &sql, vec![], cluster.iter().map(|id| id.arg()).collect()).await?;
    found.iter().map(|row| told(row, section, money)).collect()
}

fn told(
    row: &Row,
    section: &Section,
    money: &(dyn Fn(i64) -> Value + Sync),
) -> Result<Map<String, Value>, StoreError> {
    let mut told = Map::new();
    for (name, _, form) in section.columns {
        let value = match form {
            Text => row.opt_text(name)?.map(Value::String),
            Number => row.opt_int(name)?.map(|n| json!(n)),
            Flag => row.opt_int(name)?.map(|n| json!(n != 0)),
            At => row.opt_at(name)?.map(|at| json!(at)),
            Money => row.opt_int(name)?.map(money),
            // What can't be read is told as it stands: it is theirs all the same.
            Json => {
                row.opt_text(name)?.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)))
            }
        };
        told.insert((*name).to_owned(), value.unwrap_or_default());
    }
    Ok(told)
}

/// Personal columns of a section's tables that it doesn't tell: what repeats what an event said, and what is ours to say.
#[cfg(test)]
const UNTOLD: &[&str] = &[
    "access_log.detail",
    "callback.reason",
    "contact_made.version_id",
    "contact_point.value_hash",
    "enrollment.detail",
    "enrollment.payload",
    "event.fact",
    "event.message_id",
    "feedback.version_id",
    "order_line.brand",
    "order_line.category",
    "order_line.product_id",
    "order_line.style",
    "orders.lines_id",
    "orders.version_id",
    "profile.birthday_code",
    "profile.preferred_channel_folded",
    "profile.top_brand_folded",
    "profile.top_category_folded",
    "profile.top_style_folded",
    "review.sku",
    "review.version_id",
    "shipment.version_id",
    "ticket.channel",
    "ticket.sku",
    "ticket.theme",
    "ticket.version_id",
    "touchpoint.detail",
];

#[cfg(test)]
mod tests {
    use super::super::personal::{Fate, TABLES};
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_copy_tells_what_the_register_calls_personal() {
        let personal = |table: &str| -> Vec<String> {
            let found = TABLES.iter().find(|known| known.name == table).expect("in the register");
            let theirs = found.personal().filter(|(_, fate)| *fate != Fate::Barred);
            theirs.map(|(column, _)| column.to_owned()).collect()
        };
        let mut untold = BTreeSet::new();
        for section in SECTIONS {
            let told = |column: &str| {
                section.columns.iter().any(|(_, sql, _)| sql.rsplit('.').next() == Some(column))
            };
            for table in section.tables {
                let left = personal(table).into_iter().filter(|column| !told(column));
                untold.extend(left.map(|column| format!("{table}.{column}")));
            }
        }
        let known: BTreeSet<String> = UNTOLD.iter().map(|place| (*place).to_owned()).collect();
        assert_eq!(untold, known, "tell it, or say here that it is told otherwise");
        for table in BOOKKEEPING {
            // What goes with its row there is told by the section of what it was made from.
            let stays = personal(table).into_iter().filter(|_| {
                TABLES.iter().find(|known| known.name == *table).is_some_and(|known| !known.goes())
            });
            let stays: Vec<String> = stays.filter(|column| column != "failed").collect();
            assert_eq!(stays, Vec::<String>::new(), "{table} has something to tell");
        }
    }
}
