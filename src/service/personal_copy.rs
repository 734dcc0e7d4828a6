//! A person's own copy of what is held about them (个人信息副本): as data for another program, and as a page to read. Only
//! whoever answers for the book may have it made, and each is in the access log.

use super::looking;
use super::{Book, ServiceError, erasing};
use crate::store::personal_copy::{self, SECTIONS};
use crate::store::{clusters, customers, shops};
use chrono_tz::Tz;
use domain::access::Act;
use domain::event::TraitBook;
use domain::ids::CustomerId;
use domain::money::Money;
use domain::time::Instant;
use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// What is held about one person.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PersonalCopy {
    #[schema(value_type = String, example = "cus_42")]
    pub customer: CustomerId,
    /// Who holds it.
    pub shop: String,
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Instant,
    /// By kind of thing, each a list of rows: `person`, `identifiers`, `contact_points`, `consents`, `orders`, `tickets`, `tags`,
    /// `messages`, `notes`, `events`, …
    #[schema(value_type = Object)]
    pub held: Map<String, Value>,
    /// The person's language, else the shop's.
    #[serde(skip)]
    pub locale: String,
    /// The zone in which they live, else the shop's.
    #[serde(skip)]
    pub zone: Tz,
}

/// Makes a copy.
pub async fn make(book: &Book, id: CustomerId, actor: &str) -> Result<PersonalCopy, ServiceError> {
    let db = book.store.reader();
    let canonical = clusters::canonical_of(db, id).await?;
    let row = customers::list(db, &[canonical]).await?.remove(&canonical);
    let row = row.ok_or_else(|| ServiceError::NotFound(format!("the customer {id}")))?;
    if let Some(at) = row.erased_at {
        return Err(ServiceError::Conflict(format!(
            "{id} was erased at {at}; nothing personal is held any more"
        )));
    }
    let shop = shops::find_by_id(db, row.shop).await?;
    let shop = shop.ok_or_else(|| ServiceError::NotFound(format!("the shop of {id}")))?;
    let cluster = erasing::cluster(db, canonical).await?;
    let money = |minor: i64| json!(Money { minor, currency: shop.base });
    let mut held = Map::new();
    for section in SECTIONS {
        let mut rows = personal_copy::rows(db, section, &cluster, &money).await?;
        for traits in rows.iter_mut().filter_map(|row| row.get_mut("traits")) {
            // With what version each was said is our own affair.
            let book: TraitBook = serde_json::from_value(traits.take()).unwrap_or_default();
            *traits = Value::Object(book.plain());
        }
        held.insert(section.key.to_owned(), json!(rows));
    }
    looking::note(book, actor, Act::Exported, Some(canonical), json!({})).await?;
    Ok(PersonalCopy {
        customer: canonical,
        shop: shop.shop.name,
        as_of: book.now().await?,
        held,
        locale: row.locale.unwrap_or(shop.shop.locale),
        zone: row.zone.unwrap_or(shop.shop.zone),
    })
}

const TEMPLATE: &str = include_str!("../../web/person.html");

impl PersonalCopy {
    /// As a page for the person, in their language. It loads nothing from elsewhere.
    pub fn page(&self) -> Result<String, ServiceError> {
        let chinese = self.locale.to_lowercase().starts_with("zh");
        let sections: Vec<Shown> = SECTIONS
            .iter()
            .filter_map(|section| {
                let rows = self.held.get(section.key)?.as_array().filter(|rows| !rows.is_empty())?;
                // Columns that say nothing of this person only widen the page.
                let said = |column: &&str| {
                    rows.iter().any(|row| row.get(*column).is_some_and(|value| !value.is_null()))
                };
                let columns: Vec<&str> = section.columns().filter(said).collect();
                let title = section.title[usize::from(chinese)];
                let rows = cells(&columns, rows, self.zone);
                let columns = columns.iter().map(|column| label(column, chinese)).collect();
                Some(Shown { title, columns, rows })
            })
            .collect();
        let as_of = self.as_of.local(self.zone).format("%Y-%m-%d %H:%M").to_string();
        let lang = if chinese { "zh-CN" } else { "en" };
        let mut env = Environment::new();
        env.add_template("person.html", TEMPLATE)
            .and_then(|()| env.get_template("person.html"))
            .and_then(|page| {
                page.render(context! { lang, shop => self.shop.clone(), as_of => as_of, zone => self.zone.name(), sections => Serde(sections) })
            })
            .map_err(|e| ServiceError::Internal(e.to_string()))
    }
}

