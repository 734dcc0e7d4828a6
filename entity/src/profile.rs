//! The `profile` table. The migration says what its columns mean.

use sea_orm::entity::prelude::*;

/// The fold of the facts as of kept_at. Instants and sums; days since are never stored.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "profile")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: i64,
    pub kept_at: i64,
    pub spend_365_minor: i64,
    pub spend_ever_minor: i64,
    pub orders_365: i64,
    pub orders_ever: i64,
    pub order_days: i64,
    pub first_order_at: Option<i64>,
    pub last_order_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub last_order_key: Option<String>,
    pub tickets: i64,
    pub complaints_90: i64,
    pub complaints_365: i64,
    pub open_complaints: i64,
    pub account_kind: String,
    pub many_orders_30: Option<i64>,
    pub complaint_closed_at: Option<i64>,
    pub counted_net_365_minor: i64,
    pub gross_365_minor: i64,
    pub refunded_365_minor: i64,
    pub coupon_orders_365: i64,
    pub gap_halves: Option<i64>,
    pub active_hour: Option<i64>,
    pub lines_365: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub top_category: Option<String>,
    pub top_category_lines: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub top_style: Option<String>,
    pub top_style_lines: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub top_brand: Option<String>,
    pub top_brand_lines: i64,
    #[sea_orm(column_type = "Text")]
    pub last_products: String,
    pub reviews: i64,
    pub review_milli: i64,
    pub csat_last: Option<i64>,
    pub csat_count: i64,
    pub csat_sum: i64,
    pub nps_last: Option<i64>,
    pub nps_count: i64,
    pub nps_sum: i64,
    pub unhappy_at: Option<i64>,
    pub recommended_at: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub last_contacts: String,
    pub last_contact_at: Option<i64>,
    pub last_inbound_at: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub preferred_channel: Option<String>,
    pub won_back_at: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub courses: String,
    pub counts: i64,
    #[sea_orm(column_type = "Text")]
    pub zone: String,
    pub first_at: Option<i64>,
    pub registered_at: Option<i64>,
    pub birthday_code: Option<i64>,
    #[sea_orm(column_type = "Text", nullable)]
    pub top_category_folded: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub top_style_folded: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub top_brand_folded: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub preferred_channel_folded: Option<String>,
    pub p_order_180: Option<i64>,
    pub clv_365: Option<i64>,
    pub personalised: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
