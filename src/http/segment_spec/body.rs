//! A body taken apart without trusting it: unpacked within bounds, its events cut out one by one, so that one that
//! can't be read is refused alone.

use crate::http::Problem;
use crate::service::ingest::Unreadable;
use axum::http::{HeaderMap, StatusCode, header};
use flate2::read::MultiGzDecoder;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::Read;

/// Largest body, unpacked.
pub const LARGEST: usize = 500 * 1024;
/// Most events of a batch.
pub const MOST: usize = 2_500;
/// Deepest nesting of an event.
const DEEPEST: usize = 32;

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The body is one event of this type.
    One(&'static str),
    /// The body is one event that says its type itself.
    Any,
    /// The body has a list of them.
    Many,
}

/// A body of JSON whose members were found and not yet read.
pub struct Members<'a> {
    whole: &'a str,
    members: BTreeMap<String, &'a RawValue>,
}

/// Events in their order; null stands for one that couldn't be read.
#[derive(Debug, Default, PartialEq)]
pub struct Events {
    pub read: Vec<Value>,
    pub unreadable: Vec<Unreadable>,
}

pub fn too_large(limit: usize) -> Problem {
    let detail = format!("the body is larger than {} KB; send smaller batches", limit / 1024);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

/// The body as sent, unpacked if it says it is gzip; never more than [`LARGEST`].
pub fn unpack(headers: &HeaderMap, packed: Vec<u8>) -> Result<Vec<u8>, Problem> {
    let coding = headers.get(header::CONTENT_ENCODING).map_or(&b""[..], |value| value.as_bytes());
    match coding.trim_ascii().to_ascii_lowercase().as_slice() {
        b"" | b"identity" => return Ok(packed),
        b"gzip" | b"x-gzip" => {}
        other => {
            let named = String::from_utf8_lossy(&other[..other.len().min(40)]).into_owned();
            let detail = format!("Content-Encoding {named} isn't taken; send gzip, or the body as it is");
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown_encoding", detail));
        }
    }
    let mut plain = Vec::new();
    let limit = LARGEST as u64 + 1;
    MultiGzDecoder::new(&*packed).take(limit).read_to_end(&mut plain).map_err(|e| {
        let detail =
            format!("the body isn't gzip as its header says: {e}; pack it whole, or leave the header out");
        Problem::bad_request("bad_gzip", detail)
    })?;
    if plain.len() > LARGEST { Err(too_large(LARGEST)) } else { Ok(plain) }
}

impl<'a> Members<'a> {
    pub fn find(body: &'a [u8]) -> Result<Self, Problem> {
        let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
        let not_json = |why: String| Problem::bad_request("not_json", format!("the body isn't JSON: {why}"));
        let text = std::str::from_utf8(body)
            .map_err(|e| not_json(format!("byte {} is no UTF-8; send UTF-8", e.valid_up_to())))?;
        // Whatever its depth: a raw value is found without recursion.
        let raw: &RawValue = serde_json::from_str(text).map_err(|e| not_json(e.to_string()))?;
        let whole = raw.get();
        if !whole.starts_with('{') {
            return Err(Problem::bad_request("not_an_object", "the body must be a JSON object"));
        }
        let members = serde_json::from_str(whole).map_err(|e| not_json(e.to_string()))?;
        Ok(Self { whole, members })
    }

    /// A short member's text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.read(name).and_then(|value| value.as_str().map(str::to_owned))
    }

    fn read(&self, name: &str) -> Option<Value> {
        self.members.get(name).and_then(|raw| read(raw.get()).ok())
    }

    /// Whether the body is a batch rather than an event.
    pub fn is_batch(&self) -> bool {
        self.members.contains_key("batch")
    }

    /// The events of the body, each with the batch's `sentAt` where it has none of its own. `secret` isn't kept
    /// with what is refused.
    pub fn events(&self, kind: Kind, secret: &str) -> Result<Events, Problem> {
        let mut events = Events::default();
        if kind != Kind::Many {
            events.add(self.whole, secret, &mut |map| {
                map.remove("writeKey");
                if let Kind::One(kind) = kind {
                    map.insert("type".to_owned(), Value::from(kind));
                }
            });
            return Ok(events);
        }
        let no_batch = || Problem::bad_request("no_batch", "the body has no `batch`, a list of events");
        let batch = self.members.get("batch").ok_or_else(no_batch)?;
        let pieces: Vec<&RawValue> = serde_json::from_str(batch.get()).map_err(|_| no_batch())?;
        if pieces.len() > MOST {
            let detail = format!("the batch has {} events; at most {MOST} are taken at once", pieces.len());
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_events", detail));
        }
        let sent_at = ["sentAt", "sent_at"].into_iter().find_map(|name| self.read(name));
        for piece in pieces {
            events.add(piece.get(), secret, &mut |map| {
                if let Some(sent_at) = sent_at.as_ref().filter(|_| !map.contains_key("sent_at")) {
                    map.entry("sentAt").or_insert_with(|| sent_at.clone());
                }
            });
        }
        Ok(events)
    }
}

impl Events {
    fn add(&mut self, raw: &str, secret: &str, change: &mut dyn FnMut(&mut Map<String, Value>)) {
        match read(raw) {
            Ok(mut value) => {
                if let Value::Object(map) = &mut value {
                    change(map);
                }
                self.read.push(value);
            }
            Err(problem) => {
                let message_id = message_id(raw);
                let raw = if secret.is_empty() { raw.to_owned() } else { raw.replace(secret, "…") };
                self.unreadable.push(Unreadable { index: self.read.len(), message_id, raw, problem });
                self.read.push(Value::Null);
            }
        }
    }
}

