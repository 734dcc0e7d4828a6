//! The made-up shop's report, in the shop's language: Chinese, or English where its locale says so. What stands in it was
//! found by services; here it is only laid out.

use super::super::output::table;
use super::cases::{self, Names};
use super::shop_zh::ZONE;
use super::synth::SEED;
use crate::service::flips::Flips;
use crate::service::report::Report;
use crate::service::shopfloor::{Day, Delay, Desk};
use crate::service::showcase::{self, Example};
use crate::service::tags::TagLine;
use chrono::{Datelike, NaiveDate, Weekday};
use domain::rule::Lang;
use domain::time::Instant;

/// Everything that is shown.
pub struct Shown<'a> {
    pub lang: Lang,
    pub today: NaiveDate,
    pub families: Vec<TagLine>,
    /// By tag, one customer with a value of it.
    pub examples: Vec<(&'static str, Option<Example>)>,
    pub cases: Vec<showcase::Shown>,
    pub flips: Flips,
    pub names: Names,
    pub desks: Vec<Desk>,
    pub days: Vec<Day>,
    pub delays: Vec<Delay>,
    pub sums: Report,
    pub mail: &'a str,
    /// What a command on this book begins with.
    pub prefix: &'a str,
}

impl Shown<'_> {
    /// One of two wordings.
    fn say<'t>(&self, en: &'t str, zh: &'t str) -> &'t str {
        if self.lang == Lang::ZhCn { zh } else { en }
    }
}

pub fn render(shown: &Shown<'_>) -> String {
    let mut out = String::new();
    let sections = [
        (shown.say("Synthetic data", "合成数据").to_owned(), mark(shown)),
        (shown.say("The book", "全店概览").to_owned(), book(shown)),
        (
            shown.say("Three families of tags, one customer each", "三类标签，各举一人").to_owned(),
            examples(shown),
        ),
        (
            shown.say("Customers worth a look", "值得一看的客户").to_owned(),
            cases::told(&shown.cases, ZONE, shown.lang),
        ),
        (
            cases::flips_title(&shown.flips, ZONE, shown.lang),
            cases::flips(&shown.flips, &shown.names, ZONE, shown.lang),
        ),
        (shown.say("The storm's parcels", "物流事件").to_owned(), delays(shown)),
        (shown.say("The calendar around today", "工作日历").to_owned(), calendar(shown)),
        (shown.say("Who works today", "今日客服").to_owned(), desks(shown)),
        (shown.say("Callbacks", "回访任务").to_owned(), callbacks(shown)),
        (shown.say("What next", "接下来").to_owned(), next(shown)),
    ];
    for (title, body) in sections {
        cases::section(&mut out, &title, &body);
    }
    out
}

fn mark(shown: &Shown<'_>) -> String {
    match shown.lang {
        Lang::En => format!(
            "Every customer, order and ticket here is made up from the seed {SEED}: the names are put together, no carrier has \
             numbers that begin with 154, and mail goes to example domains. Only the calendar of working days is real."
        ),
        Lang::ZhCn => format!(
            "本店的客户、订单、工单全部由随机种子 {SEED} 生成，并非真实数据：\n\
             姓名随机拼成，手机号用无运营商使用的 154 号段，邮箱都在 example 域名下。只有工作日历是真实的。"
        ),
    }
}

fn book(shown: &Shown<'_>) -> String {
    let at = shown.sums.at.local(ZONE).format("%Y-%m-%d %H:%M");
    let head = match shown.lang {
        Lang::En => format!("{} customers as of {at}.", shown.sums.customers),
        Lang::ZhCn => format!("截至 {at}，共 {} 位客户。", shown.sums.customers),
    };
    let wanted = ["value_tier", "churn_risk", "complaint_history", "complaint_open", "detractor", "vip"];
    let rows =
        wanted.iter().filter_map(|key| shown.families.iter().find(|line| line.key == *key)).map(|line| {
            let values = line.conditions.iter().rev().map(|condition| condition.value.as_str());
            let known: Vec<&str> = values.filter(|value| *value != "unless").collect();
            let rest = line.counts.keys().map(String::as_str).filter(|value| !known.contains(value));
            let counts = known.iter().copied().chain(rest).map(|value| {
                let n = line.counts.get(value).copied().unwrap_or(0);
                if value == "true" { n.to_string() } else { format!("{value} {n}") }
            });
            let name = shown.say(&line.name.en, &line.name.zh_cn);
            [name.to_owned(), line.key.clone(), counts.collect::<Vec<_>>().join(", ")]
        });
    let headers = [shown.say("tag", "标签"), shown.say("key", "键"), shown.say("customers", "人数")];
    format!("{head}\n{}", table(headers, rows))
}

fn examples(shown: &Shown<'_>) -> String {
    let blocks = shown.examples.iter().map(|(key, who)| {
        let name = shown.families.iter().find(|line| line.key == *key);
        let name = name.map_or(*key, |line| shown.say(&line.name.en, &line.name.zh_cn));
        match who {
            None => format!("{name}{}", shown.say(": nobody now", "：暂无")),
            Some(who) => {
                let colon = shown.say(": ", "：");
                format!("{name}{colon}{}\n{}", cases::named(who), cases::sentences(who, ZONE))
            }
        }
    });
    blocks.collect::<Vec<_>>().join("\n")
}

