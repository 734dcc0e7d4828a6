//! The `customer_personal` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// Personal values, apart from the row so that erasing is deleting. traits: a JSON object of field → [value, occurred_at, message_id], so that the greatest version of each field wins.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer_personal")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub name: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub birthday: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub traits: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