/// Chinese headings; English ones are the names themselves.
const LABELS: &[(&str, &str)] = &[
    ("account_kind", "账户类型"),
    ("act", "操作"),
    ("amount", "金额"),
    ("at", "时间"),
    ("batch", "批次"),
    ("because_of", "依据"),
    ("birthday", "生日"),
    ("brand_bought_most", "最常购品牌"),
    ("campaign", "活动"),
    ("cancelled_at", "取消时间"),
    ("carrier", "承运商"),
    ("category", "类别"),
    ("category_bought_most", "最常购品类"),
    ("channel", "渠道"),
    ("class", "类型"),
    ("complaint", "是否投诉"),
    ("complaints_365", "近365天投诉"),
    ("created_at", "创建时间"),
    ("delivered_at", "签收时间"),
    ("ended_at", "结束时间"),
    ("ends_with", "尾号"),
    ("entered_at", "进入时间"),
    ("event", "事件"),
    ("evidence", "凭据"),
    ("expires_at", "失效时间"),
    ("first_order_at", "首单时间"),
    ("from", "原值"),
    ("hour_of_most_orders", "最常下单时段"),
    ("issued_at", "发放时间"),
    ("kind", "种类"),
    ("known_since", "建档时间"),
    ("last_contact_at", "最近联系"),
    ("last_order_at", "最近下单"),
    ("last_products", "最近购买商品"),
    ("last_word_at", "最近主动联系"),
    ("locale", "语言"),
    ("name", "名称"),
    ("opened_at", "提出时间"),
    ("order", "订单"),
    ("orders_365", "近365天订单"),
    ("orders_ever", "累计订单"),
    ("orders_with_coupon_365", "近365天用券订单"),
    ("paid_at", "付款时间"),
    ("place", "地点"),
    ("placed_at", "下单时间"),
    ("preferred_channel", "偏好渠道"),
    ("primary", "首选"),
    ("product", "商品"),
    ("purpose", "用途"),
    ("quantity_in_thousandths", "数量（千分之一）"),
    ("rating_in_thousandths", "评分（千分之一星）"),
    ("reason", "原因"),
    ("received_at", "收到时间"),
    ("recommendation_last", "最近推荐评分"),
    ("recorded_at", "记录时间"),
    ("redeemed_at", "使用时间"),
    ("refund", "退款"),
    ("refunded", "已退款"),
    ("registered_at", "注册时间"),
    ("resolved_at", "解决时间"),
    ("result", "结果"),
    ("review", "评价"),
    ("said", "内容"),
    ("said_of_you", "个人内容"),
    ("satisfaction_last", "最近满意度"),
    ("scope", "范围"),
    ("score", "评分"),
    ("sent_at", "发送时间"),
    ("severity", "严重程度"),
    ("shipment", "物流单"),
    ("since", "起始时间"),
    ("sku", "SKU"),
    ("source", "来源"),
    ("spend_365", "近365天消费"),
    ("spend_ever", "累计消费"),
    ("state", "状态"),
    ("status", "状态"),
    ("style_bought_most", "最常购风格"),
    ("tag", "标签"),
    ("segment", "人群"),
    ("template", "模板"),
    ("text", "内容"),
    ("ticket", "工单"),
    ("timezone", "时区"),
    ("to", "新值"),
    ("tool", "工具"),
    ("total", "总额"),
    ("traits", "其他资料"),
    ("usable", "可用"),
    ("value", "值"),
    ("worth", "面值"),
];

fn label(column: &str, chinese: bool) -> String {
    let known = LABELS.iter().find(|(name, _)| *name == column).filter(|_| chinese);
    known.map_or_else(|| column.replace('_', " "), |(_, label)| (*label).to_owned())
}

/// A section as the page has it.
#[derive(Debug, Clone, Serialize)]
struct Shown {
    title: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Each value as a person reads it.
fn cells(columns: &[&str], rows: &[Value], zone: Tz) -> Vec<Vec<String>> {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => match chrono::DateTime::parse_from_rfc3339(text) {
            Ok(at) => at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string(),
            Err(_) => text.clone(),
        },
        Value::Object(fields) if fields.len() == 2 && fields.contains_key("currency") => {
            let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
            format!("{} {}", text("amount"), text("currency"))
        }
        other => other.to_string(),
    };
    rows.iter()
        .map(|row| columns.iter().map(|column| row.get(column).map(cell).unwrap_or_default()).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_heading_in_both_languages() {
        for column in SECTIONS.iter().flat_map(personal_copy::Section::columns) {
            assert!(LABELS.iter().any(|(name, _)| *name == column), "{column}");
        }
        assert_eq!(
            (label("paid_at", true), label("paid_at", false)),
            ("付款时间".to_owned(), "paid at".to_owned())
        );
    }
}
