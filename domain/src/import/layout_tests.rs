//! Headers under profiles, and rows as our values.

use super::super::kind::Kind;
use super::super::profile::{best, fits, named};
use super::{Around, Currency, Layout, Problem, Profile, Unknown};
use serde_json::json;

fn around() -> Around {
    Around { zone: chrono_tz::Asia::Shanghai, currency: Currency::parse("CNY").expect("a code") }
}

fn generic() -> Profile {
    Profile::parse(&json!({"name": "generic", "tables": [
        {"of": "orders", "own_names": "taken"}, {"of": "customers", "own_names": "taken"}]}))
    .expect("a profile")
}

fn shop() -> Profile {
    Profile::parse(&json!({"name": "shop", "zone": "Asia/Tokyo", "currency": "CNY", "empty": ["-"],
        "dates": ["%Y/%m/%d %H:%M"],
        "tables": [{"of": "orders", "needs": ["订单号"],
            "columns": {"order_id": "订单号", "paid_at": "付款时间", "total": ["实付", "金额"], "status": "状态"},
            "customer": [{"column": "买家", "as": "external", "scope": "shop"}, {"column": "手机", "as": "phone"}],
            "values": {"status": {"交易成功": "completed", "已关闭": null}},
            "private": ["地址"]}]}))
    .expect("a profile")
}

fn strings(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|&cell| cell.to_owned()).collect()
}

fn layout(profile: &Profile, header: &[&str], unknown: Unknown) -> Result<Layout, Vec<Problem>> {
    Layout::of(profile, &profile.tables[0], strings(header), &["reject_line"], unknown, around())
}

#[test]
fn a_wrong_header_names_the_column_and_the_nearest_known_one() {
    let header = ["order_id", "custmer_id", "paid_at", "total", "total", "elephant"];
    let problems: Vec<String> = layout(&generic(), &header, Unknown::Refuse)
        .expect_err("refused")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(problems[0].contains("\"total\" is there twice"));
    assert!(
        problems[1].starts_with("column 2: \"custmer_id\" is no column of orders; did you mean customer_id?")
    );
    assert!(problems[2].contains("there are order_id, customer_id"));
    assert_eq!(problems[3], "the file has no column customer_id; is it the one called \"custmer_id\"?");
}

#[test]
fn unknown_columns_are_kept_on_purpose_only_and_private_ones_never() {
    let header = ["order_id", "customer_id", "paid_at", "hobby"];
    assert!(layout(&generic(), &header, Unknown::Refuse).is_err());
    let kept = layout(&generic(), &header, Unknown::Keep).expect("kept");
    assert_eq!(kept.extra, [(3, "hobby".to_owned())]);
    let header = ["订单号 ", "付款时间", "买家", "地址", "备注"];
    let found = layout(&shop(), &header, Unknown::Refuse).expect("passed over");
    assert_eq!((found.ignored.as_slice(), found.extra.len()), ([3, 4].as_slice(), 0));
    let kept = layout(&shop(), &header, Unknown::Keep).expect("kept");
    assert_eq!((kept.ignored.as_slice(), kept.extra.len()), ([3].as_slice(), 1));
}

#[test]
fn a_row_is_read_as_the_profile_says() {
    let header = ["订单号", "付款时间", "实付", "金额", "状态", "买家", "手机"];
    let layout = layout(&shop(), &header, Unknown::Refuse).expect("understood");
    let read = |row: &[&str]| {
        let values = layout.read(&strings(row));
        let get = |field: &str| values[layout.place(field).expect("taken")].clone();
        ["order_id", "paid_at", "total", "status", "customer_id"].map(get)
    };
    assert_eq!(
        read(&["=\"20260925\"", "2026/9/25 9:00", "-", "¥1,200.5", "交易成功", "张三", "13800138001"]),
        ["20260925", "2026-09-25T00:00:00Z", "1200.5", "completed", "shop:张三"]
    );
    assert_eq!(
        read(&["1", "soon", "x", "3", "已关闭", "张*", "138 0013 8001"])[3..],
        ["", "phone:+8613800138001"]
    );
    assert_eq!(
        read(&["1", "soon", "x", "3", "新状态", "张*", "138****8001"]),
        ["1", "soon", "x", "新状态", ""]
    );
    assert_eq!(layout.shown("total"), "实付");
    assert_eq!(layout.column_in("total", &strings(&["1", "", "", "3", "", "", ""])), Some(3));
    assert_eq!(layout.words("status").map(|words| words.len()), Some(2));
}

#[test]
fn the_one_profile_that_fits_is_found() {
    let profiles = [generic(), shop()];
    let of =
        |header: &[&str]| best(&profiles, Kind::Orders, &strings(header)).map(|fit| fit.profile.name.clone());
    assert_eq!(of(&["订单号", "付款时间"]).as_deref(), Some("shop"));
    assert_eq!(of(&["order_id", "customer_id", "paid_at"]).as_deref(), Some("generic"));
    assert_eq!(of(&["a", "b"]), None);
    let twin = Profile { name: "twin".to_owned(), ..shop() };
    let rivals = [shop(), twin];
    assert!(best(&rivals, Kind::Orders, &strings(&["订单号"])).is_none(), "two fit alike");
    assert_eq!(fits(&rivals, None, &strings(&["订单号", "x"])).len(), 2);
    let unknown = named(&profiles, "shp").expect_err("unknown").to_string();
    assert!(unknown.contains("did you mean shop?"), "{unknown}");
}

#[test]
fn a_wrong_profile_is_told_with_its_places() {
    let bad = json!({"name": "x", "zone": "Asia/Shangai", "dates": ["yesterday"], "tables": [
        {"of": "ordres"}, {"of": "orders", "columns": {"totl": "a"}, "customer": [{"column": "a", "as": "external"}]}]});
    let told: Vec<String> =
        Profile::parse(&bad).expect_err("refused").iter().map(ToString::to_string).collect();
    for part in [
        "did you mean Asia/Shanghai?",
        "dates[0]: \"yesterday\"",
        "did you mean `orders`?",
        "tables[1].columns.totl: \"totl\" is no field of orders; did you mean total?",
        "tables[1].customer[0].scope",
    ] {
        assert!(told.iter().any(|line| line.contains(part)), "{part}: {told:#?}");
    }
}
