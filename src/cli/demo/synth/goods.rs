//! What the made-up shop sells, and when it sells how much. Brands and products are invented.

use super::day;
use chrono::{Datelike, NaiveDate, Weekday};

pub struct Product {
    pub sku: &'static str,
    pub name: &'static str,
    pub category: &'static str,
    pub style: &'static str,
    pub brand: &'static str,
    /// In fen.
    pub price: i64,
}

const fn product(
    sku: &'static str,
    name: &'static str,
    (category, style, brand): (&'static str, &'static str, &'static str),
    price: i64,
) -> Product {
    Product { sku, name, category, style, brand, price }
}

pub const PRODUCTS: [Product; 24] = [
    product("CY-001", "明前龙井 50 克", ("茶叶", "国风", "南枝茶舍"), 16_800),
    product("CY-002", "茉莉花茶 100 克", ("茶叶", "国风", "南枝茶舍"), 5_900),
    product("CY-003", "白瓷盖碗", ("茶叶", "国风", "南枝茶舍"), 8_800),
    product("CY-004", "岩茶礼盒", ("茶叶", "国风", "南枝茶舍"), 49_800),
    product("JJ-001", "亚麻四件套", ("家居", "简约", "北窗家居"), 59_900),
    product("JJ-002", "记忆棉枕", ("家居", "简约", "北窗家居"), 19_900),
    product("JJ-003", "落地阅读灯", ("家居", "简约", "北窗家居"), 32_900),
    product("JJ-004", "棉麻抱枕", ("家居", "简约", "北窗家居"), 4_900),
    product("MZ-001", "氨基酸洁面", ("美妆", "清新", "小满"), 7_900),
    product("MZ-002", "保湿面霜", ("美妆", "清新", "小满"), 15_900),
    product("MZ-003", "护手霜三支装", ("美妆", "清新", "小满"), 4_500),
    product("MZ-004", "精华礼盒", ("美妆", "清新", "小满"), 69_900),
    product("FS-001", "纯棉短袖", ("服饰", "简约", "晴木"), 9_900),
    product("FS-002", "羊毛开衫", ("服饰", "简约", "晴木"), 39_900),
    product("FS-003", "新中式外套", ("服饰", "国风", "晴木"), 56_900),
    product("FS-004", "羊绒围巾", ("服饰", "简约", "晴木"), 45_900),
    product("LS-001", "坚果混合装", ("零食", "清新", "半亩田"), 6_900),
    product("LS-002", "桂花糕", ("零食", "国风", "半亩田"), 3_200),
    product("LS-003", "年货大礼包", ("零食", "国风", "半亩田"), 19_900),
    product("LS-004", "牛肉干", ("零食", "清新", "半亩田"), 5_600),
    product("SM-001", "蓝牙音箱", ("数码", "简约", "听山"), 29_900),
    product("SM-002", "降噪耳机", ("数码", "简约", "听山"), 89_900),
    product("SM-003", "机械键盘", ("数码", "简约", "听山"), 45_900),
    product("SM-004", "快充充电器", ("数码", "简约", "听山"), 8_900),
];

/// What makes a lift that is taken back: one large piece, returned the next day.
pub const LARGE: Product = product("JJ-900", "胡桃木整屋收纳套装", ("家居", "简约", "北窗家居"), 1_299_900);

/// How much sells on a date, against an ordinary weekday's 10.
pub fn pull(date: NaiveDate) -> u64 {
    let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    let base = if weekend { 13 } else { 10 };
    let within = |from: NaiveDate, until: NaiveDate| date >= from && date <= until;
    let tenths = match () {
        // 双11: the eve of it, and the day.
        () if date == day(2025, 11, 11) => 150,
        () if within(day(2025, 10, 31), day(2025, 11, 10)) => 30,
        () if date == day(2025, 12, 12) => 45,
        // 年货: what is bought before 春节; during it little is, and little travels.
        () if within(day(2026, 1, 20), day(2026, 2, 10)) => 22,
        () if within(day(2026, 2, 15), day(2026, 2, 23)) => 3,
        () if date == day(2026, 3, 8) => 30,
        // 618.
        () if within(day(2026, 6, 1), day(2026, 6, 17)) => 22,
        () if date == day(2026, 6, 18) => 110,
        () if within(day(2026, 9, 20), day(2026, 9, 25)) => 16,
        () if within(day(2026, 10, 1), day(2026, 10, 7)) => 8,
        () => 10,
    };
    base * tenths
}

/// The shop's coupon of a date, with what it takes off and from which sum on, in fen.
pub fn coupon(date: NaiveDate) -> Option<(&'static str, i64, i64)> {
    let within = |from: NaiveDate, until: NaiveDate| date >= from && date <= until;
    match () {
        () if within(day(2025, 10, 31), day(2025, 11, 12)) => Some(("D11-40", 4_000, 19_900)),
        () if within(day(2026, 1, 20), day(2026, 2, 10)) => Some(("NIAN-20", 2_000, 15_900)),
        () if within(day(2026, 6, 1), day(2026, 6, 19)) => Some(("618-30", 3_000, 19_900)),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_great_sales_stand_out() {
        let ordinary = pull(day(2026, 4, 15));
        assert_eq!(ordinary, 100);
        assert!(pull(day(2025, 11, 11)) >= 10 * ordinary);
        assert!(pull(day(2026, 6, 18)) >= 10 * ordinary);
        assert!(pull(day(2026, 2, 17)) < ordinary / 2);
    }
}
