//! The write key of a request, in all the ways in which SDKs and people write it.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The key in the headers: Basic's user, with or without the colon behind it, a bearer key, or the key as it is
/// (what Dittofeed's SDK sends is whatever it was given as write key).
pub fn find(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let Some((scheme, given)) = given.split_once(' ') else { return as_it_is(given) };
    let given = given.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(given.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(given).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    // A key holds an underscore, which Base64 doesn't: the two can't be taken for each other.
    let text = decoded.or_else(|| as_it_is(given))?;
    let user = text.split_once(':').map_or(text.as_str(), |(user, _)| user);
    Some(user.trim().to_owned())
}

fn as_it_is(text: &str) -> Option<String> {
    text.starts_with("kk_").then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_write_key_is_found_however_it_is_written() {
        let with = |value: String| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
            find(&headers)
        };
        let basic = |text: &str| with(format!("Basic {}", STANDARD.encode(text)));
        for text in ["kk_1_2", "kk_1_2:", "kk_1_2:ignored", " kk_1_2 : "] {
            assert_eq!(basic(text).as_deref(), Some("kk_1_2"));
        }
        for text in ["Bearer kk_1_2", "bearer  kk_1_2 ", "kk_1_2", "Basic kk_1_2", "BASIC kk_1_2:"] {
            assert_eq!(with(text.to_owned()).as_deref(), Some("kk_1_2"), "{text}");
        }
        for text in ["Basic !!!", "Basic", "Token kk_1_2", "secret", "Basic /w=="] {
            assert_eq!(with(text.to_owned()), None, "{text}");
        }
        assert_eq!(find(&HeaderMap::new()), None);
    }
}
