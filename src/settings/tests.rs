//! Settings as operators meet them: layers, typos, all problems at once, secrets unprinted.

use super::reader::Reader;
use super::*;
use std::collections::BTreeSet;

fn with(overrides: &[&str]) -> Result<Settings, Vec<Problem>> {
    Settings::load(&Sources {
        overrides: overrides.iter().map(|text| (*text).to_owned()).collect(),
        ..Sources::default()
    })
}

/// `place: detail` of each problem.
fn problems(overrides: &[&str]) -> Vec<String> {
    with(overrides).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a temporary file");
    std::fs::write(file.path(), text).expect("it can be written");
    file
}

#[test]
fn the_defaults_are_valid_and_safe() {
    let settings = with(&[]).expect("valid");
    assert!(settings.http.listen.ip().is_loopback());
    assert_eq!(settings.mail.channel, MailChannel::File);
    assert_eq!(settings.database.url.expose(), "sqlite://data/kinkeeper.db");
    assert_eq!(settings.workers.lease(), domain::time::Span::seconds(30));
    assert_eq!(settings.shop.sender_name, "My shop");
    assert_eq!(settings.shop.id_namespace, "shop");
    assert_eq!(settings.clock, None);
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn every_default_is_read_by_a_section() {
    let mut reader = Reader::new(layers::merge(&Sources::default()).expect("valid"));
    assert!(Settings::read(&mut reader).is_some());
    assert!(reader.unread().is_empty(), "no section reads {:?}", reader.unread());
}

#[test]
fn every_default_has_a_comment_above_it() {
    let (mut above, mut section, mut keys) = ("", String::new(), BTreeSet::new());
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            assert!(above.starts_with("# "), "{section}{key} has no comment above it");
            assert!(keys.insert(format!("{section}{key}")), "{section}{key} stands there twice");
        }
        above = line;
    }
    let known =
        layers::merge(&Sources::default()).expect("valid").values.into_keys().collect::<BTreeSet<_>>();
    assert_eq!(keys, known, "each key on a line of its own");
}

#[test]
fn a_typo_hides_no_other_problem() {
    let told = problems(&["shop.timzone=Asia/Shanghai", "shop.currency=Yuan", "mail.relays=foo"]);
    assert!(
        told[0].starts_with("mail.relays: \"foo\" is no list; write one in TOML, such as [{ url"),
        "{told:?}"
    );
    let told = problems(&["shop.timzone=Asia/Shanghai", "shop.currency=Yuan"]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("shop.timzone: there is no such setting; did you mean shop.timezone?"),
        "{told:?}"
    );
    assert!(told[1].starts_with("shop.currency: \"Yuan\" is no three-letter"), "{told:?}");
}

#[test]
fn later_layers_win() {
    let file =
        file("data_dir = \"from-file\"\n[shop]\nname = \"File\"\ncurrency = \"GBP\"\nlocale = \"en\"\n");
    let settings = Settings::load(&Sources {
        file: Some(file.path().to_owned()),
        environment: vec![
            ("KINKEEPER__SHOP__NAME".into(), "Environment".into()),
            ("KINKEEPER__SHOP__CURRENCY".into(), "eur".into()),
            ("KINKEEPER__WORKERS__LEASE_SECONDS".into(), "2".into()),
            ("KINKEEPER__MAIL__RELAYS".into(), "[{url = \"smtp://127.0.0.1:2525\", rate = 5}]".into()),
            ("HOME".into(), "not ours".into()),
        ],
        overrides: vec!["shop.name=Flag".into()],
    })
    .expect("valid");
    assert_eq!((settings.shop.name.as_str(), settings.shop.locale), ("Flag", "en"));
    assert_eq!(settings.shop.currency.as_str(), "EUR");
    assert_eq!(settings.workers.lease_seconds, 2);
    assert_eq!((settings.mail.relays[0].rate, settings.mail.relays[0].connections), (5, 4));
    assert_eq!(settings.mail.relays[0].from, "care@shop.invalid");
    assert_eq!(settings.database.sqlite_file(), Some("from-file/kinkeeper.db"));
    assert_eq!(settings.mail.dir, PathBuf::from("from-file/mail"));
}

