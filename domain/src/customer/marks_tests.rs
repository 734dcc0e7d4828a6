//! Whom a text speaks of: every spelling of theirs is found, and nobody else's.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn marks() -> Marks {
    let mut marks = Marks::default();
    for (kind, scope, value) in [
        (Kind::UserId, "main", "12346"),
        (Kind::UserId, "main", "1"),
        (Kind::AnonymousId, "main", "anon-77-roe"),
        (Kind::External, "taobao", "蔷薇花开的人"),
        (Kind::External, "jd", "j9"),
        (Kind::Phone, "", "+8613812345678"),
        (Kind::Email, "", "roe.q@example.com"),
    ] {
        marks.know(kind, scope, value);
    }
    marks.reach("phone", "+441164960108");
    marks.call("Roesmarie Quill");
    marks.call("欧阳蔷薇");
    marks
}

#[test]
fn an_address_is_found_however_it_is_spelt() {
    for text in [
        "13812345678",
        "138 1234 5678",
        "+86 138-1234-5678",
        "0086 138 1234 5678",
        "tel:+86(138)1234.5678 please",
        "１３８１２３４５６７８",
        "call 013812345678, at noon",
        "order 5 13812345678 2026",
        "13812345678.0",
        "0044 1164 960108",
        "电话13812345678谢谢",
        "13812345678-1234",
        "ROE.Q@Example.COM",
        "mailto:roe.q@example.com?subject=x",
        "<ｒｏｅ.q@example.com>.",
        "she wrote from roe.q@example.com.",
        "x/anon-77-roe/y",
        "客户蔷薇花开的人来电",
    ] {
        assert!(marks().in_text(text), "{text}");
    }
}

#[test]
fn what_only_looks_like_theirs_is_not() {
    for text in [
        "12346",
        "1",
        "138123456789",
        "913812345678",
        "1381234567",
        "138 1234 567 8 is no",
        "a.roe.q@example.com",
        "roe.q@example.com.cn",
        "xroe.q@example.com",
        "anon-77-roee",
        "Roesmarie Quill",
        "j9",
        "",
    ] {
        // One with a digit more in a group of its own is the same digits: only such a group tells it apart.
        let expected = text == "138 1234 567 8 is no";
        assert_eq!(marks().in_text(text), expected, "{text}");
    }
}

#[test]
fn a_short_id_counts_where_somebody_is_named() {
    let marks = marks();
    for document in [
        json!({"userId": 12346}),
        json!({"user_id": "12346"}),
        json!({"userId": " 1 "}),
        json!({"properties": {"customer_id": 1}}),
        json!({"context": {"externalIds": [{"type": "jd", "id": "j9"}]}}),
        json!({"customer": {"id": 12346}}),
        json!({"userId": "jd:j9"}),
        json!({"userId": "somebody", "properties": {"deep": [{"note": ["ask +86 138 1234 5678"]}]}}),
        json!({"userId": "somebody", "properties": {"13812345678": true}}),
        json!({"userId": "somebody", "n": 13_812_345_678_i64}),
        json!({"type": "identify", "traits": {"name": "ROESMARIE  Quill"}}),
        json!({"traits": {"name": "欧阳蔷薇女士"}}),
    ] {
        assert!(marks.in_document(&document.to_string()), "{document}");
    }
    for document in [
        json!({"userId": "123461"}),
        json!({"userId": "somebody", "properties": {"total": 12346, "count": 1, "id": "1"}}),
        json!({"userId": "somebody", "traits": {"name": "Roesmarie Quill"}}),
        json!({"userId": "2", "orderId": "1"}),
        json!({"id": 12346, "customer": {"id": 2}}),
        json!([]),
    ] {
        assert!(!marks.in_document(&document.to_string()), "{document}");
    }
}

#[test]
fn what_is_no_json_is_read_as_far_as_it_goes() {
    let marks = marks();
    for document in [
        r#"{"userId": 12346, "note": "cut he"#,
        r#"{"userId":"1","note":"cut \"#,
        r#"{"a":"\u0072oe.q@example.com","b"#,
        r#"{"note": "\u852b? 13812345678"#,
        "userId=somebody&phone=%2B86 138 1234 5678",
        r#"{"x":"欧阳蔷薇"#,
    ] {
        assert!(marks.in_document(document), "{document}");
    }
    for document in [r#"{"userId": 123467, "n": 1, "note": "cut"#, "\"", "{\"\\", "12346"] {
        assert!(!marks.in_document(document), "{document}");
    }
}

#[test]
fn a_reason_may_not_name_them() {
    let marks = marks();
    for reason in
        ["asked by Roesmarie", "quill wrote", "欧阳蔷薇来信", "id 12346", "she wrote from ROE.Q@example.com"]
    {
        assert!(marks.in_reason(reason), "{reason}");
    }
    for reason in ["asked by letter", "1 letter", "ticket T-12347", "she wrote"] {
        assert!(!marks.in_reason(reason), "{reason}");
    }
}

#[test]
fn their_part_of_an_id_is_cut_out() {
    let marks = marks();
    for (id, left) in [
        ("customers:main:12346@ab12#00000007", "customers:main:~@ab12#00000007"),
        ("customers:main:1@ab12#00000001", "customers:main:~@ab12#00000001"),
        ("x-anon-77-roe-2", "x-~-2"),
        ("hello 138 1234 5678", "~"),
    ] {
        assert_eq!(marks.cut(id).as_deref(), Some(left), "{id}");
        assert_eq!(marks.cut(left), None, "{left}");
    }
    for id in ["orders:main:10042:paid", "i1", "events:1f"] {
        assert_eq!(marks.cut(id), None, "{id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn nothing_makes_it_stumble(text in "\\PC{0,60}", tail in "[\"{}:,\\\\0-9a@. -]{0,40}") {
        let marks = marks();
        let text = format!("{text}{tail}");
        let _ = (marks.in_text(&text), marks.in_document(&text), marks.in_reason(&text));
        if let Some(left) = marks.cut(&text) {
            prop_assert!(!marks.in_text(&left), "{} → {}", text, left);
        }
    }

    #[test]
    fn a_number_in_any_grouping_is_found(apart in prop::collection::vec("[ .()-]{0,2}", 11), wide in any::<bool>()) {
        let digits = "13812345678".chars().zip(apart).map(|(c, apart)| format!("{c}{apart}")).collect::<String>();
        let digits = if wide { digits.chars().map(|c| match c.to_digit(10) {
            Some(d) => char::from_u32(0xff10 + d).expect("a full-width digit"),
            None => c,
        }).collect() } else { digits };
        prop_assert!(marks().in_text(&format!("ring {digits} soon")), "{}", digits);
    }
}
