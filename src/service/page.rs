//! Pages of lists: one row more is read than is shown, which says whether there is a next page, and the last row shown is
//! where it goes on. What a cursor looks like is each list's own.

use super::ServiceError;

/// How many rows to read for a page of `limit`.
pub(super) fn one_more(limit: i64) -> i64 {
    limit.saturating_add(1)
}

/// The page of what [`one_more`] read, and the cursor of the next one if there is one.
pub(super) fn cut<T, C>(mut rows: Vec<T>, limit: i64, cursor: impl Fn(&T) -> C) -> (Vec<T>, Option<C>) {
    let limit = usize::try_from(limit).unwrap_or_default();
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(cursor);
    (rows, next)
}

/// A cursor as it was sent back.
pub(super) fn read_cursor<C>(
    given: Option<&str>,
    read: impl Fn(&str) -> Option<C>,
) -> Result<Option<C>, ServiceError> {
    let bad = || {
        let detail = "take next_cursor of the page before, unchanged and with the same question";
        ServiceError::invalid("cursor", "bad_cursor", detail)
    };
    given.map(|text| read(text).ok_or_else(bad)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_too_many_is_the_next_pages() {
        let page =
            |many: i64, limit| cut((0..many.min(one_more(limit))).collect(), limit, |n| format!("c{n}"));
        assert_eq!(page(0, 2), (vec![], None));
        assert_eq!(page(2, 2), (vec![0, 1], None), "the last page is full, and says that it is the last");
        assert_eq!(page(3, 2), (vec![0, 1], Some("c1".to_owned())));
        assert_eq!(page(9, 2), (vec![0, 1], Some("c1".to_owned())));
        assert_eq!(cut(vec![1], 0, |n| *n), (vec![], None));
    }

    #[test]
    fn a_cursor_nobody_gave_out_is_refused() {
        let read = |text: &str| text.parse::<i64>().ok();
        assert_eq!(read_cursor(None, read).unwrap(), None);
        assert_eq!(read_cursor(Some("7"), read).unwrap(), Some(7));
        assert!(read_cursor(Some("x"), read).is_err_and(|e| e.to_string().starts_with("cursor: ")));
    }
}
