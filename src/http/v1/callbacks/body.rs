//! Reading the bodies agents send: each problem with its field and a remedy, all of them at once.

use super::super::request::{invalid, object};
use crate::http::Problem;
use crate::service::callbacks::Outcome;
use domain::callback::Unreached;
use domain::callback::result::{CallResult, ChurnReason, Feedback, Next, Resolved, Satisfaction, Verified};
use domain::problem::{Problem as Fault, nearest};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Most characters of a reason.
const REASON: usize = 200;

/// A reason of a few words, or none.
pub fn short_reason(given: Option<String>) -> Result<Option<String>, Problem> {
    let given = given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if given.as_ref().is_some_and(|text| text.chars().count() > REASON) {
        let remedy = format!("{REASON} characters at the most, and nothing about the customer");
        return Err(invalid(vec![Fault::new("reason", "too_long", remedy)]));
    }
    Ok(given)
}

/// The fence, if sent, and how the call ended.
pub fn read_outcome(sent: &[u8]) -> Result<(Option<i64>, Outcome), Problem> {
    let mut fields = Fields { at: String::new(), left: object(sent)?, faults: Vec::new() };
    let fence = fields.take::<i64>("fence", "the number given with the callback");
    let word = fields.take::<String>("outcome", "a word");
    let result = fields.take::<Map<String, Value>>("result", "an object with resolved, satisfaction, …");
    let outcome = match word.as_deref() {
        Some("reached") => match result {
            Some(result) => read_result(result, &mut fields.faults).map(Outcome::Reached),
            None => {
                let remedy =
                    "a call that reached the customer needs a result such as {\"resolved\": \"yes\"}";
                fields.fault("result", "missing", remedy);
                None
            }
        },
        Some(word) => {
            if result.is_some() {
                fields.fault("result", "not_with_this_outcome", "only `reached` has a result; leave it out");
            }
            fields.known("outcome", word, Unreached::parse(word), &unreached()).map(Outcome::NotReached)
        }
        None => {
            if !fields.has_fault("outcome") {
                fields.fault(
                    "outcome",
                    "missing",
                    &format!("say how the call ended: {}", unreached().join(", ")),
                );
            }
            None
        }
    };
    fields.nothing_left(&["outcome", "fence", "result"]);
    match outcome {
        Some(outcome) if fields.faults.is_empty() => Ok((fence, outcome)),
        _ => Err(invalid(fields.faults)),
    }
}

fn unreached() -> Vec<&'static str> {
    std::iter::once("reached").chain(Unreached::ALL.iter().map(|u| u.as_str())).collect()
}

fn read_result(given: Map<String, Value>, faults: &mut Vec<Fault>) -> Option<CallResult> {
    let mut fields = Fields { at: "result.".to_owned(), left: given, faults: Vec::new() };
    let resolved = fields.word("resolved", Resolved::parse, Resolved::ALL.iter().map(|w| w.as_str()));
    if resolved.is_none() && !fields.has_fault("resolved") {
        fields.fault("resolved", "missing", "say whether the matter is settled: yes, partly or no");
    }
    let satisfaction = fields.take::<u8>("satisfaction", "a whole number from 1 (worst) to 5");
    let points = satisfaction.and_then(Satisfaction::new);
    if satisfaction.is_some() && points.is_none() {
        fields.fault("satisfaction", "out_of_range", "1 (worst) to 5");
    }
    let feedback = fields.take::<Feedback>("feedback", "an object with about, text and perhaps sku");
    let next = fields.word("next", Next::parse, Next::ALL.iter().map(|w| w.as_str()));
    let churn = fields.word("churn_reason", ChurnReason::parse, ChurnReason::ALL.iter().map(|w| w.as_str()));
    let verified = fields.word("verified", Verified::parse, Verified::ALL.iter().map(|w| w.as_str()));
    fields.nothing_left(&["resolved", "satisfaction", "feedback", "next", "churn_reason", "verified"]);
    faults.append(&mut fields.faults);
    Some(CallResult {
        resolved: resolved?,
        satisfaction: points,
        feedback,
        next: next.unwrap_or(Next::Nothing),
        churn_reason: churn,
        verified: verified.unwrap_or(Verified::No),
    })
}

/// The fields of an object, taken one by one; what is wrong with each is kept.
struct Fields {
    /// Where the object stands, with a dot behind it.
    at: String,
    left: Map<String, Value>,
    faults: Vec<Fault>,
}

