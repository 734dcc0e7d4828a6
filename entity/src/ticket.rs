//! The `ticket` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// state: open | closed, as of the latest event by (occurred_at, message_id).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ticket")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub shop_id: i64,
    #[sea_orm(column_type = "Text")]
    pub ticket_key: String,
    pub customer_id: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub order_key: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    pub opened_at: Option<i64>,
    pub resolved_at: Option<i64>,
    pub reopened: i64,
    pub complaint: i64,
    pub important: i64,
    pub complex: i64,
    pub amount_minor: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub category: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub severity: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub channel: Option<String>,
    pub version_at: i64,
    #[sea_orm(column_type = "Text")]
    pub version_id: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub sku: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub theme: Option<String>,
    pub first_reply_at: Option<i64>,
    pub chased: Option<i64>,
    pub escalated: i64,
    pub origin_customer_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
