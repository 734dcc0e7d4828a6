//! The `event` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// The log. No unique key, so that it can be partitioned by customer; its promises live in event_key and order_effect. kind is the event's name; order_key is `shop:order`, ref_key a refund's key within its order or `shop:ticket`; the typed columns hold what rules read, properties (JSON) the rest.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub customer_id: i64,
    pub origin_customer_id: i64,
    pub source_id: i64,
    #[sea_orm(column_type = "Text")]
    pub message_id: String,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    pub occurred_at: i64,
    pub received_at: i64,
    pub effective: i64,
    pub historical: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub order_key: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub ref_key: Option<String>,
    pub amount_minor: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub properties: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub fact: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub foreign_currency: Option<String>,
    pub foreign_minor: Option<i64>,
    pub rate: Option<i64>,
    pub import_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
