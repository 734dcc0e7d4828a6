//! One row of an answer, read by column name: as the database gave it, or [packed](super::packed) with others into one. No table
//! is named here.

use super::StoreError;
use domain::time::Instant;
use sea_orm::{QueryResult, TryGetable};
use std::sync::Arc;

/// One row of an answer, read by column name.
pub struct Row(Form);

enum Form {
    Asked(QueryResult),
    /// Values in the order of the names.
    Packed(Arc<[&'static str]>, Vec<serde_json::Value>),
}

impl Row {
    pub(super) fn asked(row: QueryResult) -> Self {
        Self(Form::Asked(row))
    }

    /// Values in the order of the columns.
    pub(super) fn packed(columns: Arc<[&'static str]>, values: Vec<serde_json::Value>) -> Self {
        Self(Form::Packed(columns, values))
    }

    pub(super) fn int(&self, column: &str) -> Result<i64, StoreError> {
        self.read(column, serde_json::Value::as_i64)?.ok_or_else(|| self.corrupt(column, "null"))
    }
    pub(super) fn opt_int(&self, column: &str) -> Result<Option<i64>, StoreError> {
        self.read(column, serde_json::Value::as_i64)
    }
    pub(super) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.opt_text(column)?.ok_or_else(|| self.corrupt(column, "null"))
    }
    pub(super) fn opt_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.read(column, |value| value.as_str().map(str::to_owned))
    }
    pub(super) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        self.int(column).map(|n| n != 0)
    }
    pub(super) fn at(&self, column: &str) -> Result<Instant, StoreError> {
        self.int(column).map(Instant::from_micros)
    }
    pub(super) fn opt_at(&self, column: &str) -> Result<Option<Instant>, StoreError> {
        Ok(self.opt_int(column)?.map(Instant::from_micros))
    }

    /// The integer in front; `None` where it is null.
    pub(super) fn first_number(&self) -> Result<Option<i64>, StoreError> {
        match &self.0 {
            Form::Asked(row) => row.try_get_by_index::<Option<i64>>(0).map_err(StoreError::from),
            Form::Packed(_, values) => Ok(values.first().and_then(serde_json::Value::as_i64)),
        }
    }

    /// `None` where it is null.
    fn read<T>(
        &self,
        column: &str,
        unpack: impl Fn(&serde_json::Value) -> Option<T>,
    ) -> Result<Option<T>, StoreError>
    where
        Option<T>: TryGetable,
    {
        match &self.0 {
            Form::Asked(row) => row.try_get("", column).map_err(|e| self.corrupt(column, &e.to_string())),
            Form::Packed(columns, values) => {
                let place = columns.iter().position(|name| *name == column);
                match place.and_then(|place| values.get(place)) {
                    None => Err(self.corrupt(column, "no such column")),
                    Some(serde_json::Value::Null) => Ok(None),
                    Some(value) => {
                        let read = unpack(value).map(Some);
                        read.ok_or_else(|| self.corrupt(column, &format!("{value} is of another kind")))
                    }
                }
            }
        }
    }

    fn corrupt(&self, column: &str, detail: &str) -> StoreError {
        let row: Option<i64> = match &self.0 {
            Form::Asked(row) => row.try_get::<i64>("", "id").ok(),
            Form::Packed(columns, values) => {
                let place = columns.iter().position(|name| *name == "id");
                place.and_then(|place| values.get(place)?.as_i64())
            }
        };
        StoreError::Corrupt {
            table: "query".to_owned(),
            column: column.to_owned(),
            row: row.map_or_else(|| "?".to_owned(), |id| id.to_string()),
            detail: detail.to_owned(),
        }
    }
}
