//! Guessing columns.

use super::*;

fn columns(table: &[(&str, &[&str])]) -> Vec<Column> {
    let cells: Vec<Vec<String>> =
        table.iter().map(|(_, cells)| cells.iter().map(|&c| c.to_owned()).collect()).collect();
    let seen: Vec<Seen<'_>> =
        table.iter().zip(&cells).map(|((name, _), cells)| Seen { name, cells }).collect();
    guess(Kind::Orders, &seen, &[], Currency::parse("CNY").expect("a code"))
}

#[test]
fn columns_are_guessed_by_name_and_samples() {
    let found = columns(&[
        ("订单号", &["=\"2026092512345678901\"", "=\"2026092512345678902\""]),
        ("付款时间", &["2026/9/5 9:05", "2026/9/6 10:00"]),
        ("实付金额", &["¥1,200.00", "¥3"]),
        ("联系方式", &["13800138001", "13900139001"]),
        ("收件邮箱", &["li@example.com", ""]),
        ("状态", &["已付款", "已付款", "已付款", "已付款", "已付款", "已退款"]),
        ("备注", &["请放门口", "谢谢"]),
        ("空", &["", ""]),
    ]);
    let told: Vec<(Guess, Option<&str>)> = found.iter().map(|c| (c.guess, c.field.as_deref())).collect();
    assert_eq!(
        told,
        [
            (Guess::Id, Some("order_id")),
            (Guess::Instant, Some("paid_at")),
            (Guess::Amount, Some("total")),
            (Guess::Phone, Some("phone")),
            (Guess::Email, Some("email")),
            (Guess::Words, Some("status")),
            (Guess::Text, None),
            (Guess::Empty, None),
        ]
    );
    assert_eq!(found[1].date_format.as_deref(), Some("%Y/%m/%d %H:%M"));
    assert_eq!(found[3].samples, ["138****8001", "139****9001"]);
    assert_eq!(found[4].samples, ["l***@example.com"]);
    assert_eq!(found[6].samples, ["请***", "谢***"]);
    assert_eq!(found[0].samples, ["2***", "2***"]);
}

#[test]
fn what_will_go_wrong_is_told_before() {
    let found = columns(&[
        ("order no", &["1.23E+18", "1.24E+18"]),
        ("date", &["03/04/2026", "05/06/2026"]),
        ("order total", &["$1.00", "¥2.00"]),
        ("pay time", &["13/04/2026 10:00", "05/06/2026 11:00"]),
        ("x", &["04/13/2026", "05/06/2026"]),
    ]);
    let told: Vec<String> = found.iter().flat_map(|c| &c.problems).map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].starts_with("column order no: holds ids that a spreadsheet has rounded"));
    assert!(told[1].contains("\"03/04/2026\" may be the 3 of April or the 4 of March"), "{}", told[1]);
    assert!(told[2].contains("holds CNY, USD"), "{}", told[2]);
    assert_eq!(found[3].date_format.as_deref(), Some("%d/%m/%Y %H:%M"));
    assert_eq!(found[4].date_format.as_deref(), Some("%m/%d/%Y"));
}

#[test]
fn what_is_proposed_is_a_profile() {
    let found = columns(&[
        ("Order \"No\"", &["a1", "a2"]),
        ("order number", &["1", "2"]),
        ("会员号", &["7", "8"]),
        ("Paid", &["05.06.2026", "25.06.2026"]),
    ]);
    let text = mapping(Kind::Orders, &found);
    let document: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
    let profile = Profile::parse(&document).expect("a profile");
    let table = &profile.tables[0];
    assert_eq!(table.columns["order_id"], ["order number"]);
    assert_eq!(table.columns["customer_id"], ["会员号"]);
    assert_eq!(profile.dates, ["%d.%m.%Y"]);
    assert!(text.contains("passed over: Order \"No\""), "{text}");
}
