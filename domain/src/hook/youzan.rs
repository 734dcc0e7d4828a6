//! Youzan's pushes (有赞云消息推送). Only what its public documents show is read: trades and refunds. A trade's whole
//! content comes with `trade_TradePaid` in `full_order_info`; most others name the trade only. Its times are Beijing's,
//! its amounts yuan.

use super::{MOST_LINES, at, first_word, object, put, track, word};
use serde_json::{Map, Value, json};

/// The types that are read.
pub const TYPES: [&str; 6] = [
    "trade_TradeCreate",
    "trade_TradePaid",
    "trade_TradeSellerShip",
    "trade_TradeSuccess",
    "trade_TradeClose",
    "trade_refund_RefundSuccess",
];

/// The content of a push: `msg` with its percent encoding undone. `None` where that gives no text.
pub fn decoded(msg: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(msg.len());
    let mut rest = msg.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// What a push of this type says; `None` for types that aren't read. `id` makes the events' message ids.
pub fn events(kind: &str, id: &str, msg: &Value) -> Option<Vec<Value>> {
    let trade = Trade::of(msg);
    let event = |name: &str, when: Option<String>, properties| {
        track(id.to_owned(), name, trade.buyer.as_ref(), when, properties)
    };
    let named = || object([("order_id", trade.tid.clone().map(Value::from))]);
    let updated = || time(msg, &[&["update_time"], &["full_order_info", "order_info", "update_time"]]);
    Some(match kind {
        "trade_TradeCreate" => {
            let when = time(msg, &[&["full_order_info", "order_info", "created"], &["update_time"]]);
            with_buyer(id, &trade, event("Order Placed", when, trade.properties()))
        }
        "trade_TradePaid" => {
            let when =
                time(msg, &[&["full_order_info", "order_info", "pay_time"], &["pay_time"], &["update_time"]]);
            with_buyer(id, &trade, event("Order Completed", when, trade.properties()))
        }
        "trade_TradeSellerShip" => {
            let mut properties = named();
            properties.insert("status".to_owned(), json!("shipped"));
            vec![event("Shipment Updated", updated(), properties)]
        }
        "trade_TradeSuccess" => vec![event("Order Delivered", updated(), named())],
        "trade_TradeClose" => vec![event("Order Cancelled", updated(), named())],
        "trade_refund_RefundSuccess" => {
            let mut properties = named();
            properties.extend(object([
                ("refund_id", word(msg, &["refund_id"]).map(Value::from)),
                ("total", at(msg, &["refunded_fee"]).cloned()),
                ("currency", Some(json!("CNY"))),
            ]));
            vec![event("Order Refunded", updated(), properties)]
        }
        _ => return None,
    })
}

struct Trade<'a> {
    order: &'a Value,
    tid: Option<String>,
    /// `youzan:<open id>`
    buyer: Option<String>,
}

impl<'a> Trade<'a> {
    fn of(msg: &'a Value) -> Self {
        let order = msg.get("full_order_info").unwrap_or(&Value::Null);
        let tid = first_word(msg, &[&["tid"], &["full_order_info", "order_info", "tid"]]);
        let buyer = first_word(order, &[&["buyer_info", "yz_open_id"], &["buyer_info", "buyer_id"]]);
        // A buyer that Youzan doesn't know has the number 0.
        let buyer = buyer.filter(|id| id != "0").map(|id| format!("youzan:{id}"));
        Self { order, tid, buyer }
    }

    /// What was paid is the total: coupons and points are off, the post is on.
    fn properties(&self) -> Map<String, Value> {
        let lines = at(self.order, &["orders"]).and_then(Value::as_array).map(|lines| {
            let line = |line: &Value| {
                Value::Object(object([
                    ("product_id", word(line, &["item_id"]).map(Value::from)),
                    (
                        "sku",
                        first_word(line, &[&["outer_sku_id"], &["outer_item_id"], &["sku_id"]])
                            .map(Value::from),
                    ),
                    ("name", word(line, &["title"]).map(Value::from)),
                    ("price", at(line, &["price"]).cloned()),
                    ("quantity", at(line, &["num"]).cloned()),
                ]))
            };
            lines.iter().take(MOST_LINES).map(line).collect()
        });
        object([
            ("order_id", self.tid.clone().map(Value::from)),
            ("total", at(self.order, &["pay_info", "payment"]).cloned()),
            ("currency", Some(json!("CNY"))),
            ("status", word(self.order, &["order_info", "status"]).map(Value::from)),
            ("products", lines),
        ])
    }
}

