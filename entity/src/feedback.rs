//! The `feedback` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// kind: csat (score 1 to 5) or nps (0 to 10).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feedback")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub shop_id: i64,
    #[sea_orm(column_type = "Text")]
    pub feedback_key: String,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    pub customer_id: i64,
    pub origin_customer_id: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub ticket_key: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub order_key: Option<String>,
    pub score: i64,
    pub version_at: i64,
    #[sea_orm(column_type = "Text")]
    pub version_id: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