impl Fields {
    fn fault(&mut self, field: &str, code: &'static str, remedy: &str) {
        self.faults.push(Fault::new(format!("{}{field}", self.at), code, remedy));
    }

    fn has_fault(&self, field: &str) -> bool {
        self.faults.iter().any(|fault| fault.at == format!("{}{field}", self.at))
    }

    /// `None` where it isn't there, is null, or isn't what it must be.
    fn take<T: DeserializeOwned>(&mut self, field: &str, what: &str) -> Option<T> {
        let value = self.left.remove(field).filter(|value| !value.is_null())?;
        match serde_json::from_value(value) {
            Ok(read) => Some(read),
            Err(error) => {
                self.fault(field, "unreadable", &format!("send {what} ({error})"));
                None
            }
        }
    }

    fn word<T>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Option<T>,
        known: impl Iterator<Item = &'static str>,
    ) -> Option<T> {
        let known: Vec<&str> = known.collect();
        let word = self.take::<String>(field, &format!("one of {}", known.join(", ")))?;
        self.known(field, &word, parse(&word), &known)
    }

    fn known<T>(&mut self, field: &str, word: &str, read: Option<T>, known: &[&str]) -> Option<T> {
        if read.is_none() {
            let remedy = match nearest(word, known.iter().copied()) {
                Some(near) => format!("\"{word}\" isn't known; did you mean {near}?"),
                None => format!("\"{word}\" isn't known; there are {}", known.join(", ")),
            };
            self.fault(field, "unknown_word", &remedy);
        }
        read
    }

    fn nothing_left(&mut self, known: &[&str]) {
        for field in self.left.keys().cloned().collect::<Vec<_>>() {
            let remedy = match nearest(&field, known.iter().copied()) {
                Some(near) => format!("there is no such field; did you mean {near}?"),
                None => format!("there is no such field; there are {}", known.join(", ")),
            };
            self.fault(&field, "unknown_field", &remedy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(body: Value) -> Vec<(String, String)> {
        match read_outcome(body.to_string().as_bytes()) {
            Ok(read) => panic!("{read:?}"),
            Err(problem) => problem.errors.into_iter().map(|e| (e.at, e.detail)).collect(),
        }
    }

    #[test]
    fn an_outcome_reads_with_its_defaults() {
        let (fence, outcome) = read_outcome(br#"{"outcome": "no_answer", "fence": 3}"#).unwrap();
        assert_eq!((fence, outcome), (Some(3), Outcome::NotReached(Unreached::NoAnswer)));
        let body =
            json!({"outcome": "reached", "result": {"resolved": "partly", "satisfaction": 2, "next": null}});
        let (fence, outcome) = read_outcome(body.to_string().as_bytes()).unwrap();
        let Outcome::Reached(result) = outcome else { panic!("{outcome:?}") };
        assert_eq!((fence, result.resolved, result.next), (None, Resolved::Partly, Next::Nothing));
        assert_eq!(result.satisfaction.map(Satisfaction::points), Some(2));
    }

    #[test]
    fn every_problem_has_its_place_and_a_remedy() {
        let places = |body| said(body).into_iter().map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(places(json!({})), ["outcome"]);
        assert_eq!(places(json!({"outcome": 3})), ["outcome"]);
        assert_eq!(places(json!({"outcome": "reached"})), ["result"]);
        assert_eq!(places(json!({"outcome": "busy", "result": {}})), ["result"]);
        assert_eq!(places(json!({"outcome": "reached", "result": {}})), ["result.resolved"]);
        let all = json!({"outcome": "reached", "fence": "x", "fnce": 1,
            "result": {"resolved": "yess", "satisfaction": 6, "verified": "perhaps", "notes": "x", "feedback": {"about": "tea"}}});
        assert_eq!(
            places(all),
            [
                "fence",
                "result.resolved",
                "result.satisfaction",
                "result.feedback",
                "result.verified",
                "result.notes",
                "fnce"
            ]
        );
        let (_, remedy) = said(json!({"outcome": "noanswer"})).remove(0);
        assert!(remedy.contains("did you mean no_answer?"), "{remedy}");
    }

    #[test]
    fn what_is_no_object_is_no_body() {
        let code = |sent: &[u8]| read_outcome(sent).unwrap_err().code;
        assert_eq!((code(b""), code(b"{"), code(b"[]")), ("bad_json", "bad_json", "not_an_object"));
        assert_eq!(short_reason(Some("  ".to_owned())).unwrap(), None);
        assert_eq!(short_reason(Some("x".repeat(201))).unwrap_err().errors[0].at, "reason");
    }
}
