//! Tests of the lint, the shipped templates among them.

use super::*;
use crate::template::{Locale, parse};

const FESTIVAL: Usage = Usage { purpose: Purpose::Marketing, coupon: Given::Never, occasion: Given::Always };
const PLAIN: Usage = Usage { purpose: Purpose::Marketing, coupon: Given::Never, occasion: Given::Never };
const OFFER: Usage = Usage { purpose: Purpose::Marketing, coupon: Given::Always, occasion: Given::Never };

fn shipped(text: &str) -> MailTemplate {
    let value: serde_json::Value = serde_saphyr::from_str(text).expect("YAML");
    let (found, problems) = parse::parse(&value);
    assert_eq!(problems, []);
    found.expect("a template without problems")
}

macro_rules! file {
    ($name:literal) => {
        shipped(include_str!(concat!("../../../config/templates/", $name, ".yaml")))
    };
}

#[test]
fn the_shipped_templates_are_clean_and_render_for_everybody() {
    for (mail, usage, key, locale) in [
        (file!("festival.en"), FESTIVAL, "festival", Locale::En),
        (file!("festival.zh-CN"), FESTIVAL, "festival", Locale::ZhCn),
        (file!("winback_d0.en"), PLAIN, "winback_d0", Locale::En),
        (file!("winback_d0.zh-CN"), PLAIN, "winback_d0", Locale::ZhCn),
        (file!("winback_d7.en"), OFFER, "winback_d7", Locale::En),
        (file!("winback_d7.zh-CN"), OFFER, "winback_d7", Locale::ZhCn),
    ] {
        assert_eq!((mail.key.as_str(), mail.locale), (key, locale));
        assert_eq!(lint(&mail, usage), [], "{key} {locale}");
    }
}

#[test]
fn the_shipped_offer_states_its_terms() {
    let [named, nameless, free] = samples(OFFER).try_into().unwrap_or_else(|_| panic!("three samples"));
    let zh = file!("winback_d7.zh-CN").compile().expect("compiles");
    let text = |sample| zh.render(sample).expect("renders").text;
    assert!(text(&named).starts_with("王小明，您好："));
    assert!(text(&nameless).starts_with("尊敬的会员，您好："));
    assert!(text(&named).contains("满199.00可减50.00") && text(&named).contains("有效期至2012-01-07"));
    assert!(text(&free).contains("单笔订单可减50.00，无门槛，"));
    let en = file!("winback_d7.en").compile().expect("compiles");
    let nameless = en.render(&nameless).expect("renders");
    assert!(nameless.text.starts_with("Hello,\n"));
    assert!(nameless.text.contains("takes 50.00 off one order from 199.00, and"));
    assert!(nameless.html.contains("href=\"https:&#x2f;&#x2f;shop.example&#x2f;u&#x2f;token\""));
    assert!(en.render(&samples(PLAIN)[0]).is_err(), "an offer without its coupon never renders");
}

fn mail(subject: &str, text: &str) -> MailTemplate {
    MailTemplate {
        key: "x".into(),
        locale: Locale::En,
        subject: subject.into(),
        text: text.into(),
        html: "{{ shop.name }} {{ unsubscribe_url }}".into(),
    }
}

fn said(mail: &MailTemplate, usage: Usage) -> Vec<String> {
    lint(mail, usage).iter().map(|p| format!("{} {}", p.code, p)).collect()
}

#[test]
fn each_fault_is_named() {
    let tail = "{{ shop.name }} {{ unsubscribe_url }}";
    let one = |subject: &str, text: String, usage| said(&mail(subject, &text), usage).join("\n");
    assert_eq!(one("Hi", format!("Hi {tail}"), PLAIN), "");
    let typo = one("Hi", format!("{{{{ customer.nmae }}}} {tail}"), PLAIN);
    assert!(typo.starts_with("unresolved_variable text: `customer.nmae`"), "{typo}");
    assert!(typo.contains("did you mean `customer.name`?"), "{typo}");
    let coupon = one("Hi", format!("{{{{ coupon.code }}}} {tail}"), PLAIN);
    assert!(coupon.starts_with("unresolved_variable text: `coupon.code`"), "{coupon}");
    assert_eq!(one("Hi", format!("{{{{ coupon.code }}}} {tail}"), OFFER), "");
    let bare = one("Hi", "Hi".into(), PLAIN);
    assert!(bare.contains("missing_in_marketing text: `{{ unsubscribe_url }}` is missing"), "{bare}");
    assert!(bare.contains("missing_in_marketing text: `{{ shop.name }}` is missing"), "{bare}");
    let tested = one("Hi", "{% if unsubscribe_url %}x{% endif %} {{ shop.name }}".into(), PLAIN);
    assert!(tested.starts_with("missing_in_marketing"), "looked at isn't shown: {tested}");
    let service = Usage { purpose: Purpose::Service, ..PLAIN };
    assert_eq!(one("Hi", "Hi".into(), service), "");
    let blank = one("{# nothing #}", format!("Hi {tail}"), PLAIN);
    assert!(blank.contains("does_not_render") && blank.contains("the subject is empty"), "{blank}");
    let nameless = one("Hi {{ customer.name }}", format!("Hi {tail}"), PLAIN);
    assert!(nameless.contains("for a customer without a name: subject line 1: a value"), "{nameless}");
    let whole = one("Hi", format!("{{{{ customer }}}} {tail}"), PLAIN);
    assert!(whole.starts_with("unresolved_variable text: `customer`"), "{whole}");
    let free = one("Hi", format!("{{{{ coupon.threshold }}}} {tail}"), OFFER);
    assert!(free.contains("for a coupon without threshold: text line 1"), "{free}");
    let broken = one("Hi", "{% set x = 1 %}".into(), PLAIN);
    assert!(broken.starts_with("construct_not_allowed text line 1: `set`"), "{broken}");
}

#[test]
fn our_words_stay_with_us() {
    let tail = "{{ shop.name }} {{ unsubscribe_url }}";
    let words = |text: &str| -> Vec<String> {
        lint(&mail("Hi", &format!("{text} {tail}")), PLAIN)
            .iter()
            .map(|p| p.detail.split('"').nth(1).unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(words("your value_tier is gold"), ["value_tier"]);
    assert_eq!(words("CHURN_RISK!"), ["churn_risk"]);
    assert_eq!(words("您是流失风险客户"), ["流失风险"]);
    assert_eq!(words("time has elapsed, butter is churned"), [] as [&str; 0]);
    assert_eq!(words("<!-- holdout -->"), ["holdout"]);
}