/// The message id of an event that can't be read whole, so that a resend is known.
fn message_id(raw: &str) -> Option<String> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(raw).ok()?;
    let id = members.get("messageId").or_else(|| members.get("message_id"))?;
    serde_json::from_str(id.get()).ok()
}

/// One value, or why it is none that could be kept.
fn read(raw: &str) -> Result<Value, domain::problem::Problem> {
    let problem = |code, detail: &str| domain::problem::Problem::new("", code, detail);
    if depth(raw) > DEEPEST {
        return Err(problem("too_deep", &format!("is nested deeper than {DEEPEST} levels; send it flatter")));
    }
    serde_json::from_str(raw).map_err(|e| {
        let why = e.to_string();
        if why.contains("hex escape") {
            problem(
                "lone_surrogate",
                "holds half of a character (\\ud800 to \\udfff without its other half); cut texts between characters",
            )
        } else if why.contains("number out of range") {
            problem("number_out_of_range", "holds a number that is larger than any; send it as text in quotes")
        } else {
            problem("not_json", &format!("can't be read: {why}"))
        }
    })
}

/// How many lists and objects lie in each other, strings left out. `raw` is JSON.
fn depth(raw: &str) -> usize {
    let (mut now, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in raw.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn events(kind: Kind, body: &Value) -> Result<Vec<Value>, (u16, &'static str)> {
        let text = body.to_string();
        let found = Members::find(text.as_bytes()).and_then(|members| members.events(kind, ""));
        found.map(|events| events.read).map_err(|p| (p.status, p.code))
    }

    #[test]
    fn a_batchs_clock_is_its_events() {
        let body = json!({"sentAt": "2011-12-01T00:00:00Z", "batch": [{"event": "a"}, {"event": "b", "sentAt": 1}, 7]});
        let read = events(Kind::Many, &body).unwrap();
        assert_eq!(
            read,
            [
                json!({"event": "a", "sentAt": "2011-12-01T00:00:00Z"}),
                json!({"event": "b", "sentAt": 1}),
                json!(7)
            ]
        );
        let one = json!({"userId": "u", "writeKey": "k", "type": "track"});
        assert_eq!(
            events(Kind::One("identify"), &one).unwrap(),
            [json!({"type": "identify", "userId": "u"})]
        );
        assert_eq!(events(Kind::Any, &one).unwrap(), [json!({"type": "track", "userId": "u"})]);
        assert_eq!(events(Kind::Many, &json!({})), Err((400, "no_batch")));
        assert_eq!(events(Kind::Many, &json!({"batch": {}})), Err((400, "no_batch")));
        assert_eq!(events(Kind::Many, &json!({"batch": vec![0; MOST]})).unwrap().len(), MOST);
        assert_eq!(events(Kind::Many, &json!({"batch": vec![0; MOST + 1]})), Err((413, "too_many_events")));
    }

    #[test]
    fn an_event_that_cant_be_read_is_refused_alone() {
        let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        let text = format!(
            r#"{{"batch":[{{"a":1}},{{"key":"kk_1_2","b":"\ud800","messageId":"m"}},{{"c":1e999}},{},{},{}]}}"#,
            deep(32),
            deep(33),
            deep(100_000)
        );
        let found = Members::find(text.as_bytes()).unwrap().events(Kind::Many, "kk_1_2").unwrap();
        let codes: Vec<_> = found.unreadable.iter().map(|u| (u.index, u.problem.code)).collect();
        let expected = [(1, "lone_surrogate"), (2, "number_out_of_range"), (4, "too_deep"), (5, "too_deep")];
        assert_eq!(codes, expected);
        assert_eq!(found.unreadable[0].raw, r#"{"key":"…","b":"\ud800","messageId":"m"}"#);
        assert_eq!(found.unreadable[0].message_id.as_deref(), Some("m"));
        assert_eq!((found.read.len(), &found.read[1]), (6, &Value::Null));
    }

    #[test]
    fn what_isnt_json_is_told_from_what_isnt_a_batch() {
        let code = |body: &[u8]| Members::find(body).err().map(|p| p.code);
        for bad in [&b"{"[..], b"", b"\xff{}", b"{\"a\":\"\n\"}", b"{} {}", b"NaN", b"{'a':1}"] {
            assert_eq!(code(bad), Some("not_json"), "{bad:?}");
        }
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        for other in [&b"[]"[..], b"7", b"null", deep.as_bytes()] {
            assert_eq!(code(other), Some("not_an_object"));
        }
        assert_eq!(code(b" {} \n"), None);
        assert_eq!(code("\u{feff}{}".as_bytes()), None, "a byte order mark");
        let twice = Members::find(br#"{"writeKey":"a","writeKey":"b"}"#).unwrap();
        assert_eq!(twice.text("writeKey").as_deref(), Some("b"), "the last one counts");
    }

    #[test]
    fn depth_is_of_lists_and_objects_only() {
        for (raw, expected) in [("1", 0), ("[]", 1), (r#"{"a":[{}]}"#, 3), (r#"["[[\"[[", []]"#, 2)] {
            assert_eq!(depth(raw), expected, "{raw}");
        }
    }
}
