//! Signed batches of consents: taken in once, shown with who answers for them, taken back as if they had never been.

use crate::support::book::House;
use crate::support::on_both_databases;
use domain::campaign::gate::Consent;
use domain::customer::consent::Purpose;
use domain::ids::{ConsentBatchId, CustomerId};
use domain::time::Instant;
use kinkeeper::service::consents::{self, Preview, Said, Signed};
use kinkeeper::service::import::FormSaid;
use kinkeeper::service::profile::{IdentifierKind, find, profile};
use kinkeeper::service::{ServiceError, erasing, identity};
use kinkeeper::store::{Lane, StoreError, contact};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

/// 2026-09-25T02:00:00Z.
const NOW: &str = "clock=2026-09-25T10:00:00+08:00";

async fn send(house: &House, events: Vec<Value>) {
    house.send(events).await;
}

fn person(user: &str, traits: Value) -> Value {
    json!({"type": "identify", "messageId": format!("i-{user}"), "userId": user, "traits": traits,
           "timestamp": "2026-01-01T00:00:00Z"})
}

fn says(user: &str, state: &str, at: &str) -> Value {
    json!({"type": "track", "messageId": format!("c-{user}-{at}"), "userId": user, "event": "Consent Changed",
           "timestamp": at, "properties": {"channel": "email", "purpose": "marketing", "state": state}})
}

async fn who(house: &House, user: &str) -> CustomerId {
    find(&house.app.book, IdentifierKind::UserId, user).await.expect("asked").expect("is in the book")
}

fn signed(folder: &std::path::Path, name: &str, text: &str) -> Signed {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    Signed {
        path,
        form: FormSaid::default(),
        by: "Li Na".to_owned(),
        on: "2026-03-01".parse().expect("a date"),
        evidence: "binder 7".to_owned(),
    }
}

/// What counts of mail for marketing, by the rules of the gate.
async fn stands(house: &House, user: &str) -> Option<Consent> {
    let id = identity_of(house, user).await;
    let all = contact::consents(house.app.book.store.reader(), &[id]).await.expect("read");
    all.get(&(id, "email".to_owned(), "marketing".to_owned())).copied()
}

async fn identity_of(house: &House, user: &str) -> CustomerId {
    let id = who(house, user).await;
    profile(&house.app.book, id).await.expect("read").expect("there").id
}

async fn number(house: &House, sql: &str) -> i64 {
    let db = house.app.book.store.reader();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    row.expect("the statement runs").expect("a row").try_get_by_index(0).expect("an integer")
}

use domain::campaign::gate::Consent::{Granted, Refused};

async fn run(house: &House, sql: &'static str) {
    let done = house.app.book.store.write(Lane::People, move |tx| {
        Box::pin(async move { Ok::<_, StoreError>(tx.execute_unprepared(sql).await.map(drop)?) })
    });
    done.await.expect(sql);
}

/// Breaks an import off, as a lost connection would.
const STOP_SQLITE: [&str; 1] = ["CREATE TRIGGER stop BEFORE INSERT ON consent WHEN NEW.evidence = 'stop' \
    BEGIN SELECT RAISE(ABORT, 'stop'); END"];
const STOP_POSTGRES: [&str; 2] = [
    "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stop''; END'",
    "CREATE TRIGGER stop BEFORE INSERT ON consent FOR EACH ROW WHEN (NEW.evidence = 'stop') EXECUTE FUNCTION stop()",
];

