//! The `import_batch` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// received_at is the one instant at which all rows of the file count as taken in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "import_batch")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    #[sea_orm(column_type = "Text")]
    pub file_name: String,
    #[sea_orm(column_type = "Text")]
    pub file_hash: String,
    pub source_id: i64,
    pub historical: i64,
    pub received_at: i64,
    pub started_at: i64,
    pub finished_at: Option<i64>,
    pub cursor_row: i64,
    pub accepted: i64,
    pub duplicate: i64,
    pub rejected: i64,
    pub without_customer: i64,
    pub left_out: i64,
    pub leased_until: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub actor: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub said: String,
    pub first_event_id: Option<i64>,
    pub last_event_id: Option<i64>,
    pub undo_begun_at: Option<i64>,
    pub undone_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub undone_by: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
