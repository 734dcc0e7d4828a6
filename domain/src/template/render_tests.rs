//! Tests of rendering and of the restricted language, template bombs among them.

use super::super::Locale;
use super::super::context::{CouponContext, MAX_VALUE};
use super::super::syntax::{MAX_SOURCE, check};
use super::*;

fn mail(subject: &str, text: &str, html: &str) -> MailTemplate {
    MailTemplate {
        key: "x".into(),
        locale: Locale::En,
        subject: subject.into(),
        text: text.into(),
        html: html.into(),
    }
}

fn context() -> MailContext {
    MailContext {
        shop_name: "Cup & Saucer".into(),
        customer_name: Some("<b>Ann</b>".into()),
        coupon: Some(CouponContext {
            code: "3456789ABCF".into(),
            face: "50.00".into(),
            threshold: None,
            expires_on: "2012-01-07".into(),
        }),
        unsubscribe_url: Some("https://shop.example/u/a".into()),
        occasion_name: None,
    }
}

fn text_of(source: &str) -> Result<String, RenderError> {
    mail("s", source, "h").compile().expect("compiles").render(&context()).map(|r| r.text)
}

#[test]
fn html_is_escaped_and_text_is_not() {
    let source = "{{ customer.name }} at {{ shop.name }}";
    let r = mail(source, source, source).compile().expect("compiles").render(&context()).expect("renders");
    assert_eq!(r.subject, "<b>Ann</b> at Cup & Saucer");
    assert_eq!(r.text, "<b>Ann</b> at Cup & Saucer");
    assert_eq!(r.html, "&lt;b&gt;Ann&lt;&#x2f;b&gt; at Cup &amp; Saucer");
    assert!(!format!("{r:?}").contains("Ann"));
}

#[test]
fn a_missing_value_is_an_error_and_never_the_word_none() {
    assert_eq!(text_of("a\n{{ occasion.name }}"), Err(RenderError::Missing { part: Part::Text, line: 2 }));
    assert_eq!(text_of("{{ nobody }}"), Err(RenderError::Missing { part: Part::Text, line: 1 }));
    assert_eq!(text_of("{{ shop.nmae }}"), Err(RenderError::Missing { part: Part::Text, line: 1 }));
    let mut without = context();
    (without.coupon, without.customer_name) = (None, Some("  ".into()));
    let render = |source: &str| mail("s", source, "h").compile().expect("compiles").render(&without);
    assert_eq!(
        render("{{ coupon.code }}").expect_err("none"),
        RenderError::Missing { part: Part::Text, line: 1 }
    );
    assert_eq!(render("{{ customer.name or '尊敬的会员' }}").expect("falls back").text, "尊敬的会员");
    let tests = "{% if coupon %}a{% elif coupon is none %}b{% else %}c{% endif %}{{ customer.name|default('x', true) }}";
    assert_eq!(render(tests).expect("renders").text, "bx");
}

#[test]
fn a_subject_can_not_break_a_header() {
    let mut c = context();
    c.customer_name = Some("Ann\r\nBcc: all@example.com\0\u{2028}\u{85}x".into());
    let m = mail("Hello\n {{ customer.name }}\r\n!", "t", "h").compile().expect("compiles");
    assert_eq!(m.render(&c).expect("renders").subject, "Hello Ann Bcc: all@example.com x !");
    c.customer_name = Some("n".repeat(MAX_SUBJECT + 1));
    assert_eq!(m.render(&c), Err(RenderError::LongSubject));
    c.customer_name = Some("n".repeat(MAX_VALUE + 1));
    assert_eq!(m.render(&c), Err(RenderError::ValueTooLong { field: "customer.name" }));
    let empty = mail("{% if occasion.name %}x{% endif %}", "t", "h").compile().expect("compiles");
    assert_eq!(empty.render(&context()), Err(RenderError::EmptySubject));
}

