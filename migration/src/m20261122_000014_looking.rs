//! Finding people by name, notes about them, and who looked.

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
-- Every end of a folded name ('lin wei', 'in wei', …), so that any part of it is the beginning of a row. Personal:
-- goes when the name goes. customer_id is whoever bears the name, merged or not.
CREATE TABLE name_part (
  part TEXT {bytewise} NOT NULL,
  customer_id BIGINT NOT NULL,
  PRIMARY KEY (part, customer_id)
);
CREATE INDEX name_part_customer ON name_part (customer_id);

-- What staff write down about a customer. text is free, and so personal.
CREATE TABLE note (
  {id},
  customer_id BIGINT NOT NULL,
  origin_customer_id BIGINT NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX note_customer ON note (customer_id, at);

-- Who looked at whom. act: viewed | searched | listed | revealed | exported. customer_id null: no single one.
CREATE TABLE access_log (
  {id},
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  act TEXT NOT NULL,
  customer_id BIGINT,
  detail TEXT NOT NULL
);
CREATE INDEX access_log_customer ON access_log (customer_id, at);
CREATE INDEX access_log_actor ON access_log (actor, at);
";
