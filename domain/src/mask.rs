//! Contact points as lists show them: enough to recognise one's own, too little to use another's.
//! Whether somebody may see more is an access decision and made elsewhere.

/// Stands for what is hidden; always four, so that it doesn't tell how much is.
const HIDDEN: &str = "****";

/// A contact point of `channel` (`email`, `phone`) as lists show it. Other channels' values are hidden but
/// for their first character.
pub fn contact(channel: &str, value: &str) -> String {
    match channel {
        "email" => email(value),
        "phone" => phone(value),
        _ => first_and_stars(value),
    }
}

/// `l***@example.com`: the domain and the first character of what is before it; of a single character
/// nothing. What has no `@` is hidden but for its first character.
pub fn email(value: &str) -> String {
    match value.rsplit_once('@') {
        Some((local, host)) => format!("{}@{host}", first_and_stars(local)),
        None => first_and_stars(value),
    }
}

fn first_and_stars(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(_)) if first != '*' => format!("{first}***"),
        _ => "***".to_owned(),
    }
}

/// `138****1234` for a Chinese mobile, `+44****0108` for others in E.164: the last four digits and, of long
/// numbers, the first one or two; never more than half of the digits but of a Chinese mobile, where
/// the field shows seven of eleven. An extension is hidden whole.
pub fn phone(value: &str) -> String {
    if let Some((number, _)) = value.split_once(',') {
        return format!("{},{HIDDEN}", phone(number));
    }
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    if value.contains('*') && digits.len() <= SHOWN_OF_MOBILE {
        return value.to_owned();
    }
    if let Some(mobile) = chinese_mobile(value) {
        return format!("{}{HIDDEN}{}", &mobile[..3], &mobile[7..]);
    }
    let tail = if digits.len() >= 10 { 4 } else { digits.len() / 3 };
    let lead = if value.starts_with('+') { (digits.len() / 2).saturating_sub(tail).min(2) } else { 0 };
    let lead = if digits.len() >= 10 { lead } else { 0 };
    let plus = if lead > 0 { "+" } else { "" };
    format!("{plus}{}{HIDDEN}{}", &digits[..lead], &digits[digits.len() - tail..])
}

/// How many digits of a Chinese mobile's eleven are shown.
const SHOWN_OF_MOBILE: usize = 7;

/// The eleven digits of a Chinese mobile, as stored or as written without its country.
fn chinese_mobile(value: &str) -> Option<&str> {
    let national = value.strip_prefix("+86").unwrap_or(value);
    let plain = national.len() == 11 && national.bytes().all(|b| b.is_ascii_digit());
    (plain && national.starts_with('1')).then_some(national)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mail_addresses_keep_their_domain_and_first_character() {
        for (value, shown) in [
            ("lin.wei@example.com", "l***@example.com"),
            ("li@example.com", "l***@example.com"),
            // One character is the whole of it.
            ("l@example.com", "***@example.com"),
            ("@example.com", "***@example.com"),
            ("林伟@example.com", "林***@example.com"),
            ("é.b@bücher.example", "é***@bücher.example"),
            ("info@xn--bcher-kva.example", "i***@xn--bcher-kva.example"),
            ("\"a@b\"@example.com", "\"***@example.com"),
            ("lin", "l***"),
            ("", "***"),
            ("l***@example.com", "l***@example.com"),
        ] {
            assert_eq!(email(value), shown, "{value}");
        }
    }

    #[test]
    fn telephone_numbers_keep_their_ends() {
        for (value, shown) in [
            ("+8613800131234", "138****1234"),
            ("13800131234", "138****1234"),
            ("+441164960108", "+44****0108"),
            ("+12025550143", "+1****0143"),
            ("+442071", "****71"),
            ("+8613800131234,5678", "138****1234,****"),
            ("8008208820", "****8820"),
            ("110", "****0"),
            ("12", "****"),
            ("", "****"),
            ("138****1234", "138****1234"),
            // Calls itself masked and isn't.
            ("1380013123*", "****3123"),
        ] {
            assert_eq!(phone(value), shown, "{value}");
        }
    }

    #[test]
    fn what_is_on_no_known_channel_is_hidden() {
        assert_eq!(contact("wecom", "wm_lin_wei"), "w***");
        assert_eq!(contact("email", "lin@example.com"), "l***@example.com");
        assert_eq!(contact("phone", "+441164960108"), "+44****0108");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn masking_hides_and_changes_nothing_twice(value in "[+]?[0-9]{0,15}(,[0-9]{2,6})?") {
            let shown = phone(&value);
            let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
            prop_assert_eq!(phone(&shown), shown.clone());
            prop_assert!(shown.contains(HIDDEN));
            prop_assert!(digits(&value) == 0 || digits(&shown) < digits(&value));
            let number = value.split(',').next().unwrap_or_default();
            prop_assert!(chinese_mobile(number).is_some() || digits(&shown) <= digits(&value).max(1) / 2);
        }

        #[test]
        fn an_addressee_is_never_shown_whole(local in "\\PC{1,12}", host in "[a-z]{1,8}\\.example") {
            let shown = email(&format!("{local}@{host}"));
            let end = format!("***@{host}");
            prop_assert!(shown.ends_with(&end));
            prop_assert!(shown.chars().count() <= host.chars().count() + 5);
            prop_assert_eq!(email(&shown), shown.clone());
        }
    }
}
