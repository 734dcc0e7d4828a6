//! What people declare and switch, on both databases: documents, approvals, going live, stops, keys.

use crate::support::book::{House, house_settings};
use crate::support::{TestDatabase, on_both_databases};
use domain::campaign::state::CampaignState;
use domain::ids::CustomerId;
use kinkeeper::app::App;
use kinkeeper::service::apply::{self, Difference, Input};
use kinkeeper::service::keys::{self, NewKey};
use kinkeeper::service::suppressions::{self, Refusal};
use kinkeeper::service::{ServiceError, access, campaigns, eligibility, live, profiles, staff};
use kinkeeper::store::stops::StopScope;
use sea_orm::{ConnectionTrait, Statement};

const CLOCK: &str = "clock=2026-12-20T09:00:00+08:00";

async fn house(database: TestDatabase) -> House {
    House::open(database, &[CLOCK, "shop.locale=en"]).await
}

async fn declare(app: &App, text: &str) -> Result<usize, ServiceError> {
    let input = Input { name: "book.yaml".to_owned(), text: text.to_owned(), kind: None };
    let prepared = apply::prepare(&app.book, &[input]).await?;
    let differing = prepared.differing();
    apply::commit(&app.book, prepared, "cli:tester").await?;
    Ok(differing)
}

/// The integer a statement gives, read beside the application.
async fn number(app: &App, sql: &str) -> i64 {
    let db = app.book.store.reader();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    row.expect("the statement runs").expect("a row").try_get_by_index(0).expect("an integer")
}

const BOOK: &str = "kind: staff\nkey: sal\nname: Sal\nlevel: senior\n---\n\
    kind: shift\nstaff: sal\nfrom: \"2026-12-21\"\nuntil: \"2026-12-25\"\nweekly: {mon: [\"09:00-18:00\"], fri: [\"22:00-06:00\"]}\n---\n\
    kind: coupon_batch\nkey: winback-50\nname: 50 off\nface: \"50.00\"\nthreshold: \"199.00\"\nvalid_days: 30\nbudget: \"4000.00\"\nmaximum: 80\n---\n\
    kind: calendar\nkey: working_days\nzone: Asia/Shanghai\nweekly: {mon: [\"09:00-18:00\"]}\n---\n\
    kind: tag\nkey: regulars\nname: {en: X, zh-CN: X}\nrule: {tag: value_tier, exists: true}\n";

