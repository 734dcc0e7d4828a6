//! The `callback` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// state: scheduled | ready | assigned | in_progress | completed | exhausted | cancelled | expired. severe: 1 when VIP or S1-S2. required_level: never below senior for a VIP. skills, optional_skills: JSON arrays. script: key of the talking points. band and rank_at are stored as last decided. lease_until is business time here: an agent's lease runs in business minutes. ready_since opens the ring episode. breached_at: since when it is past its active due time; null again once a new slot moves that on. fence rises whenever a holder comes or goes.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "callback")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub customer_id: i64,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub required_level: String,
    #[sea_orm(column_type = "Text")]
    pub skills: String,
    #[sea_orm(column_type = "Text")]
    pub optional_skills: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub script: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub team: Option<String>,
    pub owner_staff_id: Option<i64>,
    pub last_staff_id: Option<i64>,
    pub vip: i64,
    pub severe: i64,
    pub complaint: i64,
    pub churn_risk: i64,
    pub chased: i64,
    pub courtesy: i64,
    pub created_at: i64,
    pub not_before: i64,
    pub due_at: i64,
    pub reach_due_at: i64,
    pub active_due_at: i64,
    pub band: i64,
    pub rank_at: i64,
    pub ready_since: Option<i64>,
    pub ring: i64,
    pub next_ring_at: Option<i64>,
    pub breached_at: Option<i64>,
    pub attempts: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub attempt_day: Option<String>,
    pub attempt_day_count: i64,
    pub staff_id: Option<i64>,
    pub lease_until: Option<i64>,
    pub fence: i64,
    pub wake_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub result: Option<String>,
    pub ended_at: Option<i64>,
    pub origin_customer_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
