//! Contact points in the one spelling they are stored, compared and hashed in.
//!
//! A contact point says where to reach somebody, never who they are. Whether it may be used is the gate's.

use unicode_normalization::UnicodeNormalization;

/// What kind of address a contact point is (domain rules, "contact point").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Real,
    /// A virtual number with extension: callable for a while, never for marketing.
    Relay,
    /// Partly hidden (`138****1234`): shown only.
    Masked,
}

impl Class {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Relay => "relay",
            Self::Masked => "masked",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Real, Self::Relay, Self::Masked].into_iter().find(|class| class.as_str() == text)
    }
}

/// An address as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `email` or `phone`.
    pub channel: &'static str,
    pub value: String,
    pub class: Class,
    /// Whether something can be sent there at all; what can't is kept and shown.
    pub usable: bool,
}

/// The channel name of mail addresses.
pub const EMAIL: &str = "email";
/// The channel name of telephone numbers.
pub const PHONE: &str = "phone";

/// Longest address taken (RFC 5321 path limit).
const LONGEST: usize = 254;

/// Trimmed, NFKC, lower case; no dot tricks. `None` where nothing is left or it is absurdly long.
pub fn email(text: &str) -> Option<Address> {
    let value: String = text.trim().nfkc().collect::<String>().to_lowercase();
    if value.is_empty() || value.len() > LONGEST {
        return None;
    }
    let class = if value.contains('*') && value.contains('@') { Class::Masked } else { Class::Real };
    let usable = class == Class::Real && deliverable(&value);
    Some(Address { channel: EMAIL, value, class, usable })
}

fn deliverable(value: &str) -> bool {
    let Some((local, host)) = value.split_once('@') else { return false };
    let sound = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && !b"<>()[],;:\\\"@".contains(&b))
    };
    let labels = |host: &str| host.split('.').count() >= 2 && host.split('.').all(|label| !label.is_empty());
    sound(local) && local.len() <= 64 && sound(host) && labels(host)
}

/// Digits of the shortest and the longest number taken; with an extension it may be longer than E.164's 15.
const DIGITS: std::ops::RangeInclusive<usize> = 5..=20;

/// E.164 where the number can be read so: `+…` and `00…` as written, eleven digits of a Chinese mobile as
/// `+86…`. A Chinese mobile with an extension is a relay number. Any other number is kept as digits, unusable;
/// `None` is what can't be a number at all.
pub fn phone(text: &str) -> Option<Address> {
    let text: String = text.trim().nfkc().collect();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    if digits == 0 || letters > digits || text.len() > 64 {
        return None;
    }
    if text.contains('*') {
        return Some(Address { channel: PHONE, value: text, class: Class::Masked, usable: false });
    }
    if let Some(relay) = relay(&text) {
        return Some(Address { channel: PHONE, value: relay, class: Class::Relay, usable: true });
    }
    let international = text.starts_with('+') || text.starts_with("00");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").unwrap_or(&digits);
    if !DIGITS.contains(&digits.len()) {
        return None;
    }
    let (value, usable) = match chinese_mobile(digits) {
        true if !international => (format!("+86{digits}"), true),
        _ if international => {
            (format!("+{digits}"), (7..=15).contains(&digits.len()) && !digits.starts_with('0'))
        }
        _ => (digits.to_owned(), false),
    };
    Some(Address { channel: PHONE, value, class: Class::Real, usable })
}

fn chinese_mobile(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    bytes.len() == 11 && bytes[0] == b'1' && (b'3'..=b'9').contains(&bytes[1])
}

fn relay(text: &str) -> Option<String> {
    let (number, extension) = text.split_once(['-', '转', ',', 'x'])?;
    let (number, extension) = (number.trim(), extension.trim());
    let extended = (2..=6).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_digit());
    (chinese_mobile(number) && extended).then(|| format!("+86{number},{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_have_one_spelling() {
        let address = email("  Rosa.Becker@Example.COM ").unwrap();
        assert_eq!((address.value.as_str(), address.usable), ("rosa.becker@example.com", true));
        assert_eq!(email("ｒｏｓａ@example.com").unwrap().value, "rosa@example.com");
        assert_eq!(email("l***@example.com").unwrap().class, Class::Masked);
        for bad in
            ["rosa", "rosa@", "@example.com", "a@b", "a@b..c", "a b@example.com", "a@@b.com", "a\n@b.com"]
        {
            assert!(!email(bad).unwrap().usable, "{bad}");
        }
        assert_eq!(email("   "), None);
    }

    #[test]
    fn telephone_numbers_become_e164() {
        for (written, stored) in [
            ("138 0013 8001", "+8613800138001"),
            ("+44 1164 960108", "+441164960108"),
            ("0044 1164 960108", "+441164960108"),
            ("+86-138-0013-8001", "+8613800138001"),
        ] {
            let address = phone(written).unwrap();
            assert_eq!(
                (address.value.as_str(), address.usable, address.class),
                (stored, true, Class::Real),
                "{written}"
            );
        }
        assert_eq!(phone("13800138001-1234").unwrap().class, Class::Relay);
        assert_eq!(phone("138****1234").unwrap().class, Class::Masked);
        assert!(!phone("8008208820").unwrap().usable);
        for no_number in ["call me", "123", "+44", "***", "n/a 0", "123456789012345678901", "anything12345"] {
            assert_eq!(phone(no_number), None, "{no_number}");
        }
    }
}
