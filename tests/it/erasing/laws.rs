//! Whoever was erased is gone, whatever was said of them and wherever it stood: from every column, every byte of the file,
//! later copies, and earlier ones once they are restored. Others stay as they were, and so do the sums.

use super::planted::{Person, WHEN};
use super::{NOW, files_with, found, tell};
use crate::callbacks::scene::{Scene, claim};
use crate::support::book::{House, house_settings, source_of_facts};
use crate::support::door::{key, post, post_once};
use crate::support::invariants::{Workers, broken};
use crate::support::{TestDatabase, number, on_both_databases};
use domain::callback::{CallResult, Level};
use domain::ids::CustomerId;
use domain::problem::Problem;
use domain::time::MachineInstant;
use kinkeeper::app::App;
use kinkeeper::service::callbacks::{self, Outcome};
use kinkeeper::service::ingest::{self, Batch, Unreadable};
use kinkeeper::service::quarantine::{self, Which};
use kinkeeper::service::rebuild::{self, Mode};
use kinkeeper::service::suppressions::{self, Refusal};
use kinkeeper::service::{backup, consents, erasing, happened, identity, profile};
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use std::path::Path;

/// Random books a database.
const RUNS: u64 = 2;

async fn send_torn(app: &App, raw: String) {
    let source = source_of_facts(app).await;
    let batch = Batch { source, received_at: None, historical: false, events: vec![Value::Null] };
    let problem = Problem::new("", "bad_json", "isn't JSON");
    let torn = Unreadable { index: 0, message_id: None, raw, problem };
    let receipt = ingest::accept_with(&app.book.store, batch, vec![torn]).await.expect("taken in");
    assert_eq!(receipt.rejected.len(), 1);
}

/// All that senders and staff say of somebody.
async fn plant(house: &House, person: &mut Person, run: &str) -> CustomerId {
    let app = &house.app;
    let good = person.good(run);
    let receipt = tell(app, good.clone()).await;
    assert_eq!((receipt.accepted, receipt.rejected.len()), (good.len(), 0), "{receipt:#?}");
    let bad = person.bad(run);
    assert_eq!(tell(app, bad.clone()).await.rejected.len(), bad.len());
    send_torn(app, person.torn()).await;
    app.engine().drain_all().await.expect("kept");
    let id = profile::resolve(&app.book, &person.key()).await.expect("known");
    let note = format!("{} asks for {}", person.word(), person.name);
    happened::add_note(&app.book, id, &note, "sal").await.expect("noted");
    let evidence = format!("said {} on the line", person.word());
    let body = json!({"channel": "sms", "purpose": "survey", "state": "granted", "evidence": evidence});
    let (path, lead) = (format!("/api/v1/customers/{id}/consents"), key(app, "supervisor").await);
    let said = post_once(&app.router(), &path, &lead, &person.email, &body).await;
    assert_eq!(said.status, 201, "{:?}", said.body);
    let lines = quarantine::list(&app.book, &Which::default(), None, 100).await.expect("listed").items;
    let first = lines.iter().find(|line| line.message_id == Some(format!("bad 1 {run}"))).expect("refused");
    let reason = format!("about {}", person.word());
    quarantine::discard(&app.book, first.id, &reason, "sal").await.expect("put away");
    waiting(house, id, person).await;
    id
}