on_both_databases! {
    async fn a_batch_is_shown_taken_in_once_and_taken_back(database) {
        let house = House::open(database, &[NOW]).await;
        let book = &house.app.book;
        let folder = tempfile::tempdir().expect("a folder");
        send(&house, vec![
            person("ann", json!({"email": "ann@example.org"})),
            person("ben", json!({"email": "ben@example.org"})),
            person("cem", json!({"email": "both@example.org"})),
            person("dee", json!({"email": "both@example.org"})),
            says("ben", "granted", "2026-02-01T00:00:00Z"),
        ]).await;
        let text = "customer_id,email,channel,purpose,state,at,evidence,text_version\n\
            ann,,email,marketing,granted,,,2026-01\n\
            ,ben@example.org,email,,denied,2026-02-02,form 12,\n\
            ,both@example.org,email,marketing,granted,,,\n\
            eve,,email,marketing,granted,,,\n\
            ann,,email,parties,perhaps,2027-01-01,,\n";
        let file = signed(folder.path(), "fair.csv", text);
        let dry = consents::preview(book, &file).await.expect("judged");
        assert_eq!((dry.rows, dry.granted, dry.denied, dry.customers, dry.refused), (5, 1, 1, 2, 3));
        assert_eq!((dry.batch, dry.known, dry.sample.len()), (None, false, 2));
        let why: Vec<(u64, &str)> = dry.refusals.iter().map(|one| (one.line, one.code.as_str())).collect();
        assert_eq!(why, [(4, "shared_contact"), (5, "unknown_customer"), (6, "bad_purpose bad_consent future")]);
        assert_eq!((stands(&house, "ann").await, stands(&house, "ben").await), (None, Some(Granted)));

        let done = consents::import(book, &file, "cli:test").await.expect("taken in");
        let batch = done.batch.expect("a batch");
        assert_eq!((stands(&house, "ann").await, stands(&house, "ben").await), (Some(Granted), Some(Refused)));
        let again: Preview = consents::import(book, &file, "cli:test").await.expect("answered");
        assert_eq!((again.batch, again.known), (Some(batch), true));
        assert_eq!(number(&house, "SELECT COUNT(*) FROM consent").await, 3);

        let (shown, lines) = consents::of_batch(book, batch).await.expect("there");
        assert_eq!((shown.signed_by.as_str(), shown.signed_on.as_str(), shown.lines), ("Li Na", "2026-03-01", 2));
        assert_eq!((shown.actor.as_str(), shown.sha256.len(), shown.file.as_str()), ("cli:test", 64, "fair.csv"));
        assert_eq!(lines[0].occurred_at.to_rfc3339(), "2026-02-28T16:00:00Z", "the day it was signed on, by the shop");
        assert_eq!((lines[0].evidence.as_str(), lines[0].text_version.as_deref()), ("binder 7", Some("2026-01")));
        assert_eq!((lines[1].evidence.as_str(), lines[1].source.clone()), ("form 12", format!("batch:{batch}")));

        let done = consents::revoke(book, batch, "another shop's forms", "cli:test").await.expect("taken back");
        assert_eq!((done.lines, done.customers), (2, 2));
        assert_eq!((stands(&house, "ann").await, stands(&house, "ben").await), (None, Some(Granted)));
        let ledger = consents::of_customer(book, who(&house, "ben").await).await.expect("there");
        let told: Vec<(&str, bool)> = ledger.iter().map(|line| (line.state.as_str(), line.revoked_at.is_some())).collect();
        assert_eq!(told, [("denied", true), ("granted", false)], "nothing is gone");
        assert_eq!(number(&house, "SELECT COUNT(*) FROM consent").await, 5);
        let twice = consents::revoke(book, batch, "once more", "cli:test").await.expect_err("once is enough");
        assert!(matches!(&twice, ServiceError::Conflict(why) if why.contains("taken back")), "{twice}");
        let unknown = consents::revoke(book, ConsentBatchId(99), "x", "cli:test").await.expect_err("none");
        assert!(matches!(unknown, ServiceError::NotFound(_)));
        // Taken back by mistake, it may come again.
        let again = consents::import(book, &file, "cli:test").await.expect("taken in");
        assert!(again.batch.is_some_and(|id| id != batch) && !again.known);
        assert_eq!(stands(&house, "ann").await, Some(Granted));
        let audited = "SELECT COUNT(*) FROM audit WHERE action IN ('consents.imported', 'consents.revoked')";
        assert_eq!(number(&house, audited).await, 3);
    }

    async fn what_came_later_stays_and_sides_keep_their_own(database) {
        let house = House::open(database, &[NOW]).await;
        let book = &house.app.book;
        let folder = tempfile::tempdir().expect("a folder");
        send(&house, vec![person("ann", json!({})), person("ben", json!({}))]).await;
        let text = "customer_id,channel,state\nann,email,granted\nben,email,denied\n";
        let batch = consents::import(book, &signed(folder.path(), "a.csv", text), "t").await.expect("taken in").batch;
        send(&house, vec![says("ann", "denied", "2026-04-01T00:00:00Z")]).await;
        assert_eq!(stands(&house, "ann").await, Some(Refused));
        let (ann, ben) = (who(&house, "ann").await, who(&house, "ben").await);
        send(&house, vec![says("ann", "granted", "2026-05-01T00:00:00Z")]).await;
        identity::merge(book, ann, ben, "t", None).await.expect("merged");
        assert_eq!(stands(&house, "ann").await, Some(Refused), "the stricter side's");
        consents::revoke(book, batch.expect("a batch"), "wrong file", "t").await.expect("taken back");
        assert_eq!(stands(&house, "ann").await, Some(Granted), "only ben's side had refused, by the batch");
        identity::unmerge(book, ben, "t", None).await.expect("parted");
        assert_eq!((stands(&house, "ann").await, stands(&house, "ben").await), (Some(Granted), None));
    }

    async fn a_large_file_goes_in_by_slices_and_on_where_it_stopped(database) {
        let house = House::open(database, &[NOW]).await;
        let book = &house.app.book;
        let folder = tempfile::tempdir().expect("a folder");
        let users: Vec<String> = (0..50).map(|n| format!("u{n}")).collect();
        send(&house, users.iter().map(|user| person(user, json!({}))).collect()).await;
        let mut text = "customer_id,channel,state,evidence\n".to_owned();
        for n in 0..3_500 {
            let evidence = if n == 2_500 { "stop" } else { "" };
            text += &format!("u{},email,{},{evidence}\n", n % 50, if n % 3 == 0 { "denied" } else { "granted" });
        }
        let file = signed(folder.path(), "fair.csv", &text);
        let is_postgres = book.store.reader().get_database_backend() == sea_orm::DbBackend::Postgres;
        for sql in if is_postgres { &STOP_POSTGRES[..] } else { &STOP_SQLITE } {
            run(&house, sql).await;
        }
        consents::import(book, &file, "t").await.expect_err("stopped in the third slice");
        let stands = "SELECT lines, read_to, finished_at FROM consent_batch ORDER BY id";
        assert_eq!(house.lines(stands).await, ["2000|2001|-"]);
        let audit = "SELECT COUNT(*) FROM audit WHERE action = 'consents.imported'";
        assert_eq!((number(&house, "SELECT COUNT(*) FROM consent").await, number(&house, audit).await), (2_000, 2));
        run(&house, if is_postgres { "DROP TRIGGER stop ON consent" } else { "DROP TRIGGER stop" }).await;

        let mut other = signed(folder.path(), "fair.csv", &text);
        other.by = "Somebody Else".to_owned();
        let why = consents::import(book, &other, "t").await.expect_err("signed otherwise").to_string();
        assert!(why.contains("interrupted behind line 2001, signed by \"Li Na\""), "{why}");
        let dry = consents::preview(book, &file).await.expect("judged");
        assert_eq!((dry.known, dry.resumed_from, dry.rows), (false, 2_001, 3_500));

        // Whoever is erased once the file was judged is left out, with a merged one's other self.
        let (gone, kept, also) = (who(&house, "u7").await, who(&house, "u8").await, who(&house, "u9").await);
        identity::merge(book, gone, also, "t", None).await.expect("merged");
        let judged = consents::prepare(book, &file).await.expect("judged");
        let meanwhile = consents::prepare(book, &file).await.expect("judged by somebody else");
        erasing::erase(book, gone, "asked", "t").await.expect("erased");
        let done = consents::take(book, judged, "t").await.expect("taken in");
        assert_eq!((done.refused, done.refusals[0].code.as_str()), (60, "erased"));
        assert_eq!((number(&house, "SELECT COUNT(*) FROM consent WHERE revokes IS NULL").await, number(&house, audit).await), (3_440, 4));
        let batch = done.batch.expect("a batch");
        let left = format!("SELECT COUNT(*) FROM consent WHERE customer_id = {}", kept.0);
        assert_eq!(number(&house, &left).await, 70);
        assert_eq!(house.lines("SELECT lines, read_to FROM consent_batch").await, ["3440|3501"]);
        let late = consents::take(book, meanwhile, "t").await.expect_err("somebody was faster");
        assert!(matches!(late, ServiceError::Conflict(_)), "{late}");

        let back = consents::revoke(book, batch, "another shop's", "t").await.expect("taken back");
        assert_eq!((back.lines, number(&house, "SELECT COUNT(*) FROM consent").await), (3_440, 6_880));
        let audited = "SELECT COUNT(*) FROM audit WHERE action = 'consents.revoked'";
        assert_eq!(number(&house, audited).await, 4);
    }

    async fn a_file_that_cant_be_right_is_refused_whole(database) {
        let house = House::open(database, &[NOW]).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = signed(folder.path(), "x.csv", "customer,chanel,state\na,email,granted\n");
        let refused = consents::preview(&house.app.book, &file).await.expect_err("no such columns").to_string();
        assert!(refused.contains("did you mean channel?") && refused.contains("nothing says whose"), "{refused}");
        let partly = "phone,channel,state\n1390000,sms,granted\n139****0000,sms,granted\n";
        let told = consents::preview(&house.app.book, &signed(folder.path(), "p.csv", partly)).await.expect("judged");
        let told: Vec<&str> = told.refusals.iter().map(|row| row.reason.as_str()).collect();
        assert!(told[0].contains("****00 names nobody") && !told[0].contains("1390000"), "{told:?}");
        let mut file = signed(folder.path(), "x.csv", "customer_id,channel,state\na,email,granted\n");
        file.by = " ".to_owned();
        let refused = consents::import(&house.app.book, &file, "t").await.expect_err("unsigned").to_string();
        assert!(refused.contains("--signed-by"), "{refused}");
        file.by = "Li Na".to_owned();
        file.on = "2026-09-26".parse().expect("a date");
        let refused = consents::import(&house.app.book, &file, "t").await.expect_err("tomorrow").to_string();
        assert!(refused.contains("still to come"), "{refused}");
    }

    async fn an_agent_puts_one_down(database) {
        let house = House::open(database, &[NOW]).await;
        let book = &house.app.book;
        send(&house, vec![person("ann", json!({}))]).await;
        let ann = who(&house, "ann").await;
        let said = |granted| Said {
            customer: ann,
            channel: "Email".to_owned(),
            purpose: Purpose::Marketing,
            granted,
            at: None,
            evidence: "call 4711".to_owned(),
            text_version: None,
        };
        let made = consents::add(book, said(true), "wang").await.expect("put down");
        assert_eq!((made.state, made.channel.as_str()), ("granted", "email"));
        consents::add(book, said(false), "li").await.expect("another's word");
        assert_eq!(stands(&house, "ann").await, Some(Refused));
        let mut future = said(true);
        future.at = Some(Instant::MAX);
        assert!(consents::add(book, future, "wang").await.is_err());
        let mut bare = said(true);
        bare.evidence = " ".to_owned();
        assert!(consents::add(book, bare, "wang").await.is_err());
    }

    // Whatever came between: a batch taken back leaves what there would be without it.
    async fn importing_and_taking_back_is_never_having_imported(database) {
        let house = House::open(database, &[NOW]).await;
        let book = &house.app.book;
        let folder = tempfile::tempdir().expect("a folder");
        let users: Vec<String> = (0..24).flat_map(|n| [format!("a{n}"), format!("b{n}")]).collect();
        send(&house, users.iter().map(|user| person(user, json!({}))).collect()).await;
        // A small generator, so that the run is the same each time.
        let mut seed = 20_260_925_u64;
        let mut draw = move |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        let word = |n: u64| if n == 0 { "granted" } else { "denied" };
        let day = |n: u64| format!("2026-0{}-{:02}", 2 + n / 28, 1 + n % 28);
        let mut file = "customer_id,channel,state,at\n".to_owned();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for n in 0..24 {
            for _ in 0..=draw(3) {
                file += &format!("a{n},email,{},{}\n", word(draw(2)), day(draw(84)));
            }
            for into in [&mut before, &mut after] {
                if draw(3) > 0 {
                    // The instant names the message, so each is its own; both twins say the same.
                    let at = format!("{}T{:02}:{:02}:00Z", day(draw(84)), draw(24), draw(60));
                    let state = word(draw(2));
                    into.extend([says(&format!("a{n}"), state, &at), says(&format!("b{n}"), state, &at)]);
                }
            }
        }
        send(&house, before).await;
        let signed = signed(folder.path(), "all.csv", &file);
        let batch = consents::import(book, &signed, "t").await.expect("taken in").batch.expect("a batch");
        send(&house, after).await;
        let mut differed = 0;
        for n in 0..24 {
            differed += usize::from(stands(&house, &format!("a{n}")).await != stands(&house, &format!("b{n}")).await);
        }
        assert!(differed > 5, "the batch had said something: {differed}");
        consents::revoke(book, batch, "wrong file", "t").await.expect("taken back");
        for n in 0..24 {
            let (a, b) = (stands(&house, &format!("a{n}")).await, stands(&house, &format!("b{n}")).await);
            assert_eq!(a, b, "twins {n}");
        }
    }
}
