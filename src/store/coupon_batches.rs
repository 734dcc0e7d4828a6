//! Coupon batches (券批次) as declared. Issuing from one, and what is outstanding, is the coupons' file.

use super::sql::{Row, args, json};
use super::{Db, StoreError, Tx};
use domain::ids::{CouponBatchId, ShopId};
use serde_json::Value;
use std::collections::HashMap;

/// What a batch declares. Amounts in minor units of the shop's currency.
#[derive(Debug, Clone, PartialEq)]
pub struct CouponBatch {
    pub key: String,
    pub shop_id: ShopId,
    pub face_minor: i64,
    /// 0 is no threshold.
    pub threshold_minor: i64,
    pub currency: String,
    pub valid_days: i64,
    /// 0 where none is set: nothing is issued, and no campaign that uses the batch is approved.
    pub budget_minor: i64,
    /// The most coupons there may ever be, if limited.
    pub maximum: Option<i64>,
    pub document: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CouponBatchRow {
    pub id: CouponBatchId,
    pub batch: CouponBatch,
    /// Face reserved or issued and not yet redeemed, expired or revoked.
    pub outstanding_minor: i64,
    pub created_count: i64,
}

const COLUMNS: &str = "id, key, shop_id, face_minor, threshold_minor, currency, valid_days, budget_minor, \
                       outstanding_minor, maximum, created_count, document";

fn read(row: &Row) -> Result<CouponBatchRow, StoreError> {
    let id = row.int("id")?;
    Ok(CouponBatchRow {
        id: CouponBatchId(id),
        batch: CouponBatch {
            key: row.text("key")?,
            shop_id: ShopId(row.int("shop_id")?),
            face_minor: row.int("face_minor")?,
            threshold_minor: row.int("threshold_minor")?,
            currency: row.text("currency")?,
            valid_days: row.int("valid_days")?,
            budget_minor: row.int("budget_minor")?,
            maximum: row.opt_int("maximum")?,
            document: json("coupon_batch", "document", id, &row.text("document")?)?,
        },
        outstanding_minor: row.int("outstanding_minor")?,
        created_count: row.int("created_count")?,
    })
}

pub async fn find(db: &Db, key: &str) -> Result<Option<CouponBatchRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM coupon_batch WHERE key = $1");
    db.one(&sql, args![key]).await?.as_ref().map(read).transpose()
}

pub async fn list(db: &Db) -> Result<Vec<CouponBatchRow>, StoreError> {
    let rows = db.all(&format!("SELECT {COLUMNS} FROM coupon_batch ORDER BY key"), vec![]).await?;
    rows.iter().map(read).collect()
}

/// The batches by key; what they declare isn't read.
pub async fn ids(db: &Db) -> Result<HashMap<String, CouponBatchId>, StoreError> {
    let rows = db.all("SELECT id, key FROM coupon_batch", vec![]).await?;
    rows.iter().map(|row| Ok((row.text("key")?, CouponBatchId(row.int("id")?)))).collect()
}

/// Writes the declaration over the one of its key; what is outstanding stays.
pub async fn put(tx: &Tx, batch: &CouponBatch) -> Result<(), StoreError> {
    let sql = "INSERT INTO coupon_batch (key, shop_id, face_minor, threshold_minor, currency, valid_days, \
               budget_minor, outstanding_minor, maximum, created_count, document) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, 0, $9) ON CONFLICT (key) DO UPDATE SET \
               face_minor = excluded.face_minor, threshold_minor = excluded.threshold_minor, \
               valid_days = excluded.valid_days, budget_minor = excluded.budget_minor, \
               maximum = excluded.maximum, document = excluded.document";
    let b = batch;
    let args = args![
        &b.key,
        b.shop_id,
        b.face_minor,
        b.threshold_minor,
        &b.currency,
        b.valid_days,
        b.budget_minor,
        b.maximum,
        b.document.to_string()
    ];
    tx.exec_one("coupon_batch", sql, args).await
}
