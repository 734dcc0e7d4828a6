//! The `agent_load` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// The row locked while an agent pulls: capacity is checked and reserved under it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_load")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub staff_id: i64,
    pub held: i64,
    #[sea_orm(column_type = "Text")]
    pub calls_on: String,
    pub calls: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
