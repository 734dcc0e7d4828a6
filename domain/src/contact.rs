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
    let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    sound(local) && dots && local.len() <= 64 && is_host(host)
}

/// A host as mail has them: two labels or more of letters, digits and hyphens, no number at the end.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.') && host.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
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
    let (value, usable) = match mobile_in(digits, international) {
        Some(mobile) => (format!("+86{mobile}"), true),
        None if international => {
            // `+86 010…`: the zero is dialled inside China only.
            let digits = digits.strip_prefix("860").map_or(digits.to_owned(), |rest| format!("86{rest}"));
            (format!("+{digits}"), is_dialable(&digits))
        }
        None => (digits.to_owned(), false),
    };
    Some(Address { channel: PHONE, value, class: Class::Real, usable })
}

/// The eleven digits of a Chinese mobile, with or without its country and a zero to dial before it.
fn mobile_in(digits: &str, international: bool) -> Option<&str> {
    let national = digits.strip_prefix("86").filter(|rest| international || rest.len() >= 11);
    let national = match national {
        Some(national) => national,
        None if international => return None,
        None => digits,
    };
    let mobile = national.strip_prefix('0').unwrap_or(national);
    chinese_mobile(mobile).then_some(mobile)
}

/// Whether digits behind a `+` can be a number: as long as E.164 has them, and of China none that is a mobile's
/// beginning and no mobile.
fn is_dialable(digits: &str) -> bool {
    let half_mobile =
        digits.strip_prefix("861").is_some_and(|rest| rest.starts_with(|c: char| ('3'..='9').contains(&c)));
    (7..=15).contains(&digits.len()) && !digits.starts_with('0') && !half_mobile
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

    /// Rows of a table of samples: no cell of it holds a line break.
    fn samples(text: &str) -> Vec<Vec<String>> {
        let cells = |line: &str| {
            let (mut cells, mut quoted) = (vec![String::new()], false);
            let mut rest = line.chars().peekable();
            while let Some(c) = rest.next() {
                match c {
                    '"' if quoted && rest.peek() == Some(&'"') => {
                        cells.last_mut().unwrap().extend(rest.next())
                    }
                    '"' => quoted = !quoted,
                    ',' if !quoted => cells.push(String::new()),
                    c => cells.last_mut().unwrap().push(c),
                }
            }
            cells
        };
        text.lines().skip(1).map(cells).collect()
    }

    /// Where we say something else than libphonenumber, and why.
    const OTHERWISE: [(&str, &str); 3] = [
        ("14012345678", "which beginnings are given out changes; we take all that mobiles may have"),
        ("+8613800138000;ext=1", "a mobile with an extension is a relay's, and this is no shape of ours"),
        ("138*0013*8000", "a star means a masked number"),
    ];

    #[test]
    fn messy_numbers_are_read_as_libphonenumber_reads_them() {
        let rows = samples(include_str!("../../tests/data/edge/phone_inputs_default_CN.csv"));
        assert!(rows.len() > 70);
        let mut differ = Vec::new();
        for row in rows {
            let input: String = serde_json::from_str(&row[0]).expect("JSON");
            let (valid, kind, region, e164) =
                (row[3] == "1", row[4].as_str(), row[5].as_str(), row[6].as_str());
            let ours = phone(&input)
                .filter(|found| found.usable && found.class == Class::Real)
                .map(|found| found.value);
            let claimed = valid && kind == "MOBILE" && region == "CN";
            let agree = match &ours {
                Some(value) => valid && value == e164,
                None => !claimed,
            };
            if !agree {
                differ.push((input, ours, row));
            }
        }
        let known: Vec<&str> = OTHERWISE.iter().map(|(input, _)| *input).collect();
        let found: Vec<&str> = differ.iter().map(|(input, ..)| input.as_str()).collect();
        assert_eq!(found, known, "{differ:#?}");
    }

    #[test]
    fn addresses_agree_with_isemail_where_our_rules_decide() {
        let rows = samples(include_str!("../../tests/data/edge/email/isemail_tests.csv"));
        let mut differ = Vec::new();
        for row in rows {
            let input: String = serde_json::from_str(&row[1]).expect("JSON");
            // What stands around an address isn't part of it: files and forms add it.
            if input.trim() != input {
                continue;
            }
            let usable = email(&input).is_some_and(|found| found.usable);
            let fine = matches!(row[2].as_str(), "ISEMAIL_VALID_CATEGORY" | "ISEMAIL_DNSWARN");
            if usable != fine {
                differ.push((input, row[3].clone()));
            }
        }
        // No shop's customer is at a top-level domain, and a star means a masked address.
        let known = ["test@io", "!#$%&`*+/=?^`{|}~@iana.org"];
        let found: Vec<&str> = differ.iter().map(|(input, _)| input.as_str()).collect();
        assert_eq!(found, known, "{differ:#?}");
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
