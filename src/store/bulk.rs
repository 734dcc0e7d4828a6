//! Rows into statements: as few as the databases take well. SQLite gets lists of values, PostgreSQL one array a column.

use super::sql::places;
use sea_orm::sea_query::ArrayType;
use sea_orm::{DbBackend, Value};

/// Both databases take more (32,766 and 65,535); plans of that size cost more than they save.
const MOST_BINDS: usize = 8_000;

/// The statements that insert these rows; `tail` is what follows them.
pub(super) fn bulk(
    backend: DbBackend,
    table: &str,
    columns: &[&str],
    rows: Vec<Vec<Value>>,
    tail: &str,
) -> Vec<(String, Vec<Value>)> {
    if backend == DbBackend::Postgres
        && rows.len() >= FEWEST_IN_ARRAYS
        && let Some(kinds) = array_kinds(&rows)
    {
        return by_columns(table, columns, &kinds, rows, tail);
    }
    // SQLite looks a named parameter up among all names before it, so thousands of `$n` cost their square;
    // nameless ones are counted. PostgreSQL knows numbers only.
    let nameless = (backend != DbBackend::Postgres).then(|| vec!["?"; columns.len()].join(", "));
    let per_statement = (MOST_BINDS / columns.len().max(1)).max(1);
    let mut statements = Vec::with_capacity(rows.len().div_ceil(per_statement));
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let mut sql = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
        let mut args = Vec::new();
        for (n, row) in rows.by_ref().take(per_statement).enumerate() {
            debug_assert_eq!(row.len(), columns.len(), "one value a column");
            if n > 0 {
                sql.push_str(", ");
            }
            match &nameless {
                Some(marks) => sql.push_str(&format!("({marks})")),
                None => sql.push_str(&format!("({})", places(args.len() + 1, row.len()))),
            }
            args.extend(row);
        }
        sql.push(' ');
        sql.push_str(tail);
        statements.push((sql, args));
    }
    statements
}

/// Fewer rows are written one by one as well.
const FEWEST_IN_ARRAYS: usize = 4;
/// Rows of one statement whose columns are arrays.
const MOST_IN_ARRAYS: usize = 5_000;

/// Each column as one array: one short statement however many rows, which PostgreSQL parses and plans once.
fn by_columns(
    table: &str,
    columns: &[&str],
    kinds: &[ArrayType],
    rows: Vec<Vec<Value>>,
    tail: &str,
) -> Vec<(String, Vec<Value>)> {
    let mut statements = Vec::with_capacity(rows.len().div_ceil(MOST_IN_ARRAYS));
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let mut arrays: Vec<Vec<Value>> = vec![Vec::new(); columns.len()];
        for row in rows.by_ref().take(MOST_IN_ARRAYS) {
            debug_assert_eq!(row.len(), columns.len(), "one value a column");
            arrays.iter_mut().zip(row).for_each(|(array, value)| array.push(value));
        }
        let (mut unnested, mut selected) = (Vec::new(), Vec::new());
        let (mut args, mut standing_for_null) = (Vec::new(), Vec::new());
        for (n, (mut array, kind)) in arrays.into_iter().zip(kinds).enumerate() {
            let (name, place) = (format!("c{n}"), n + 1);
            unnested
                .push(format!("${place}::{}[]", if *kind == ArrayType::BigInt { "bigint" } else { "text" }));
            if array.iter().any(is_null) {
                // The driver's arrays hold no nulls: a value that isn't among the others stands for them.
                let unused = unused(&array);
                array.iter_mut().filter(|value| is_null(value)).for_each(|value| *value = unused.clone());
                standing_for_null.push(unused);
                selected.push(format!("NULLIF({name}, ${})", columns.len() + standing_for_null.len()));
            } else {
                selected.push(name);
            }
            args.push(Value::Array(kind.clone(), Some(Box::new(array))));
        }
        args.extend(standing_for_null);
        let names: Vec<String> = (0..columns.len()).map(|n| format!("c{n}")).collect();
        let sql = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM UNNEST({}) AS given ({}) {tail}",
            columns.join(", "),
            selected.join(", "),
            unnested.join(", "),
            names.join(", ")
        );
        statements.push((sql, args));
    }
    statements
}

