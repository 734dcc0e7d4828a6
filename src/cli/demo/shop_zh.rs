//! The made-up Chinese shop as a book: its script, its files, and its report in the shop's language.

use super::cases::{self, Names};
use super::month::Script;
use super::report_zh;
use super::synth;
use crate::service::import::Kind;
use crate::service::{Book, ServiceError, flips, profiles, report, shop, shopfloor, showcase};
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::time::{Instant, Span, add_days};
use std::fs;
use std::path::{Path, PathBuf};

pub const ZONE: Tz = chrono_tz::Asia::Shanghai;

/// 2026-10-07T23:00+08:00: what happened before is imported.
pub const IMPORTED_AT: Instant = Instant::from_micros(1_791_385_200_000_000);
/// 2026-10-08T00:00+08:00: the first working day behind the holidays.
pub const LIVE_AT: Instant = Instant::from_micros(1_791_388_800_000_000);
/// Noon of the make-up Saturday, where the report stands.
pub const UNTIL: &str = "2026-10-10T12:00:00";

/// The shop's settings; `--set` goes over them.
pub const SETTINGS: [&str; 8] = [
    "data_dir=data/demo-shop-zh",
    "shop.key=qingmu",
    "shop.name=晴木生活馆（合成数据）",
    "shop.timezone=Asia/Shanghai",
    "shop.currency=CNY",
    "shop.locale=zh-CN",
    "shop.sender_address=care@qingmu.example",
    "log.filter=warn",
];

pub const SCRIPT: Script = Script {
    declared: &[
        ("calendar.yaml", include_str!("../../../demo/shop-zh/calendar.yaml")),
        ("staff.yaml", include_str!("../../../demo/shop-zh/staff.yaml")),
        ("coupons.yaml", include_str!("../../../demo/shop-zh/coupons.yaml")),
    ],
    files: write_files,
    suppressed: Vec::new,
    campaigns: &["winback", "important_ticket_callback"],
    imported_at: IMPORTED_AT,
    live_at: LIVE_AT,
    told: ["importing what happened before 8 October 2026", "going live at 2026-10-08T00:00"],
};

/// Makes the shop and writes its files.
fn write_files(folder: &Path) -> Result<Vec<(Kind, PathBuf)>, ServiceError> {
    let failed = |path: &Path, e: std::io::Error| ServiceError::Internal(format!("{}: {e}", path.display()));
    fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    let made = synth::make(synth::SEED);
    let files = [
        (Kind::Customers, "customers.csv", made.customers),
        (Kind::Orders, "orders.csv", made.orders),
        (Kind::Tickets, "tickets.csv", made.tickets),
        (Kind::Events, "events.ndjson", made.events),
    ];
    files
        .into_iter()
        .map(|(kind, name, text)| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|e| failed(&path, e))?;
            Ok((kind, path))
        })
        .collect()
}

/// The families of tags that the report counts, with a value of each to show somebody of.
pub const FAMILIES: [(&str, &str); 3] =
    [("value_tier", "diamond"), ("churn_risk", "true"), ("complaint_history", "frequent")];

/// The report as of the book's present instant.
pub async fn report(book: &Book, mail: &str, prefix: &str) -> Result<String, ServiceError> {
    let now = book.now().await?;
    let today = now.local_date(ZONE);
    let midnight = Instant::first_of(today, ZONE);
    let flips = flips::before(book, Instant::first_of(add_days(today, 2), ZONE)).await?;
    let names: Names = profiles::own_ids(book, &flips.samples(cases::SAMPLES)).await?;
    let mut examples = Vec::new();
    for (key, value) in FAMILIES {
        examples.push((key, showcase::having(book, key, value).await?));
    }
    let date = |month, day| NaiveDate::from_ymd_opt(2026, month, day).unwrap_or(today);
    let shown = report_zh::Shown {
        lang: showcase::language(&shop::shop(book).await?.locale),
        today,
        families: crate::service::tags::list(book).await?,
        examples,
        cases: showcase::cases(book).await?,
        flips,
        names,
        desks: shopfloor::desks(book, today).await?,
        days: shopfloor::days(book, date(9, 30), date(10, 12)).await?,
        delays: shopfloor::delays(book).await?,
        sums: report::report(book, LIVE_AT, midnight).await?,
        mail,
        prefix,
    };
    Ok(report_zh::render(&shown))
}

/// The last instant that the made-up shop has anything for.
pub const END: Instant = Instant::from_micros(LIVE_AT.micros() + 3 * Span::days(1).as_micros() - 1);
