//! What every resource reads of a request: bodies, ids, closed sets of words. Each error names its place and
//! what to write instead.

use super::Problem;
use crate::service::ServiceError;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use domain::problem::{Problem as Fault, nearest};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A body that may be left out altogether.
pub fn body<T: DeserializeOwned + Default>(sent: &[u8]) -> Result<T, Problem> {
    if sent.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    let value = Value::Object(object(sent)?);
    serde_json::from_value(value).map_err(|e| invalid(vec![Fault::new("", "unreadable", e.to_string())]))
}

pub fn object(sent: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(sent) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Problem::bad_request("not_an_object", "send a JSON object: {\"…\": …}")),
        Err(error) => Err(Problem::bad_request("bad_json", format!("the body is no JSON: {error}"))),
    }
}

pub fn invalid(faults: Vec<Fault>) -> Problem {
    ServiceError::Invalid(faults).into()
}

/// The parameters behind `?`.
pub fn query<T>(given: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    given.map(|Query(query)| query).map_err(|e| Problem::bad_request("bad_query", e.body_text()))
}

/// An id in a path: of `what`, looking like `example`.
pub fn id<T: FromStr>(
    given: Result<Path<String>, PathRejection>,
    what: &str,
    example: &str,
) -> Result<T, Problem> {
    let Path(given) = given.map_err(|e| Problem::bad_request("bad_path", e.body_text()))?;
    read_id(&given, what, example)
}

pub fn read_id<T: FromStr>(given: &str, what: &str, example: &str) -> Result<T, Problem> {
    given.parse().map_err(|_| {
        let detail = format!("\"{given}\" is no id of {what}; one looks like {example}");
        Problem::bad_request("bad_id", detail)
    })
}

/// One of a closed set of words, such as the states of `what`.
pub fn word<T>(
    given: &str,
    what: &str,
    known: impl Iterator<Item = &'static str>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, Problem> {
    parse(given).ok_or_else(|| {
        let known: Vec<&str> = known.collect();
        let remedy = match nearest(given, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", known.join(", ")),
        };
        Problem::bad_request("bad_word", format!("\"{given}\" is no {what}; {remedy}"))
    })
}

/// How many of a list are wanted at once.
pub fn limit(given: Option<u32>, unless_said: i64, allowed: RangeInclusive<i64>) -> Result<i64, Problem> {
    let limit = given.map_or(unless_said, i64::from);
    if allowed.contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("limit is {limit}; {} to {} are given at once", allowed.start(), allowed.end());
    Err(Problem::bad_request("bad_limit", detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::CallbackId;

    #[test]
    fn what_cant_be_read_says_what_to_write() {
        assert!(body::<Vec<u8>>(b" \n").is_ok_and(|none| none.is_empty()));
        assert_eq!(body::<Vec<u8>>(b"[]").unwrap_err().code, "not_an_object");
        assert_eq!(read_id::<CallbackId>("cb_7", "a callback", "cb_7").ok(), Some(CallbackId(7)));
        let wrong = read_id::<CallbackId>("7", "a callback", "cb_7").unwrap_err();
        assert_eq!(wrong.detail, "\"7\" is no id of a callback; one looks like cb_7");
        let parse = |text: &str| (text == "open").then_some(());
        let near = word("opne", "state", ["open", "closed"].into_iter(), parse).unwrap_err();
        assert_eq!(near.detail, "\"opne\" is no state; did you mean open?");
        let far = word("zzzzz", "state", ["open", "closed"].into_iter(), parse).unwrap_err();
        assert_eq!(far.detail, "\"zzzzz\" is no state; there are open, closed");
        assert_eq!(limit(None, 50, 1..=200).ok(), Some(50));
        assert_eq!(limit(Some(0), 50, 1..=200).unwrap_err().detail, "limit is 0; 1 to 200 are given at once");
    }
}
