//! Whether a push is genuine: pure, and compared in constant time. A good signature says who sent it and that nothing
//! was changed; whether it is news is told by its message id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::time::{MachineInstant, Span};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How far a sender's clock may be from ours, either way.
pub const TOLERANCE: Span = Span::minutes(5);

fn hmac(secret: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length")
}

/// Shopify's: Base64 of HMAC-SHA256 over the body as it came.
pub fn is_shopifys(secret: &str, body: &[u8], given: &str) -> bool {
    let Ok(given) = STANDARD.decode(given.trim()) else { return false };
    hmac(secret).chain_update(body).verify_slice(&given).is_ok()
}

/// Youzan's: hex of MD5 over client id, content as it came (still percent-encoded), client secret.
pub fn is_youzans(client_id: &str, client_secret: &str, msg: &str, given: &str) -> bool {
    let made = Md5::new().chain_update(client_id).chain_update(msg).chain_update(client_secret).finalize();
    hex_of(given).is_some_and(|given| made.as_slice().ct_eq(&given).into())
}

/// Anybody's: hex of HMAC-SHA256 over `timestamp.body`, the timestamp in Unix seconds, not older or newer than
/// [`TOLERANCE`] by the machine's clock.
pub fn is_fresh_and_signed(
    secret: &str,
    timestamp: &str,
    body: &[u8],
    given: &str,
    now: MachineInstant,
) -> bool {
    let timestamp = timestamp.trim();
    let Ok(seconds) = timestamp.parse::<i64>() else { return false };
    let given = given.trim();
    let Some(given) = hex_of(given.strip_prefix("sha256=").unwrap_or(given)) else { return false };
    let signed = hmac(secret).chain_update(timestamp).chain_update(b".").chain_update(body);
    let age = i128::from(now.micros()) - i128::from(seconds) * 1_000_000;
    signed.verify_slice(&given).is_ok() && age.abs() <= i128::from(TOLERANCE.as_micros())
}

fn hex_of(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
    if text.len().is_multiple_of(2) { text.chunks(2).map(pair).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shopifys_is_over_the_body_as_it_came() {
        let (body, signature) = (
            br#"{"id":820982911946154508,"total_price":"403.00"}"#,
            "gHDQy76+38chKmG/hW2suoASSgJPriCh7sYbzaB7OQI=",
        );
        assert!(is_shopifys("hush", body, signature));
        assert!(!is_shopifys("hush!", body, signature));
        assert!(!is_shopifys("hush", br#"{"id": 820982911946154508,"total_price":"403.00"}"#, signature));
        for bad in ["", "gHDQ", "!!!", "gHDQy76+38chKmG/hW2suoASSgJPriCh7sYbzaB7OQM="] {
            assert!(!is_shopifys("hush", body, bad), "{bad}");
        }
    }

    #[test]
    fn youzans_is_over_the_content_still_encoded() {
        let msg = "%7B%22tid%22%3A%22E20260101000000000000001%22%7D";
        let signature = "77a6f0e4ef3e2fb5b8c95a6db7b274e8";
        assert!(is_youzans("cid", "csec", msg, signature));
        assert!(is_youzans("cid", "csec", msg, &signature.to_uppercase()));
        assert!(!is_youzans("cid", "csec", r#"{"tid":"E20260101000000000000001"}"#, signature));
        assert!(!is_youzans("cid", "other", msg, signature));
        for bad in ["", "7", "77a6", "zz", "77a6f0e4ef3e2fb5b8c95a6db7b274e9"] {
            assert!(!is_youzans("cid", "csec", msg, bad), "{bad}");
        }
    }

    /// The HMAC was computed with Python's hmac module.
    #[test]
    fn anybodys_is_over_timestamp_and_body_and_grows_stale() {
        let signature = "6a14bd62725ae3ac8dd271d3c9e462836a04bf2d3a43f4e45c3560f0c3ce2dd7";
        let at = |seconds: i64| MachineInstant::from_micros(seconds * 1_000_000);
        let good = |timestamp: &str, body: &[u8], given: &str, now: i64| {
            is_fresh_and_signed("hush", timestamp, body, given, at(now))
        };
        let sent = 1_790_301_600;
        for now in [sent - 300, sent, sent + 300] {
            assert!(good("1790301600", b"{}", signature, now), "{now}");
            assert!(good("1790301600", b"{}", &format!("sha256={signature}"), now));
        }
        assert!(!good("1790301600", b"{}", signature, sent + 301));
        assert!(!good("1790301600", b"{}", signature, sent - 301));
        assert!(!good("1790301601", b"{}", signature, sent), "the timestamp is signed too");
        assert!(!good("1790301600", b"{ }", signature, sent));
        for bad in ["", "now", "9223372036854775807", "-1"] {
            assert!(!good(bad, b"{}", signature, sent), "{bad}");
        }
    }
}