#[test]
fn a_typo_is_named_with_the_word_it_is_near_to() {
    let file =
        file("[shop]\ntimezoen = \"Asia/Shanghai\"\n[mail]\nrelays = [{ url = \"smtp://a\", rat = 1 }]\n");
    let found = Settings::load(&Sources {
        file: Some(file.path().to_owned()),
        environment: vec![("KINKEEPER__HTTP__LISEN".into(), "x".into())],
        overrides: vec![],
    })
    .expect_err("typos");
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(
        found[0].starts_with("mail.relays[0].rat: there is no such setting; did you mean rate?"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("shop.timezoen: there is no such setting; did you mean shop.timezone?"),
        "{found:?}"
    );
    // The path may be shown as seen from here.
    let name = file.path().file_name().expect("a file").to_string_lossy().into_owned();
    assert!(found[1].contains(&name), "{found:?}");
    assert!(found[2].ends_with("did you mean http.listen? (from KINKEEPER__HTTP__LISEN)"), "{found:?}");
    assert_eq!(found.len(), 3);
}

#[test]
fn all_problems_come_at_once() {
    let found = problems(&[
        "shop.timezone=Europe/Lodon",
        "shop.currency=pounds",
        "shop.locale=de",
        "shop.key=My Shop",
        "shop.sender_address=care",
        "http.listen=localhost",
        "workers.lease_seconds=0",
        "log.filter=info,=,",
        "clock=yesterday",
        "database.url=mysql://u:hunter2@h/d",
        "mail.relays=[{rate = 0}]",
    ]);
    assert_eq!(found.len(), 12, "{found:#?}");
    assert!(found.iter().any(|p| p.contains("did you mean Europe/London?")), "{found:#?}");
    assert!(!found.concat().contains("hunter2"), "a password was shown: {found:#?}");
    for place in ["shop.key", "http.listen", "clock", "mail.relays[0].url", "mail.relays[0].rate"] {
        assert!(found.iter().any(|p| p.starts_with(&format!("{place}: "))), "{place}: {found:#?}");
    }
}

#[test]
fn a_file_that_is_missing_or_broken_says_so() {
    let load = |path: PathBuf| {
        let found = Settings::load(&Sources { file: Some(path), ..Sources::default() }).expect_err("refused");
        found[0].to_string()
    };
    assert!(
        load(PathBuf::from("no/such.toml")).starts_with("no/such.toml: the configuration file doesn't exist")
    );
    let broken = file("[shop]\nname = My shop\n");
    assert!(load(broken.path().to_owned()).contains("line 2"), "{}", load(broken.path().to_owned()));
}

#[test]
fn listening_beyond_loopback_needs_a_proxy() {
    let found = problems(&["http.listen=0.0.0.0:8347"]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("set http.behind_proxy = true"), "{found:?}");
    let settings = with(&["http.listen=0.0.0.0:8347", "http.behind_proxy=true"]).expect("allowed");
    assert_eq!(settings.warnings[0].code, "plain_public_url");
    assert!(with(&["http.listen=[::1]:9000"]).is_ok());
}

#[test]
fn a_virtual_clock_reaches_no_real_relay() {
    let smtp =
        ["mail.channel=smtp", "shop.sender_address=care@example.com", "clock=2026-09-25 09:55:00,x600"];
    let found = problems(&[&smtp[..], &["mail.relays=[{url = \"smtps://u:p@mail.example.com\"}]"]].concat());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("mail.relays[0].url: a virtual clock must not reach real people"),
        "{found:?}"
    );
    let settings =
        with(&[&smtp[..], &["mail.relays=[{url = \"smtp://127.0.0.1:2525\"}]"]].concat()).expect("sandbox");
    let clock = settings.clock.expect("set");
    assert_eq!((clock.at.to_rfc3339().as_str(), clock.speed), ("2026-09-25T01:55:00Z", Some(600)));
}

#[test]
fn smtp_needs_a_relay_and_an_address() {
    let found = problems(&["mail.channel=smtp"]);
    assert!(found[0].starts_with("mail.relays: "), "{found:?}");
    assert!(found[1].starts_with("shop.sender_address: "), "{found:?}");
}

#[test]
fn secrets_come_from_files_and_are_never_printed() {
    let secret = file("postgres://kin:hunter2@db.example.com/kin?sslmode=require\n");
    let relay = file("smtps://kin:hunter%402@mail.example.com\n");
    let settings = with(&[
        &format!("database.url_file={}", secret.path().display()),
        &format!("mail.relays=[{{url_file = \"{}\"}}]", relay.path().display()),
    ])
    .expect("valid");
    assert_eq!(settings.database.kind, DatabaseKind::Postgres);
    assert_eq!(settings.database.shown(), "postgres://db.example.com/kin");
    let url = &settings.mail.relays[0].url;
    assert_eq!((url.tls, url.port, url.to_string().as_str()), (Tls::Wrapped, 465, "mail.example.com:465"));
    assert_eq!(url.login.as_ref().map(|(_, p)| p.expose()), Some("hunter@2"));
    assert!(!format!("{settings:?}").contains("hunter"), "{settings:?}");

    let twice =
        problems(&["database.url=postgres://h/d", &format!("database.url_file={}", secret.path().display())]);
    assert!(twice[0].starts_with("database.url_file: database.url is set too"), "{twice:?}");
    let gone = problems(&["database.url_file=no/such/file"]);
    assert!(gone[0].contains("no/such/file can't be read"), "{gone:?}");
}

#[test]
fn relay_urls_name_way_host_and_port() {
    let url = RelayUrl::parse("smtp+starttls://u:p@[2001:db8::1]:2587").expect("valid");
    assert_eq!((url.tls, url.host.as_str(), url.port), (Tls::StartTls, "2001:db8::1", 2587));
    assert!(RelayUrl::parse("smtp://[::1]").expect("valid").is_loopback());
    for bad in
        ["127.0.0.1:25", "http://a", "smtp://", "smtp://u@h", "smtp://a:x", "smtp://u:%zz@h", "smtp://h/x"]
    {
        assert!(RelayUrl::parse(bad).is_err(), "{bad}");
    }
}
