//! The `consent_batch` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// Consents that somebody answers for with their name.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent_batch")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(column_type = "Text")]
    pub file_name: String,
    #[sea_orm(column_type = "Text")]
    pub file_hash: String,
    #[sea_orm(column_type = "Text")]
    pub signed_by: String,
    #[sea_orm(column_type = "Text")]
    pub signed_on: String,
    #[sea_orm(column_type = "Text")]
    pub evidence: String,
    pub lines: i64,
    #[sea_orm(column_type = "Text")]
    pub actor: String,
    pub created_at: i64,
    pub revoked_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub revoked_by: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub revoke_reason: Option<String>,
    pub read_to: i64,
    pub finished_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
