//! What events say at the properties that rules ask for, to be looked up.

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
-- The properties that are looked up: a path of events of one name. Whoever logs an event writes its values beside it.
-- state: filling | filled | going. Events from the id filled_to on are done. asked_at: when a rule was last known to ask for it.
CREATE TABLE property (
  {id},
  event TEXT NOT NULL,
  path TEXT NOT NULL,
  filled_to BIGINT NOT NULL,
  state TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  UNIQUE (event, path)
);

-- One value of one event; n is its place among those of the path, from 0. base is the length in bytes of the path of the first
-- array on the way, 0 without one; element its element. text is folded; number is in millionths, where it is one. sku is the product
-- of the line it stands in, own_sku the one that the event is about, shop the key of the order's shop where there are both an
-- order and a product.
CREATE TABLE event_property (
  property_id BIGINT NOT NULL,
  event_id BIGINT NOT NULL,
  n BIGINT NOT NULL,
  base BIGINT NOT NULL,
  element BIGINT NOT NULL,
  text TEXT NOT NULL,
  number BIGINT,
  sku TEXT,
  own_sku TEXT,
  shop TEXT,
  PRIMARY KEY (property_id, event_id, n)
);
-- By their beginnings: neither database puts long texts into an index.
CREATE INDEX event_property_text ON event_property (property_id, substr(text, 1, 64), event_id);
CREATE INDEX event_property_number ON event_property (property_id, number, event_id) WHERE number IS NOT NULL;

-- Who has events of a name within a window, without reading the log.
CREATE INDEX event_kind ON event (kind, occurred_at, customer_id, effective, received_at);
";