on_both_databases! {
    async fn documents_are_written_once_with_their_audit_row(database) {
        let house = house(database).await;
        let app = &house.app;
        let before = number(app, "SELECT COUNT(*) FROM audit").await;
        assert_eq!(declare(app, BOOK).await.expect("sound"), 5);
        assert_eq!(declare(app, BOOK).await.expect("sound"), 0);
        assert_eq!(number(app, "SELECT COUNT(*) FROM audit").await, before + 1);
        assert_eq!(number(app, "SELECT COUNT(*) FROM shift").await, 2);
        assert_eq!(staff::list(&app.book).await.expect("staff").len(), 1);
        let preview = live::preview(&app.book).await.expect("a preview");
        assert_eq!(preview.rostered_hours, 9 + 8);

        let fewer = BOOK.replace("fri: [\"22:00-06:00\"]", "fri: []");
        assert_eq!(declare(app, &fewer).await.expect("sound"), 1);
        assert_eq!(number(app, "SELECT COUNT(*) FROM shift").await, 1);
    }

    async fn what_changed_meanwhile_is_not_written_over(database) {
        let house = house(database).await;
        let app = &house.app;
        let input = |name: &str| Input {
            name: "s.yaml".to_owned(),
            text: format!("kind: staff\nkey: sal\nname: {name}\n"),
            kind: None,
        };
        let seen = apply::prepare(&app.book, &[input("Sal")]).await.expect("sound");
        assert_eq!(seen.changes[0].difference, Difference::New);
        let other = apply::prepare(&app.book, &[input("Sally")]).await.expect("sound");
        apply::commit(&app.book, other, "cli:other").await.expect("first come");
        let late = apply::commit(&app.book, seen, "cli:tester").await;
        assert!(matches!(late, Err(ServiceError::Conflict(_))), "{late:?}");
        assert_eq!(staff::list(&app.book).await.expect("staff")[0].staff.name, "Sally");
    }

    async fn a_second_opening_founds_nothing_again(database) {
        let house = house(database).await;
        let again = house.beside(&["shop.locale=en"]).await;
        assert_eq!(number(&again, "SELECT COUNT(*) FROM shop").await, 1);
        assert_eq!(number(&again, "SELECT COUNT(*) FROM campaign_version").await, 3);
        assert_eq!(number(&again, "SELECT COUNT(*) FROM template").await, 6);
    }

    async fn a_campaign_is_approved_with_its_slot_and_goes_through_its_states(database) {
        let house = house(database).await;
        let book = &house.app.book;
        let refused = campaigns::approve(book, "winback", "cli:tester").await.expect_err("no budget");
        assert!(refused.to_string().contains("has no budget"), "{refused}");
        declare(&house.app, BOOK).await.expect("sound");
        for (moved, state) in [
            (campaigns::approve(book, "winback", "cli:tester").await, CampaignState::Running),
            (campaigns::pause(book, "winback", "cli:tester").await, CampaignState::Paused),
            (campaigns::start(book, "winback", "cli:tester").await, CampaignState::Running),
        ] {
            assert_eq!(moved.expect("possible").state, state);
        }
        campaigns::approve(book, "festival", "cli:tester").await.expect("nothing in the way");
        let slots = "SELECT COUNT(*) FROM occurrence WHERE state = 'scheduled' AND slot = '2026-12-25T10:00:00'";
        assert_eq!(number(&house.app, slots).await, 1);
        let shown = campaigns::show(book, "festival").await.expect("there");
        assert_eq!(shown.history[0].action, "campaign.approved");

        let mut document = shown.document.clone();
        document["trigger"]["occasion"]["solar"] = "12-24".into();
        declare(&house.app, &document_of("campaign", &document)).await.expect("sound");
        let shown = campaigns::show(book, "festival").await.expect("there");
        assert_eq!((shown.view.version, shown.view.in_review_version), (1, Some(2)));
        assert_eq!(number(&house.app, slots).await, 1, "nothing moves before it is approved");
        campaigns::approve(book, "festival", "cli:tester").await.expect("approved");
        assert_eq!(number(&house.app, slots).await, 0);
        assert_eq!(eligibility::dry_run(book, "festival").await.expect("runs").audience, 0);
    }

    async fn a_dry_run_tells_of_a_tag_nobody_has(database) {
        let house = house(database).await;
        let book = &house.app.book;
        declare(&house.app, BOOK).await.expect("sound");
        let shown = campaigns::show(book, "winback").await.expect("there");
        let mut document = shown.document.clone();
        document["trigger"]["tag"]["key"] = "churn_rik".into();
        declare(&house.app, &document_of("campaign", &document)).await.expect("tags may come later");
        let run = eligibility::dry_run(book, "winback").await.expect("runs");
        assert_eq!((run.audience, run.entry.enters), (0, 0));
        let [problem] = &run.obstacles[..] else { panic!("one: {:?}", run.obstacles) };
        assert_eq!((problem.at.as_str(), problem.code), ("trigger.tag.key", "unknown_tag"));
        assert_eq!(problem.detail, "refers to the tag churn_rik, which isn't in the catalogue; did you mean churn_risk?");
    }

    async fn a_book_goes_live_once_and_is_stopped_and_resumed(database) {
        let house = house(database).await;
        let book = &house.app.book;
        let (one, two) = tokio::join!(live::go_live(book, "cli:a"), live::go_live(book, "cli:b"));
        assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|ok| **ok).count(), 1, "once, whoever asks");
        let all = || StopScope::All;
        live::stop(book, all(), "wrong price", "cli:a").await.expect("stopped");
        assert!(matches!(live::stop(book, all(), "again", "cli:a").await, Err(ServiceError::Conflict(_))));
        assert_eq!(live::status(book).await.expect("status").state, "stopped");
        live::resume(book, all(), "cli:a").await.expect("resumed");
        assert!(matches!(live::resume(book, all(), "cli:a").await, Err(ServiceError::Conflict(_))));
        live::stop(book, all(), "once more", "cli:a").await.expect("a scope may be stopped again");
        let status = live::status(book).await.expect("status");
        assert_eq!((status.state, status.counts.customers), ("stopped", 0));
    }

    async fn keys_open_for_whom_they_were_made(database) {
        let house = house(database).await;
        let book = &house.app.book;
        declare(&house.app, BOOK).await.expect("sound");
        let new = |role: &str, staff: Option<&str>| NewKey {
            role: role.to_owned(),
            staff: staff.map(str::to_owned),
            label: None,
            source: None,
        };
        let made = keys::create(book, new("agent", Some("sal")), "cli:a").await.expect("made");
        let holder = access::authenticate(book, &made.key).await.expect("read").expect("opens");
        assert_eq!(holder.staff_key.as_deref(), Some("sal"));
        let sender = keys::create(book, new("ingest", None), "cli:a").await.expect("made");
        let holder = access::authenticate(book, &sender.key).await.expect("read").expect("opens");
        assert!(holder.source.is_some() && holder.staff.is_none());
        assert!(access::authenticate(book, &format!("{}0", sender.key)).await.expect("read").is_err());
        let audited = "SELECT COUNT(*) FROM audit WHERE action = 'key.created'";
        assert_eq!(number(&house.app, audited).await, 2);
    }

    async fn a_refusal_widens_and_is_counted_once(database) {
        let house = house(database).await;
        let book = &house.app.book;
        let refusal = |email: &str| Refusal { email: email.to_owned(), reason: "by phone".to_owned() };
        let twice = [refusal("a@example.com"), refusal("b@example.com")];
        assert_eq!(suppressions::add(book, &twice, "cli:a").await.expect("added").added, 2);
        assert_eq!(suppressions::add(book, &twice[..1], "cli:a").await.expect("added").added, 0);
        let same = [refusal("c@example.com"), refusal(" C@Example.com ")];
        assert_eq!(suppressions::add(book, &same, "cli:a").await.expect("one point").added, 1);
        assert!(profiles::page(book, CustomerId(0), 10).await.expect("a page").is_empty());
        profiles::record_export(book, "cli:a").await.expect("recorded");
    }
}

/// A document as YAML, which JSON is.
fn document_of(kind: &str, document: &serde_json::Value) -> String {
    let mut document = document.clone();
    document["kind"] = kind.into();
    document.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_opening_one_new_postgres_at_once_make_one_book() {
    let database = TestDatabase::postgres();
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let open = |folder: &tempfile::TempDir| {
        let settings = house_settings(folder.path(), &database.url(), &["shop.locale=en"]);
        App::open(settings)
    };
    let (one, two) = tokio::join!(open(&folders[0]), open(&folders[1]));
    let (one, two) = (one.expect("the first opens"), two.expect("the second opens"));
    for app in [&one, &two] {
        assert_eq!(number(app, "SELECT COUNT(*) FROM shop").await, 1);
        assert_eq!(number(app, "SELECT COUNT(*) FROM campaign_version").await, 3);
        let of = |kind: &str| format!("SELECT COUNT(*) FROM rule_version WHERE key {kind} 'segment:%'");
        assert_eq!(number(app, &of("NOT LIKE")).await, 26);
        let (all, twice) =
            (number(app, &of("LIKE")).await, "SELECT COUNT(*) FROM rule_version WHERE version > 1");
        assert!(all > 10 && number(app, twice).await == 0, "{all}");
    }
}
