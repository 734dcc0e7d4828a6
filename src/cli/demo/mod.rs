//! `demo`: a real shop's December 2011, or three days of a made-up Chinese shop, on the real engine, from due time to due
//! time, and a report of what was decided. What is synthetic is marked so.

pub mod agents;
mod cases;
pub mod data;
pub mod feed;
mod folder;
pub mod month;
mod report;
mod report_zh;
pub mod shop_zh;
pub mod synth;

use super::failure::{Failure, Outcome};
use super::session::Global;
use crate::app::{self, App};
use crate::service::{Book, ServiceError, flips, profiles, showcase};
use crate::settings::{Settings, Sources};
use crate::telemetry;
use chrono::NaiveDate;
use chrono_tz::Tz;
use clap::{Args, ValueEnum};
use domain::time::{Instant, Span, add_days};
use month::{MONDAY, Month, RETAIL, Script};
use std::path::{Path, PathBuf};

/// Watch a shop at work: a real one's December, or a made-up Chinese one; who is who and why, and what was done
#[derive(Debug, Args)]
#[command(after_help = "Example:
  kinkeeper demo
  kinkeeper demo --no-serve --until 2011-12-09
  kinkeeper demo --data shop-zh --no-serve")]
pub struct Demo {
    /// Which book
    #[arg(long, value_enum, default_value = "retail")]
    data: Data,
    /// Where it ends, by the shop's clocks: the end of a date, or an instant [default: 2011-12-31, of shop-zh
    /// 2026-10-10T12:00:00]
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Stop after the report instead of serving
    #[arg(long)]
    no_serve: bool,
    /// Go on with an interrupted run instead of beginning anew
    #[arg(long)]
    resume: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Data {
    /// UCI Online Retail: the orders of a real shop in London (CC0)
    Retail,
    /// A shop in China made from a seed: everything in it is synthetic
    ShopZh,
}

/// One of the shops that can be watched.
struct Shown {
    script: &'static Script,
    settings: &'static [&'static str],
    zone: Tz,
    /// Where it ends unless somebody says otherwise.
    until: &'static str,
    /// The day on which the book goes live.
    live_on: &'static str,
    passing: &'static str,
}

impl Data {
    fn shown(self) -> Shown {
        match self {
            Self::Retail => Shown {
                script: &RETAIL,
                settings: &SETTINGS,
                zone: data::ZONE,
                until: "2011-12-31",
                live_on: "2011-12-01",
                passing: "letting December pass, from due time to due time",
            },
            Self::ShopZh => Shown {
                script: &shop_zh::SCRIPT,
                settings: &shop_zh::SETTINGS,
                zone: shop_zh::ZONE,
                until: shop_zh::UNTIL,
                live_on: "2026-10-08",
                passing: "letting three days pass, from due time to due time",
            },
        }
    }
}

/// The demo's settings; `--set` goes over them.
const SETTINGS: [&str; 8] = [
    "data_dir=data/demo-retail",
    "shop.key=retail",
    "shop.name=Online Retail (demo)",
    "shop.timezone=Europe/London",
    "shop.currency=GBP",
    "shop.locale=en",
    "shop.sender_address=care@retail.example",
    "log.filter=warn",
];

impl Demo {
    pub async fn run(self, global: &Global) -> Outcome {
        let shown = self.data.shown();
        if global.clock.is_some() {
            let detail = "the demo has a clock of its own; --until says where it ends";
            return Err(ServiceError::invalid("--clock", "clock_of_its_own", detail).into());
        }
        let until = until(self.until.as_deref().unwrap_or(shown.until), &shown)?;
        let given: Vec<String> =
            shown.settings.iter().map(|s| (*s).to_owned()).chain(global.set.iter().cloned()).collect();
        let settings = self.settings(&given, &shown)?;
        let folder = settings.data_dir.clone();
        let lock = || app::lock_workers(&settings.database);
        let lock = if self.resume && folder::is_ours(&folder) {
            eprintln!("going on in {}", folder.display());
            lock()?
        } else {
            folder::make(&folder, app::lock_file(&settings.database).as_deref(), lock)?
        };
        let config = folder::write_config(&folder, &given)?;
        let mail = settings.mail.dir.clone();
        let app = App::open(settings).await?;
        let stop = super::serve::stop_token()?;
        let mut month = Month::of(shown.script, app.clone(), &folder, &|line| eprintln!("· {line}")).await?;
        eprintln!("· {}", shown.passing);
        month.run_until(until, &stop).await?;
        if stop.is_cancelled() {
            return Err(Failure::Failed("interrupted; `kinkeeper demo --resume` goes on".to_owned()));
        }
        let report = match self.data {
            Data::Retail => self.report(&app.book, &mail, &config).await?,
            Data::ShopZh => {
                let prefix = format!("{} --config {}", program().display(), config.display());
                shop_zh::report(&app.book, &mail.display().to_string(), &prefix).await?
            }
        };
        println!("{report}");
        drop(lock);
        if self.no_serve { Ok(()) } else { super::serve::serve(&app, stop).await }
    }