#[test]
fn what_is_allowed_works() {
    for (source, shown) in [
        ("{# note #}{{ coupon.code|lower }}", "3456789abcf"),
        ("{{ shop.name|upper|trim }}", "CUP & SAUCER"),
        ("{% if coupon.threshold is none and not occasion.name %}free{% endif %}", "free"),
        (
            "{% for c in coupon.code %}{{ loop.index }}{{ c }}{% if loop.index < 11 %}-{% endif %}{% endfor %}",
            "13-24-35-46-57-68-79-8A-9B-10C-11F",
        ),
        ("{{ 'a' if coupon.face == '50.00' else 'b' }}{{ coupon.face|length }}", "a5"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ] {
        assert_eq!(text_of(source).as_deref(), Ok(shown), "{source}");
    }
}

const BOMBS: &[&str] = &[
    "{{ ('x' * 1000000000)|length }}",
    "{{ 'x' * 100000000 }}",
    "{{ [1] * 1000000000 }}",
    "{{ ['a','a','a']|join('x' * 90000000) }}",
    "{{ 'aaaa'|replace('a', 'bbbbbbbb')|replace('b', 'cccccccc') }}",
    "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(26) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set x %}a{% endset %}{{ x }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% call m() %}{% endcall %}",
    "{% include '/etc/passwd' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{% block a %}{{ self.a() }}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% autoescape false %}{{ customer.name }}{% endautoescape %}",
    "{% with a = 'x' %}{{ a }}{% endwith %}",
    "{% do f() %}",
    "{% for a in shop.name recursive %}{{ loop(a) }}{% endfor %}",
    "{% for a in shop.name if a %}x{% endfor %}",
    "{% for a, b in shop.name %}x{% endfor %}",
    "{% for a in 'xxxx' %}x{% endfor %}",
    "{{ customer.name|safe }}",
    "{{ customer.name|pprint }}",
    "{{ 'a' ~ 'b' }}",
    "{{ 2 ** 100000 }}",
    "{{ -1 }}",
    "{{ 'abc'[0] }}",
    "{{ customer.name.upper() }}",
    "{{ {'a': 1} }}",
    "{{ debug() }}",
    "{{ 'a' in shop.name }}",
    "{{ customer.name|default(value='x') }}",
    "{% if %}",
    "{{ unclosed",
];

#[test]
fn template_bombs_fail_fast_and_small() {
    let before = memory::peak_kib();
    let many = |unit: &str, n: usize| unit.repeat(n);
    let nested = format!("{{{{ {}1{} }}}}", many("(", 200_000), many(")", 200_000));
    let chain = format!("{{{{ shop{} }}}}", many(".a", 20_000));
    let filters = format!("{{{{ 'x'{} }}}}", many("|e", 20_000));
    let sums = format!("{{{{ 1{} }}}}", many(" or 1", 10_000));
    let elifs = format!("{{% if 1 %}}{}{{% endif %}}", many("{% elif 1 %}", 4_000));
    let ifs = format!("{}{}", many("{% if 1 %}", 240), many("{% endif %}", 240));
    let fors = format!("{}x{}", many("{% for a in shop.name %}", 12), many("{% endfor %}", 12));
    let long = [
        &nested,
        &chain,
        &filters,
        &sums,
        &elifs,
        &ifs,
        &fors,
        &many("x", MAX_SOURCE + 1),
        &many("{{ shop.name }}", 501),
    ];
    for bomb in BOMBS.iter().copied().chain(long.map(String::as_str)) {
        let found = mail("s", bomb, "h").compile();
        let shown: String = bomb.chars().take(60).collect();
        let problems = found.err().unwrap_or_else(|| panic!("{shown} was let through"));
        assert!(problems.iter().all(|p| p.at.starts_with("text")), "{shown}: {problems:?}");
    }
    let grown = memory::peak_kib() - before;
    assert!(grown < 128 * 1024, "{grown} KiB");
}

#[test]
fn output_and_work_are_bounded_while_rendering() {
    let mut c = context();
    c.shop_name = "x".repeat(MAX_VALUE);
    let render = |source: &str| mail("s", source, "h").compile().expect("compiles").render(&c);
    let before = memory::peak_kib();
    let wide = "{% for a in shop.name %}{{ shop.name }}{% endfor %}";
    assert_eq!(render(wide), Err(RenderError::TooLarge { part: Part::Text }));
    let long = "{% for a in shop.name %}{% for b in shop.name %}{% if b == 'y' %}x{% endif %}{% endfor %}{% endfor %}";
    assert_eq!(render(long), Err(RenderError::OutOfFuel { part: Part::Text }));
    let times = |n: usize| "{{ shop.name }}".repeat(n);
    let exact = |n: usize| "x".repeat(144) + &times(131) + &"y".repeat(n);
    assert_eq!(render(&exact(0)).expect("fits to the byte").text.len(), MAX_OUTPUT);
    assert_eq!(render(&exact(1)), Err(RenderError::TooLarge { part: Part::Text }));
    // 131 × 2,000 bytes fit, 132 don't.
    assert_eq!(render(&times(131)).expect("fits").text.len(), 262_000);
    assert_eq!(render(&times(132)), Err(RenderError::TooLarge { part: Part::Text }));
    let grown = memory::peak_kib() - before;
    assert!(grown < 128 * 1024, "{grown} KiB");
}

#[test]
fn problems_name_part_line_and_remedy() {
    let problems = mail("s", "a\nb {{ x|join }}", "{{ 1 * 2 }}").compile().expect_err("two");
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2);
    assert!(
        said[0].starts_with("text line 2: the filter `join` isn't allowed here; use default, d,"),
        "{said:?}"
    );
    assert!(said[1].starts_with("html line 1: arithmetic and joining isn't allowed"), "{said:?}");
    let syntax = mail("{{ }", "t", "h").compile().expect_err("syntax");
    assert_eq!((syntax[0].at.as_str(), syntax[0].code), ("subject line 1", "template_syntax"));
}

#[test]
fn fields_are_found_with_their_use() {
    let used = check(
        "text",
        "{% if coupon.code %}{{ shop.name or x }}{% for a in b.c %}{{ a.z }}{% endfor %}{% endif %}",
    );
    let used = used.expect("fine");
    assert_eq!(Vec::from_iter(&used.fields), ["b.c", "coupon.code", "shop.name", "x"]);
    assert_eq!(Vec::from_iter(&used.printed), ["shop.name", "x"]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// Whatever is written, compiling and rendering end in a value or a defined error.
    #[test]
    fn nothing_panics(parts in proptest::collection::vec(proptest::sample::select(vec![
        "{{", "}}", "{%", "%}", "{#", "#}", " if ", " else ", " endif ", " for ", " in ", " endfor ", "shop", ".name", "|e",
        "|default('x')", " or ", "==", "(", ")", "'", "\"", " not ", "loop", "\n", "é", " set x = 1 ", "*", "raw", "endraw", "-",
    ]), 0..40)) {
        let source = parts.concat();
        if let Ok(compiled) = mail("s", &source, &source).compile() {
            let _ = compiled.render(&context());
        }
    }
}

#[cfg(test)]
mod memory {
    /// Memory resident at the most so far, of all tests together; a bomb that went off would take gigabytes.
    pub fn peak_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default().to_owned();
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
    }
}
