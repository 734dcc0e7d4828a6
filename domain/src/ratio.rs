//! Shares and means as people read them: a whole number over another, as a decimal. What is decided by one is compared
//! as a fraction and never rounded; here is only how it is written.

/// `part · scale ÷ whole`, rounded half up to `places` places. `whole` is above 0.
pub fn rounded((part, whole): (i64, i64), scale: i128, places: u32) -> String {
    let tens = 10i128.pow(places);
    let exact = 2 * i128::from(part) * scale * tens + i128::from(whole);
    let n = exact.div_euclid(2 * i128::from(whole));
    let (sign, digits) = (if n < 0 { "-" } else { "" }, n.unsigned_abs());
    let tens = tens.unsigned_abs();
    match places {
        0 => format!("{sign}{digits}"),
        places => format!("{sign}{}.{:0width$}", digits / tens, digits % tens, width = places as usize),
    }
}

/// `part ÷ whole` as a decimal of at most six places, the last rounded half up, without zeros at the end; `None` where
/// there is nothing to divide by.
pub fn decimal(part: i64, whole: i64) -> Option<String> {
    (whole > 0).then(|| trimmed(&rounded((part, whole), 1, 6)))
}

/// `part ÷ whole` as a percentage of at most one place (`62.5 %`); `None` where there is nothing to divide by.
pub fn percent(part: i64, whole: i64) -> Option<String> {
    (whole > 0).then(|| format!("{} %", trimmed(&rounded((part, whole), 100, 1))))
}

fn trimmed(decimal: &str) -> String {
    decimal.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_has_no_more_places_than_it_needs() {
        for (part, whole, written) in [
            (1, 2, "0.5"),
            (3, 3, "1"),
            (0, 7, "0"),
            (10, 1, "10"),
            (1, 3, "0.333333"),
            (2, 3, "0.666667"),
            (-1, 3, "-0.333333"),
            (-1, 10_000_000, "0"),
            (1, 2_000_000, "0.000001"),
            (4_500, 1_000, "4.5"),
        ] {
            assert_eq!(decimal(part, whole).as_deref(), Some(written), "{part}/{whole}");
        }
        assert_eq!((decimal(1, 0), percent(1, 0)), (None, None));
    }

    #[test]
    fn a_percentage_is_rounded_half_up() {
        let told = [(5, 8), (1, 3), (3, 5), (1, 1), (1, 2_000)].map(|(n, of)| percent(n, of).unwrap());
        assert_eq!(told, ["62.5 %", "33.3 %", "60 %", "100 %", "0.1 %"]);
    }
}