/// What the daemon itself keeps of what was said, while it waits.
async fn waiting(house: &House, id: CustomerId, person: &mut Person) {
    let db = house.database.url();
    let connection = Database::connect(db).await.expect("connects");
    let payload = json!({ "gift": person.word() }).to_string();
    let (key, word, id) = (person.id(), person.word(), id.0);
    for sql in [
        format!(
            "INSERT INTO trigger_queue (customer_id, kind, key, cause_at, origin_key, payload, due_at, fence, failed) \
             VALUES ({id}, 'event', 'k', 1, 'event:{key}', '{payload}', 9000000000000000000, 0, '{word}')"
        ),
        format!(
            "INSERT INTO campaign (key, state, trigger_kind, trigger_key, purpose, priority, created_at, changed_at) \
             VALUES ('c{id}', 'done', 'event', 'k', 'service', 1, 1, 1)"
        ),
        format!(
            "INSERT INTO enrollment (campaign_id, campaign_version_id, customer_id, occasion_key, arm, cause_at, entered_at, \
             step, state, payload, wake_at, ended_at, fence, detail) SELECT id, 1, {id}, 'o', 'treated', 1, 1, 0, 'failed', \
             '{payload}', 1, 1, 0, '{word}' FROM campaign WHERE key = 'c{id}'"
        ),
    ] {
        connection.execute_unprepared(&sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    connection.close().await.expect("closes");
}

async fn sums(app: &App, id: CustomerId) -> String {
    let view = profile::profile(&app.book, id).await.expect("read").expect("there");
    format!("{:?}", view.aggregates)
}

async fn checked(app: &App) {
    app.engine().drain_all().await.expect("kept");
    let mut differing = Vec::new();
    rebuild::run(&app.book, Mode::Check, &mut |d| differing.push(format!("{d:?}"))).await.expect("checked");
    assert_eq!(differing, Vec::<String>::new());
    // Of what was put there by hand nobody made sure that it can be.
    let broken = broken(app.book.store.reader(), Workers::Busy).await;
    let broken: Vec<String> = broken.into_iter().filter(|line| !line.contains(", enrollment ")).collect();
    assert_eq!(broken, Vec::<String>::new());
}

/// Everything in the files of the house and, on SQLite, in every byte of the book.
async fn bytes_of(house: &House, planted: &[&str]) -> Vec<String> {
    let later = tempfile::tempdir().expect("a folder");
    backup::back_up(&house.app.book, &later.path().join("later.db"), "cli:tester").await.expect("copied");
    let mut places = files_with(house.folder.path(), planted);
    places.extend(files_with(later.path(), planted));
    if let TestDatabase::Sqlite { file, .. } = &house.database {
        let connection = Database::connect(house.database.url()).await.expect("connects");
        connection.execute_unprepared("VACUUM").await.expect("vacuumed");
        connection.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.expect("checkpointed");
        places.extend(files_with(file.parent().expect("a folder"), planted));
    }
    places
}

async fn restored(house: &House, copy: &Path, database: &TestDatabase, folder: &Path) -> App {
    let now = MachineInstant::from_micros(0);
    let secrets = &house.app.book.secrets;
    backup::restore_file(copy, &database.url(), secrets, "cli:tester", now).await.expect("restored");
    App::open(house_settings(folder, &database.url(), &[])).await.expect("opens")
}

/// Said again, late, in the same words and in others, with and without an instant.
async fn say_again(app: &App, person: &mut Person, run: &str, before: &[Value]) {
    let mut late = person.good(&format!("{run}-late"));
    late.extend(
        person.bad(&format!("{run}-late")).into_iter().filter(|event| event["userId"] == person.user),
    );
    late.extend(before.iter().cloned());
    let undated = before.iter().cloned().map(|mut event| {
        event.as_object_mut().expect("an object").remove("timestamp");
        event
    });
    late.extend(undated);
    let receipt = tell(app, late).await;
    assert!(receipt.rejected.len() >= 2, "{receipt:?}");
    let word = person.word();
    send_torn(app, format!("{{\"userId\": {}, \"timestamp\": \"{WHEN}\", \"x\": \"{word}", person.user))
        .await;
    app.engine().drain_all().await.expect("kept");
}

async fn one_run(database: TestDatabase, seed: u64) {
    let house = House::open(database, &[NOW]).await;
    let app = &house.app;
    let (mut roe, mut twin, mut bob) =
        (Person::random(seed, 0), Person::random(seed, 1), Person::random(seed, 2));
    let merged_late = seed.is_multiple_of(2);
    let id = plant(&house, &mut roe, "roe").await;
    let other = plant(&house, &mut twin, "twin").await;
    // Bob lives with them, is called as the twin is, and said so in what was refused.
    let bobs = plant(&house, &mut bob, "bob").await;
    let street = "Platanenweg 3";
    let home = |user: &Value, n: &str| {
        json!({"type": "identify", "messageId": format!("home {n}"), "userId": user, "timestamp": WHEN,
               "traits": {"address": {"street": street}}})
    };
    let named = json!({"type": "track", "messageId": "about", "userId": bob.user, "event": "Order Completed", "timestamp": WHEN,
        "properties": {"total": "free", "note": format!("for kept-words {}", twin.name)}});
    assert_eq!(
        tell(app, vec![home(&roe.user, "roe"), home(&bob.user, "bob"), named]).await.rejected.len(),
        1
    );
    if !merged_late {
        identity::merge(&app.book, id, other, "cli:tester", Some("the same voice")).await.expect("one");
    }
    app.engine().drain_all().await.expect("kept");
    let earlier = tempfile::tempdir().expect("a folder");
    let copy = earlier.path().join("earlier.db");
    backup::back_up(&app.book, &copy, "cli:tester").await.expect("copied");
    let no = json!({"type": "track", "messageId": "no", "userId": bob.user, "event": "Consent Changed", "timestamp": "2026-09-02T00:00:00Z",
        "properties": {"channel": "email", "granted": false}});
    tell(app, vec![no]).await;
    if merged_late {
        identity::merge(&app.book, other, id, "cli:tester", Some("the same voice")).await.expect("one");
    }
    app.engine().drain_all().await.expect("kept");

    let theirs = [roe.planted(), twin.planted()].concat().into_iter().filter(|text| *text != twin.name);
    let mut planted: Vec<String> = theirs.map(str::to_owned).collect();
    let wanted: Vec<&str> = planted.iter().map(String::as_str).collect();
    let places = found(app, &wanted).await;
    let missed: Vec<&&str> =
        wanted.iter().filter(|w| !places.iter().any(|place| place.ends_with(**w))).collect();
    // A name in other capitals, a number as it was spelt: stored in one spelling.
    assert!(missed.len() <= 8, "what isn't stored proves nothing: {missed:?}");
    let kept: Vec<&str> = bob.planted().into_iter().chain([street, "kept-words"]).collect();
    let standing_before = found(app, &kept).await;
    let canonical = profile::resolve(&app.book, &roe.key()).await.expect("known");
    let (before, bobs_before) = (sums(app, canonical).await, sums(app, bobs).await);

    // A reason that names them is refused at every door; one that doesn't is kept.
    for reason in [
        format!("asked by {}", roe.name),
        format!("wrote from {}", twin.email_loud()),
        format!("{} rang", twin.phone()),
    ] {
        let refused = erasing::erase(&app.book, id, &reason, "cli:tester").await.expect_err(&reason);
        assert!(refused.to_string().contains("never removed"), "{refused}");
    }
    // Asked for by either's number.
    let asked = if seed.is_multiple_of(3) { other } else { id };
    let done = erasing::erase(&app.book, asked, "asked by letter", "cli:tester").await.expect("erased");
    assert_eq!((done.customer, done.already), (canonical, false));

    assert_eq!(found(app, &wanted).await, Vec::<String>::new());
    assert_eq!(bytes_of(&house, &wanted).await, Vec::<String>::new());
    assert!(standing_before.iter().any(|place| place.ends_with(street)), "{standing_before:?}");
    assert_eq!(found(app, &kept).await, standing_before, "who wasn't erased is known as before");
    assert_eq!((sums(app, canonical).await, sums(app, bobs).await), (before.clone(), bobs_before));
    checked(app).await;
    assert_eq!(sums(app, canonical).await, before);

    // Nothing that still comes of them is kept, in the log or among what is refused.
    let again: Vec<Value> = [roe.good("roe"), roe.bad("roe")].concat();
    let again: Vec<Value> = again.into_iter().filter(|event| event["userId"] == roe.user).collect();
    say_again(app, &mut roe, "roe", &again).await;
    planted.extend(roe.planted().into_iter().map(str::to_owned));
    let wanted: Vec<&str> = planted.iter().map(String::as_str).collect();
    assert_eq!(found(app, &wanted).await, Vec::<String>::new());
    assert_eq!(bytes_of(&house, &wanted).await, Vec::<String>::new());
    checked(app).await;

    // An earlier copy loses them, and takes nothing back that was refused since.
    let database = TestDatabase::sqlite();
    let older = restored(&house, &copy, &database, house.folder.path()).await;
    assert!(!found(&older, &wanted).await.is_empty(), "the copy has it");
    backup::replay(&older.book, &app.settings.refusals_log, "cli:tester").await.expect("replayed");
    assert_eq!(found(&older, &wanted).await, Vec::<String>::new());
    assert_eq!(found(&older, &kept).await, standing_before, "nor is anybody else gone there");
    let denied = consents::of_customer(&older.book, bobs).await.expect("read");
    assert!(denied.iter().any(|line| line.source == "refusals log" && line.channel == "email"), "{denied:?}");
    say_again(&older, &mut roe, "roe", &again).await;
    assert_eq!(found(&older, &roe.planted()).await, Vec::<String>::new());
    checked(&older).await;
}

on_both_databases! {
    async fn whoever_was_erased_is_gone_and_nobody_else(database) {
        let is_postgres = matches!(database, TestDatabase::Postgres(_));
        drop(database);
        for seed in 0..number("KINKEEPER_ERASING_RUNS", RUNS) {
            let database = if is_postgres { TestDatabase::postgres() } else { TestDatabase::sqlite() };
            one_run(database, seed).await;
        }
    }

    async fn an_earlier_copy_loses_those_who_were_one_and_keeps_those_who_were_parted(database) {
        let house = House::open(database, &[NOW]).await;
        let app = &house.app;
        let mut people: Vec<Person> = (0..4).map(|n| Person::random(40, n)).collect();
        let mut ids = Vec::new();
        for (n, person) in people.iter_mut().enumerate() {
            ids.push(plant(&house, person, &format!("p{n}")).await);
        }
        // In the copy 0 and 1 are one, and so are 2 and 3; then all of them part, and 0 becomes one with 3.
        for (into, from) in [(0, 1), (3, 2)] {
            identity::merge(&app.book, ids[into], ids[from], "cli:tester", None).await.expect("one");
        }
        let earlier = tempfile::tempdir().expect("a folder");
        let copy = earlier.path().join("earlier.db");
        backup::back_up(&app.book, &copy, "cli:tester").await.expect("copied");
        for parted in [1, 2] {
            identity::unmerge(&app.book, ids[parted], "cli:tester", None).await.expect("parted");
        }
        identity::merge(&app.book, ids[0], ids[2], "cli:tester", None).await.expect("one");
        let kept: Vec<String> = [&people[1], &people[3]].iter().flat_map(|person| person.planted()).map(str::to_owned).collect();
        let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
        let before = found(app, &kept).await;
        erasing::erase(&app.book, ids[2], "asked by letter", "cli:tester").await.expect("erased");
        let gone = [people[0].planted(), people[2].planted()].concat();
        assert_eq!(found(app, &gone).await, Vec::<String>::new());
        assert_eq!(found(app, &kept).await, before);

        let database = TestDatabase::sqlite();
        let older = restored(&house, &copy, &database, house.folder.path()).await;
        let before = found(&older, &kept).await;
        let replayed = backup::replay(&older.book, &app.settings.refusals_log, "cli:tester").await.expect("replayed");
        assert_eq!(found(&older, &gone).await, Vec::<String>::new());
        assert_eq!(found(&older, &kept).await, before, "{replayed:?}");
        for n in [1, 3] {
            assert_eq!(profile::resolve(&older.book, &people[n].key()).await.expect("known"), ids[n]);
        }
        checked(&older).await;
        let again = backup::replay(&older.book, &app.settings.refusals_log, "cli:tester").await.expect("replayed");
        assert_eq!(again.added, 0, "a second time changes nothing");
    }

    async fn what_is_written_of_somebody_who_was_erased_meanwhile_isnt_kept(database) {
        let s = Scene::open(database).await;
        let jo = s.agent("jo", Level::Junior).await;
        let (hers, other) = (s.customer().await, s.customer().await);
        let sql = "INSERT INTO identifier (customer_id, kind, namespace, value) VALUES ($1, 'email', '', 'gossa.mer@example.com')";
        s.run(sql, vec![hers.0.into()]).await;
        let told = |word: &str| {
            let said = json!({"resolved": "yes", "feedback": {"about": "the parcel", "text": format!("{word} is thin")}});
            Outcome::Reached(serde_json::from_value::<CallResult>(said).expect("a result"))
        };
        // One call is over when she is forgotten, the next one runs.
        s.create(s.reason("t:1", hers, "05-04 09:00", "05-06 18:00")).await;
        s.route().await;
        let view = s.got(jo).await;
        let refused = callbacks::decline(&s.book, claim(jo, &view), Some("gossa.mer@example.com again".to_owned())).await;
        assert!(refused.expect_err("names her").to_string().contains("never removed"));
        s.start(jo, &view).await.expect("started");
        callbacks::outcome(&s.book, claim(jo, &view), told("gossamer")).await.expect("told");
        s.create(s.reason("t:2", hers, "05-04 09:00", "05-06 18:00")).await;
        s.route().await;
        let view = s.got(jo).await;
        s.start(jo, &view).await.expect("started");
        assert_eq!(found(&s.house.app, &["gossamer"]).await, ["callback.result: gossamer"]);
        erasing::erase(&s.book, hers, "asked by letter", "cli:tester").await.expect("erased");
        callbacks::outcome(&s.book, claim(jo, &view), told("cobweb")).await.expect("told");
        assert_eq!(found(&s.house.app, &["gossa", "cobweb"]).await, Vec::<String>::new());
        assert_eq!(s.number("SELECT COUNT(*) FROM callback WHERE state = 'completed'").await, 2);
        let late = happened::add_note(&s.book, hers, "asks for gossamer", "jo").await.expect_err("erased");
        assert!(late.to_string().contains("was erased"), "{late}");
        happened::add_note(&s.book, other, "asks for cobweb", "jo").await.expect("noted");
    }

    async fn a_reason_that_names_its_person_is_refused_at_every_door(database) {
        let house = House::open(database, &[NOW]).await;
        let app = &house.app;
        let mut roe = Person::random(7, 0);
        let id = plant(&house, &mut roe, "roe").await;
        let admin = key(app, "admin").await;
        for (reason, status) in [(format!("asked by {}", roe.name), 422), (roe.email_loud(), 422), ("asked by letter".to_owned(), 200)] {
            let body = json!({ "reason": reason });
            let answer = post(&app.router(), &format!("/api/v1/customers/{id}/reveal"), &admin, &body).await;
            assert_eq!(answer.status, status, "{reason}: {:?}", answer.body);
        }
        let refusal = Refusal { email: roe.email.clone(), reason: format!("{} asked", roe.email_loud()) };
        let refused = suppressions::add(&app.book, &[refusal], "sal").await.expect_err("repeats the address");
        assert!(refused.to_string().contains("repeats the address"), "{refused}");
        let lines = quarantine::list(&app.book, &Which::default(), None, 100).await.expect("listed").items;
        let theirs = lines.iter().find(|line| line.message_id.as_deref() == Some("bad 6 roe#refused")).expect("refused");
        let refused = quarantine::discard(&app.book, theirs.id, &format!("{} again", roe.id()), "sal").await;
        assert!(refused.expect_err("names them").to_string().contains("never removed"));
        assert_eq!(found(app, &["asked by Ros", "again"]).await, Vec::<String>::new());
        let logged = "SELECT COUNT(*) FROM audit WHERE action = 'customer.revealed'";
        assert_eq!(house.lines(logged).await, ["1"]);
    }
}
