//! The `contact_made` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// Contacts by other tools, and calls people logged. kind: contact or call.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contact_made")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub shop_id: i64,
    #[sea_orm(column_type = "Text")]
    pub contact_key: String,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    pub customer_id: i64,
    pub origin_customer_id: i64,
    #[sea_orm(column_type = "Text")]
    pub channel: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub purpose: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub tool: Option<String>,
    pub inbound: i64,
    pub seconds: Option<i64>,
    pub made_at: i64,
    pub version_at: i64,
    #[sea_orm(column_type = "Text")]
    pub version_id: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
