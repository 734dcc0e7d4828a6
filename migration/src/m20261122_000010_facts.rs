//! The rest of the facts: what events say, typed, beside them; orders' lines, shipments, reviews, feedback and
//! contacts by other tools as projections; amounts in other currencies with the rate they were taken at.

use crate::ddl;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, SCHEMA).await
    }
}

const SCHEMA: &str = r"
-- fact: what the event says, typed (JSON, domain::event::Detail): nothing personal, and all a rebuild needs beside the
-- columns. effective: 1 counts; 0 a resend by its business key; -1 withdrawn with the batch it came in.
-- amount_minor is in the base currency; what was said in another one is foreign_minor, taken at rate (1e-12 base per unit).
ALTER TABLE event ADD COLUMN fact TEXT;
ALTER TABLE event ADD COLUMN foreign_currency TEXT;
ALTER TABLE event ADD COLUMN foreign_minor BIGINT;
ALTER TABLE event ADD COLUMN rate BIGINT;
-- Projections are folded by key; ref_key also names shipments, reviews, answers and contacts, each as '<shop key>:<id>'.
CREATE INDEX event_order ON event (order_key) WHERE order_key IS NOT NULL;
CREATE INDEX event_ref ON event (ref_key) WHERE ref_key IS NOT NULL;

-- lines_at, lines_id: the version the lines are of. foreign_*: as the version said it, in another currency.
ALTER TABLE orders ADD COLUMN placed_at BIGINT;
ALTER TABLE orders ADD COLUMN pay_by BIGINT;
ALTER TABLE orders ADD COLUMN lines_at BIGINT;
ALTER TABLE orders ADD COLUMN lines_id TEXT;
ALTER TABLE orders ADD COLUMN foreign_currency TEXT;
ALTER TABLE orders ADD COLUMN foreign_minor BIGINT;
ALTER TABLE orders ADD COLUMN rate BIGINT;

-- Whose they are says their order. Quantities in thousandths; the price of one and the line's amount in the base currency.
CREATE TABLE order_line (
  {id},
  shop_id BIGINT NOT NULL,
  order_key TEXT NOT NULL,
  line_no BIGINT NOT NULL,
  sku TEXT,
  product_id TEXT,
  name TEXT,
  category TEXT,
  style TEXT,
  brand TEXT,
  quantity_milli BIGINT NOT NULL,
  price_minor BIGINT,
  amount_minor BIGINT NOT NULL,
  UNIQUE (shop_id, order_key, line_no)
);

ALTER TABLE ticket ADD COLUMN sku TEXT;
ALTER TABLE ticket ADD COLUMN theme TEXT;
ALTER TABLE ticket ADD COLUMN first_reply_at BIGINT;
ALTER TABLE ticket ADD COLUMN chased BIGINT;
ALTER TABLE ticket ADD COLUMN escalated BIGINT NOT NULL DEFAULT 0;

-- shipment_key is '<shop key>:<shipment id, else order id>'. exception_at: the latest one.
CREATE TABLE shipment (
  {id},
  shop_id BIGINT NOT NULL,
  shipment_key TEXT NOT NULL,
  customer_id BIGINT NOT NULL,
  origin_customer_id BIGINT NOT NULL,
  order_key TEXT,
  status TEXT,
  promised_by BIGINT,
  carrier TEXT,
  place TEXT,
  exception_at BIGINT,
  reason TEXT,
  new_eta BIGINT,
  delivered_at BIGINT,
  version_at BIGINT NOT NULL,
  version_id TEXT NOT NULL,
  UNIQUE (shop_id, shipment_key)
);
CREATE INDEX shipment_customer ON shipment (customer_id, version_at);
CREATE INDEX shipment_order ON shipment (order_key) WHERE order_key IS NOT NULL;

-- rating_milli in thousandths of stars, of 5,000. The text lies with the event's personal values.
CREATE TABLE review (
  {id},
  shop_id BIGINT NOT NULL,
  review_key TEXT NOT NULL,
  customer_id BIGINT NOT NULL,
  origin_customer_id BIGINT NOT NULL,
  order_key TEXT,
  product_id TEXT,
  sku TEXT,
  rating_milli BIGINT,
  reviewed_at BIGINT NOT NULL,
  version_at BIGINT NOT NULL,
  version_id TEXT NOT NULL,
  UNIQUE (shop_id, review_key)
);
CREATE INDEX review_customer ON review (customer_id, reviewed_at);

-- kind: csat (score 1 to 5) | nps (0 to 10).
CREATE TABLE feedback (
  {id},
  shop_id BIGINT NOT NULL,
  feedback_key TEXT NOT NULL,
  kind TEXT NOT NULL,
  customer_id BIGINT NOT NULL,
  origin_customer_id BIGINT NOT NULL,
  ticket_key TEXT,
  order_key TEXT,
  score BIGINT NOT NULL,
  version_at BIGINT NOT NULL,
  version_id TEXT NOT NULL,
  UNIQUE (shop_id, feedback_key, kind)
);
CREATE INDEX feedback_customer ON feedback (customer_id, version_at);
CREATE INDEX feedback_ticket ON feedback (ticket_key) WHERE ticket_key IS NOT NULL;

-- Contacts by other tools, and calls people logged. kind: contact (counts in the caps) | call (doesn't).
CREATE TABLE contact_made (
  {id},
  shop_id BIGINT NOT NULL,
  contact_key TEXT NOT NULL,
  kind TEXT NOT NULL,
  customer_id BIGINT NOT NULL,
  origin_customer_id BIGINT NOT NULL,
  channel TEXT NOT NULL,
  purpose TEXT,
  tool TEXT,
  inbound BIGINT NOT NULL,
  seconds BIGINT,
  made_at BIGINT NOT NULL,
  version_at BIGINT NOT NULL,
  version_id TEXT NOT NULL,
  UNIQUE (shop_id, contact_key, kind)
);
CREATE INDEX contact_made_customer ON contact_made (customer_id, made_at);

-- What one unit of a currency is worth in the base currency on a local date of the shop, in 1e-12.
CREATE TABLE rate (
  currency TEXT NOT NULL,
  on_date TEXT NOT NULL,
  rate BIGINT NOT NULL,
  PRIMARY KEY (currency, on_date)
);
";
