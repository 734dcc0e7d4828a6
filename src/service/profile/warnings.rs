//! What somebody must know of a customer before anything is said to them (header warnings).

use super::view::{BothLanguages, ContactPointView, WarningView};
use crate::store::profile_page::ProfilePage;

/// Open complaints, opt-outs, suppressions, erasure; in this order of weight.
pub(super) fn of(page: &ProfilePage, contacts: &[ContactPointView]) -> Vec<WarningView> {
    let mut found = Vec::new();
    found.extend(erased(page));
    found.extend(complaints(page));
    found.extend(opt_outs(page));
    found.extend(contacts.iter().filter_map(suppressed));
    found
}

fn warning(code: &'static str, en: String, zh_cn: String) -> WarningView {
    WarningView { code, text: BothLanguages { en, zh_cn } }
}

/// Their facts can't be read or decided on.
pub(super) fn not_decided() -> WarningView {
    let en = "their facts can't be worked on: numbers and tags are of an earlier time, and what comes next isn't known; \
              `kinkeeper doctor` says more";
    let zh = "该客户的事件无法处理：数据和标签为此前的结果，后续变化未知；详见 `kinkeeper doctor`";
    warning("not_decided", en.to_owned(), zh.to_owned())
}

fn erased(page: &ProfilePage) -> Option<WarningView> {
    let on = page.head.erased_at?.local_date(page.head.zone);
    let (en, zh) = (format!("erased on {on}; contact nobody"), format!("已于 {on} 抹除个人信息，请勿联系"));
    Some(warning("erased", en, zh))
}

fn complaints(page: &ProfilePage) -> Option<WarningView> {
    let open = page.tickets.iter().filter(|t| t.complaint && t.open);
    let opened: Vec<_> = open.map(|ticket| ticket.opened_at).collect();
    let since = opened.iter().flatten().min().map(|at| at.local_date(page.head.zone));
    let (en_since, zh_since) = match since {
        Some(date) => (format!(" since {date}"), format!("（最早自 {date} 起）")),
        None => (String::new(), String::new()),
    };
    let (en, zh) = match opened.len() {
        0 => return None,
        1 => (format!("an open complaint{en_since}"), format!("有 1 起未结客诉{zh_since}")),
        n => (format!("{n} open complaints{en_since}"), format!("有 {n} 起未结客诉{zh_since}")),
    };
    Some(warning("open_complaint", en, zh))
}

fn opt_outs(page: &ProfilePage) -> impl Iterator<Item = WarningView> {
    let denied = page.consents.iter().filter(|c| c.purpose == "marketing" && c.state == "denied");
    denied.map(|consent| {
        let (channel, on) = (&consent.channel, consent.occurred_at.local_date(page.head.zone));
        let en = format!("opted out of marketing by {channel} on {on}");
        warning("opted_out", en, format!("已于 {on} 退订营销（{channel}）"))
    })
}

fn suppressed(contact: &ContactPointView) -> Option<WarningView> {
    let (shown, channel) = (&contact.masked, &contact.channel);
    let (en, zh) = match contact.suppressed.as_deref()? {
        "marketing" => (
            format!("{channel} {shown} is on the suppression list for marketing"),
            format!("{channel} {shown} 在营销拒收名单中"),
        ),
        _ => (
            format!("{channel} {shown} is on the suppression list: nothing may go there"),
            format!("{channel} {shown} 在拒收名单中，任何消息都不得发送"),
        ),
    };
    Some(warning("suppressed", en, zh))
}