/// With the buyer's phone, unless Youzan sealed it (`$…$1$`), as it does for most shops.
fn with_buyer(id: &str, trade: &Trade<'_>, event: Value) -> Vec<Value> {
    let phone = word(trade.order, &["buyer_info", "buyer_phone"]).filter(|phone| !phone.starts_with('$'));
    let (Some(buyer), Some(phone)) = (&trade.buyer, phone) else { return vec![event] };
    let mut identify =
        json!({ "type": "identify", "messageId": format!("{id}#buyer"), "traits": { "phone": phone } });
    put(&mut identify, "userId", Some(buyer.clone()));
    put(&mut identify, "timestamp", event["timestamp"].as_str().map(str::to_owned));
    vec![event, identify]
}

/// `2024-11-04 15:35:55`, which is Beijing's time wherever the shop is.
fn time(msg: &Value, paths: &[&[&str]]) -> Option<String> {
    let text = first_word(msg, paths)?;
    let plain = text.len() == 19 && text.as_bytes()[10] == b' ' && text.is_ascii();
    Some(if plain { format!("{}T{}+08:00", &text[..10], &text[11..]) } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid() -> Value {
        json!({"full_order_info": {
            "order_info": {"tid": "E2026", "pay_time": "2026-09-01 10:00:00", "status": "WAIT_SELLER_SEND_GOODS"},
            "pay_info": {"payment": "139.14", "total_fee": "281.70", "post_fee": "0.00"},
            "buyer_info": {"yz_open_id": "lDWy", "buyer_phone": "$eTS8$1$", "outer_user_id": "oY0"},
            "orders": [{"item_id": 7, "title": "茶", "price": "139.14", "num": 1, "outer_item_id": "t-1"}]}})
    }

    #[test]
    fn what_was_paid_is_the_total_and_times_are_beijings() {
        let events = events("trade_TradePaid", "m", &paid()).unwrap();
        assert_eq!(events.len(), 1, "a sealed phone is nobody's");
        let event = &events[0];
        assert_eq!(
            (event["event"].as_str(), event["userId"].as_str()),
            (Some("Order Completed"), Some("youzan:lDWy"))
        );
        assert_eq!(event["timestamp"], "2026-09-01T10:00:00+08:00");
        assert_eq!(
            (&event["properties"]["total"], &event["properties"]["order_id"]),
            (&json!("139.14"), &json!("E2026"))
        );
        let mut open = paid();
        open["full_order_info"]["buyer_info"]["buyer_phone"] = json!("13800138000");
        let with_phone = super::events("trade_TradePaid", "m", &open).unwrap();
        assert_eq!(
            (with_phone[1]["messageId"].as_str(), with_phone[1]["traits"]["phone"].as_str()),
            (Some("m#buyer"), Some("13800138000"))
        );
    }

    #[test]
    fn others_name_their_trade() {
        for (kind, name) in TYPES.into_iter().zip([
            "Order Placed",
            "Order Completed",
            "Shipment Updated",
            "Order Delivered",
            "Order Cancelled",
            "Order Refunded",
        ]) {
            let msg = json!({"tid": "E1", "update_time": "2026-09-02 08:00:00", "refund_id": "R", "refunded_fee": "30.00"});
            let event = events(kind, "m", &msg).unwrap().remove(0);
            assert_eq!(
                (event["event"].as_str(), event["properties"]["order_id"].as_str()),
                (Some(name), Some("E1"))
            );
            assert_eq!(event["timestamp"], "2026-09-02T08:00:00+08:00");
            for odd in
                [json!(null), json!([]), json!({"full_order_info": 7, "update_time": "äöü 0123456789"})]
            {
                assert_eq!(events(kind, "m", &odd).unwrap().len(), 1);
            }
        }
        assert_eq!(events("item_ItemCreate", "m", &json!({})), None);
    }

    #[test]
    fn the_content_is_decoded_as_form_text() {
        assert_eq!(decoded("%7B%22tid%22%3A%22E1+%E8%8C%B6%22%7D").as_deref(), Some(r#"{"tid":"E1 茶"}"#));
        for bad in ["%", "%7", "%zz", "%ff"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }
}
