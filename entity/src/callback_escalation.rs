//! The `callback_escalation` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// Told to whom it may concern, each level once a callback. cause: breach | dissatisfied.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "callback_escalation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub callback_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub level: i64,
    #[sea_orm(column_type = "Text")]
    pub cause: String,
    pub at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