    fn settings(&self, given: &[String], shown: &Shown) -> Result<Settings, Failure> {
        let mut overrides = given.to_vec();
        overrides.push(format!("clock={}", shown.script.imported_at));
        let first = Settings::load(&Sources { overrides: overrides.clone(), ..Sources::default() })?;
        telemetry::init(&first.log);
        if self.resume && folder::is_ours(&first.data_dir) {
            // The book's own clock goes on from where it stands.
            overrides.pop();
            return Ok(Settings::load(&Sources { overrides, ..Sources::default() })?);
        }
        Ok(first)
    }

    async fn report(&self, book: &Book, mail: &Path, config: &Path) -> Result<String, Failure> {
        let report = crate::service::report::report(book, month::LIVE_AT, MONDAY).await?;
        let example = crate::service::report::example(book).await?;
        let own = &example.shop_id;
        let cases = showcase::cases(book).await?;
        let tomorrow = add_days(report.at.local_date(data::ZONE), 2);
        let flips = flips::before(book, Instant::first_of(tomorrow, data::ZONE)).await?;
        let names = profiles::own_ids(book, &flips.samples(cases::SAMPLES)).await?;
        let prefix = format!("{} --config {}", program().display(), config.display());
        let mut commands = vec![
            format!("{prefix} customer show user_id:{own}"),
            format!("{prefix} customer explain user_id:{own} --campaign winback"),
        ];
        let held = cases.iter().find(|shown| shown.case == showcase::Case::Held);
        let held = held.and_then(|shown| shown.example.as_ref());
        commands.extend(held.map(|who| format!("{prefix} customer explain {} --tag value_tier", who.id)));
        commands.push(format!("{prefix} tag list"));
        commands.push(format!("{prefix} callback list --state exhausted"));
        let mail_folder = mail.display().to_string();
        let around = report::Around {
            example: &example,
            cases: &cases,
            flips: &flips,
            names: &names,
            mail_folder: &mail_folder,
            commands: &commands,
        };
        Ok(report::render(&report, &around))
    }
}

/// Where it ends: the last second of a bare date, or an instant, not before the book goes live.
fn until(text: &str, shown: &Shown) -> Result<Instant, ServiceError> {
    let refused = |code, detail: String| ServiceError::invalid("--until", code, detail);
    let last_second = |date| Instant::first_of(add_days(date, 1), shown.zone) - Span::seconds(1);
    let read = match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) => Some(last_second(date)),
        Err(_) => Instant::parse(text, shown.zone),
    };
    let live_on = shown.live_on;
    let until = read.ok_or_else(|| {
        let detail =
            format!("\"{text}\" is no date such as {live_on}, and no instant such as {live_on}T12:00:00");
        refused("instant", detail)
    })?;
    if until < shown.script.live_at {
        let detail =
            format!("the book goes live on {live_on}, and {text} is before that; name a date from then on");
        return Err(refused("too_early", detail));
    }
    Ok(until)
}

/// This program as one would type it here.
fn program() -> PathBuf {
    let Ok(program) = std::env::current_exe() else { return PathBuf::from("kinkeeper") };
    match std::env::current_dir() {
        Ok(here) => program.strip_prefix(&here).map(Path::to_path_buf).unwrap_or(program),
        Err(_) => program,
    }
}
