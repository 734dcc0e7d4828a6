//! The `idempotency` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// The answer first given to (api key, Idempotency-Key).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(column_type = "Text")]
    pub scope: String,
    #[sea_orm(column_type = "Text")]
    pub idem_key: String,
    #[sea_orm(column_type = "Text")]
    pub body_hash: String,
    pub status: i64,
    #[sea_orm(column_type = "Text")]
    pub answer: String,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
