//! What is asked of records, in words.

use super::{Answer, CampaignTest, ConsentTest, CouponTest, Deed, RecordTest};
use crate::customer::consent::Purpose;
use crate::rule::ast::{Age, Comparison};
use crate::rule::describe::{Lang, span_zh};
use crate::rule::event::{times, window_in};

/// The test as part of a sentence.
pub(in crate::rule) fn describe(test: &RecordTest, lang: Lang) -> String {
    match (test, lang) {
        (RecordTest::Consent(test), _) => consent(test, lang),
        (RecordTest::Coupon(CouponTest { batch: None }), Lang::En) => "they hold a coupon".to_owned(),
        (RecordTest::Coupon(CouponTest { batch: None }), Lang::ZhCn) => "持有可用优惠券".to_owned(),
        (RecordTest::Coupon(CouponTest { batch: Some(batch) }), Lang::En) => {
            format!("they hold a coupon of {batch}")
        }
        (RecordTest::Coupon(CouponTest { batch: Some(batch) }), Lang::ZhCn) => {
            format!("持有批次 {batch} 的可用优惠券")
        }
        (RecordTest::Campaign(test), _) => campaign(test, lang),
        (RecordTest::Reachable(test), _) => {
            let channel = test.channel.as_str();
            let purpose = Purpose::parse(test.purpose.as_str()).unwrap_or(Purpose::Service);
            match lang {
                Lang::En => format!("{} can reach them by {channel}", self::purpose(purpose, lang)),
                Lang::ZhCn => format!("可通过 {channel} 触达（{}）", self::purpose(purpose, lang)),
            }
        }
        (RecordTest::Holdout(key), Lang::En) => {
            format!("they were kept for comparison when they last came into campaign {key}")
        }
        (RecordTest::Holdout(key), Lang::ZhCn) => format!("最近一次进入活动 {key} 时属于对照组"),
    }
}

fn consent(test: &ConsentTest, lang: Lang) -> String {
    let (purpose, channel) = (purpose(test.purpose, lang), &test.channel);
    let is = match (test.answer, lang) {
        (Answer::Granted, Lang::En) => format!("they agreed to {purpose} by {channel}"),
        (Answer::Denied, Lang::En) => format!("they refused {purpose} by {channel}"),
        (Answer::Said, Lang::En) => format!("they agreed to or refused {purpose} by {channel}"),
        (Answer::Unsaid, Lang::En) => format!("they said nothing of {purpose} by {channel}"),
        (Answer::Granted, Lang::ZhCn) => format!("已同意通过 {channel} 接收{purpose}"),
        (Answer::Denied, Lang::ZhCn) => format!("已拒绝通过 {channel} 接收{purpose}"),
        (Answer::Said, Lang::ZhCn) => format!("已表态是否通过 {channel} 接收{purpose}"),
        (Answer::Unsaid, Lang::ZhCn) => format!("从未表态是否通过 {channel} 接收{purpose}"),
    };
    match (test.said, lang) {
        (None, _) => is,
        (Some(Age::Within(span)), Lang::En) => format!("{is} less than {span} ago"),
        (Some(Age::OlderThan(span)), Lang::En) => format!("{is} {span} ago or longer"),
        (Some(Age::Within(span)), Lang::ZhCn) => format!("{is}，且表态距今不足 {}", span_zh(span)),
        (Some(Age::OlderThan(span)), Lang::ZhCn) => format!("{is}，且表态距今已满 {}", span_zh(span)),
    }
}

const fn purpose(purpose: Purpose, lang: Lang) -> &'static str {
    match (purpose, lang) {
        (Purpose::Service, Lang::En) => "messages about service",
        (Purpose::Marketing, Lang::En) => "marketing",
        (Purpose::Survey, Lang::En) => "surveys",
        (Purpose::Personalization, Lang::En) => "personalisation",
        (Purpose::Service, Lang::ZhCn) => "服务通知",
        (Purpose::Marketing, Lang::ZhCn) => "营销信息",
        (Purpose::Survey, Lang::ZhCn) => "问卷调查",
        (Purpose::Personalization, Lang::ZhCn) => "个性化内容",
    }
}

fn campaign(test: &CampaignTest, lang: Lang) -> String {
    let CampaignTest { campaign, did, count, window } = test;
    let (when_en, when_zh) = window_in(*window);
    let did_en = match did {
        Deed::Entered => "came into",
        Deed::Left => "left",
    };
    let did_zh = match did {
        Deed::Entered => "进入",
        Deed::Left => "离开",
    };
    match (lang, count) {
        (Lang::En, Comparison::Eq(0)) => format!("they never {did_en} campaign {campaign}{when_en}"),
        (Lang::En, _) => format!("they {did_en} campaign {campaign} {}{when_en}", times(count, lang)),
        (Lang::ZhCn, Comparison::Eq(0)) => format!("{}从未{did_zh}活动 {campaign}", adverb(&when_zh)),
        (Lang::ZhCn, _) => {
            let often = times(count, lang);
            let often = often.strip_prefix("发生").unwrap_or(&often);
            format!("{}{did_zh}活动 {campaign} {often}", adverb(&when_zh))
        }
    }
}

/// A window as it stands before a verb, not before a thing.
fn adverb(when: &str) -> &str {
    when.trim_end().trim_end_matches('的').trim_end()
}