/// What array each column goes into, where each has one for all its rows.
fn array_kinds(rows: &[Vec<Value>]) -> Option<Vec<ArrayType>> {
    let kinds: Vec<ArrayType> = rows.first()?.iter().map(array_kind).collect::<Option<_>>()?;
    let alike = |row: &Vec<Value>| {
        row.len() == kinds.len()
            && row.iter().zip(&kinds).all(|(value, kind)| array_kind(value).as_ref() == Some(kind))
    };
    rows.iter().all(alike).then_some(kinds)
}

/// The kind of array that values of this one go into, if there is one.
pub(super) fn array_kind(value: &Value) -> Option<ArrayType> {
    match value {
        Value::BigInt(_) => Some(ArrayType::BigInt),
        Value::String(_) => Some(ArrayType::String),
        _ => None,
    }
}

pub(super) fn is_null(value: &Value) -> bool {
    matches!(value, Value::BigInt(None) | Value::String(None))
}

/// A value that isn't among these, which are all of its kind.
fn unused(values: &[Value]) -> Value {
    if values.iter().any(|value| matches!(value, Value::BigInt(_))) {
        // The first number asked for is nearly always free: no set is worth making.
        return Value::BigInt((i64::MIN..).find(|n| !values.contains(&Value::BigInt(Some(*n)))));
    }
    let longest = values.iter().map(|v| if let Value::String(Some(text)) = v { text.len() } else { 0 }).max();
    Value::String(Some("-".repeat(longest.unwrap_or(0) + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: Option<&str>) -> Value {
        Value::String(value.map(str::to_owned))
    }

    fn rows(n: i64) -> Vec<Vec<Value>> {
        (0..n).map(|i| vec![Value::BigInt(Some(i)), text((i % 2 == 0).then_some("--"))]).collect()
    }

    #[test]
    fn postgres_gets_a_short_statement_whatever_the_rows_and_nulls_are_told_apart() {
        let [(sql, args)] =
            &bulk(DbBackend::Postgres, "t", &["a", "b"], rows(1_000), "ON CONFLICT DO NOTHING")[..]
        else {
            panic!("one statement");
        };
        assert_eq!(
            sql,
            "INSERT INTO t (a, b) SELECT c0, NULLIF(c1, $3) FROM UNNEST($1::bigint[], $2::text[]) AS given (c0, c1) ON CONFLICT DO NOTHING"
        );
        let Value::Array(ArrayType::String, Some(texts)) = &args[1] else { panic!("{args:?}") };
        // What stands for null is longer than any text there is.
        assert_eq!(args[2], text(Some("---")));
        assert_eq!(&texts[..2], [text(Some("--")), args[2].clone()]);
        assert_eq!(bulk(DbBackend::Postgres, "t", &["a", "b"], rows(5_001), "").len(), 2);
    }

    #[test]
    fn a_number_that_is_taken_stands_for_no_null() {
        let numbers = [Some(i64::MIN), None, Some(i64::MIN + 1)].map(Value::BigInt);
        assert_eq!(unused(&numbers), Value::BigInt(Some(i64::MIN + 2)));
        assert_eq!(unused(&[Value::BigInt(None)]), Value::BigInt(Some(i64::MIN)));
    }

    #[test]
    fn what_no_array_takes_and_few_rows_are_lists_of_values() {
        let mixed =
            vec![vec![Value::BigInt(Some(1))], vec![text(Some("x"))], vec![text(None)], vec![text(None)]];
        assert!(
            bulk(DbBackend::Postgres, "t", &["a"], mixed, "")[0]
                .0
                .starts_with("INSERT INTO t (a) VALUES ($1), ($2)")
        );
        assert!(
            bulk(DbBackend::Postgres, "t", &["a", "b"], rows(3), "")[0]
                .0
                .contains("VALUES ($1, $2), ($3, $4)")
        );
        assert!(
            bulk(DbBackend::Sqlite, "t", &["a", "b"], rows(9), "")[0].0.contains("VALUES (?, ?), (?, ?)")
        );
    }
}