fn delays(shown: &Shown<'_>) -> String {
    let rows = shown.delays.iter().map(|delay| {
        [
            delay.carrier.clone().unwrap_or_default(),
            delay.reason.clone().unwrap_or_default(),
            delay.parcels.to_string(),
            delay.late.to_string(),
            delay.under_way.to_string(),
            delay.complaints.to_string(),
            delay.open_complaints.to_string(),
        ]
    });
    let headers = [
        shown.say("carrier", "承运商"),
        shown.say("reason", "原因"),
        shown.say("parcels", "受影响包裹"),
        shown.say("arrived late", "迟到送达"),
        shown.say("under way", "仍在途"),
        shown.say("complaints", "引发客诉"),
        shown.say("still open", "未结客诉"),
    ];
    table(headers, rows)
}

fn calendar(shown: &Shown<'_>) -> String {
    let rows = shown.days.iter().map(|day| {
        let weekend = matches!(day.date.weekday(), Weekday::Sat | Weekday::Sun);
        let what = match (day.works.is_some(), weekend) {
            (true, true) => shown.say("works: make-up day", "上班（调休）"),
            (true, false) => shown.say("works", "上班"),
            (false, true) => shown.say("weekend", "周末"),
            (false, false) => shown.say("holiday", "放假"),
        };
        let hours = day.works.map(|(open, close)| hours(open, close)).unwrap_or_default();
        let today = if day.date == shown.today { shown.say("today", "今天") } else { "" };
        [day.date.to_string(), weekday(shown, day.date).to_owned(), what.to_owned(), hours, today.to_owned()]
    });
    let headers = [
        shown.say("date", "日期"),
        shown.say("weekday", "星期"),
        shown.say("what", "安排"),
        shown.say("hours", "工作时间"),
        "",
    ];
    table(headers, rows)
}

fn weekday(shown: &Shown<'_>, date: NaiveDate) -> &'static str {
    const EN: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const ZH: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
    let names = if shown.lang == Lang::ZhCn { ZH } else { EN };
    names[date.weekday().num_days_from_monday() as usize]
}

fn hours(from: Instant, until: Instant) -> String {
    format!("{}–{}", from.local(ZONE).format("%H:%M"), until.local(ZONE).format("%H:%M"))
}

fn desks(shown: &Shown<'_>) -> String {
    let rows = shown.desks.iter().map(|desk| {
        let level = match desk.staff.level.as_str() {
            "junior" => shown.say("junior", "客服"),
            "senior" => shown.say("senior", "资深客服"),
            "supervisor" => shown.say("supervisor", "主管"),
            _ => shown.say("manager", "经理"),
        };
        let shifts: Vec<String> = desk.shifts.iter().map(|shift| hours(shift.from, shift.until)).collect();
        let shifts =
            if shifts.is_empty() { shown.say("off", "休息").to_owned() } else { shifts.join(", ") };
        [
            desk.staff.name.clone(),
            level.to_owned(),
            desk.staff.team.clone().unwrap_or_default(),
            desk.staff.skills.join(", "),
            shifts,
            desk.taken.to_string(),
        ]
    });
    let headers = [
        shown.say("name", "姓名"),
        shown.say("level", "级别"),
        shown.say("team", "团队"),
        shown.say("skills", "技能"),
        shown.say("shift", "班次"),
        shown.say("callbacks taken", "已领回访"),
    ];
    table(headers, rows)
}

fn callbacks(shown: &Shown<'_>) -> String {
    let rows = shown.sums.callbacks.iter().map(|row| {
        let state = match row.state.as_str() {
            "scheduled" => shown.say("scheduled", "已安排"),
            "ready" => shown.say("ready", "待领取"),
            "assigned" => shown.say("assigned", "已领取"),
            "in_progress" => shown.say("in_progress", "通话中"),
            "completed" => shown.say("completed", "已完成"),
            "exhausted" => shown.say("exhausted", "多次未联系上"),
            other => other,
        };
        let kind = if row.kind == "important_ticket" {
            shown.say("important ticket", "重要工单回访")
        } else {
            &row.kind
        };
        let vip = if row.vip { "VIP" } else { "" };
        [kind.to_owned(), vip.to_owned(), state.to_owned(), row.callbacks.to_string(), row.late.to_string()]
    });
    let headers = [
        shown.say("kind", "类型"),
        "VIP",
        shown.say("state", "状态"),
        shown.say("callbacks", "任务数"),
        shown.say("past due", "已超时"),
    ];
    let told = shown.say(
        "They come from important tickets resolved on 8 and 9 October: a VIP's is due within one working day, others within \
         three, and the make-up Saturday is one of them.",
        "来自 10 月 8、9 日解决的重要工单：VIP 须在 1 个工作日内、其他客户须在 3 个工作日内回访，调休的周六也算工作日。",
    );
    format!("{}\n{told}", table(headers, rows))
}

fn next(shown: &Shown<'_>) -> String {
    let prefix = shown.prefix;
    let examples = shown.examples.iter();
    let who = |key: &str| examples.clone().find(|(tag, _)| *tag == key).and_then(|(_, who)| who.as_ref());
    let mut lines =
        vec![format!("{} {} (.eml)", shown.say("The mails lie in", "邮件在"), shown.mail), String::new()];
    lines.extend(who("complaint_history").map(|who| format!("  {prefix} customer show {}", who.id)));
    lines.extend(
        who("value_tier").map(|who| format!("  {prefix} customer explain {} --tag value_tier", who.id)),
    );
    lines.push(format!("  {prefix} tag list"));
    lines.push(format!("  {prefix} callback list --state scheduled"));
    lines.push(format!("  {prefix} status"));
    lines.join("\n")
}
