//! Since when customers don't have a tag that they had, and whether they let us personalise.

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
-- As the facts say it as of the profile's kept_at; who never had the tag has no row. For rules that ask how long somebody hasn't had a
-- tag.
CREATE TABLE tag_ended (
  customer_id BIGINT NOT NULL,
  key TEXT NOT NULL,
  since BIGINT NOT NULL,
  PRIMARY KEY (customer_id, key)
);
CREATE INDEX tag_ended_key ON tag_ended (key, since, customer_id);

-- Nobody has objected, as far as is known before they are looked at again, which they are.
ALTER TABLE profile ADD COLUMN personalised BIGINT NOT NULL DEFAULT 1;

-- Zones are looked up one by one, not by reading everybody.
CREATE INDEX customer_zone ON customer (zone) WHERE zone IS NOT NULL;
";
