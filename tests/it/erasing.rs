//! Forgetting a person: nothing personal is left in any table, file or later copy, and nothing brings it back.

mod laws;
mod planted;

use crate::support::book::{House, house_settings, source_of_facts};
use crate::support::care::{Care, Plan, christmas};
use crate::support::{TestDatabase, on_both_databases};
use domain::ids::CustomerId;
use kinkeeper::app::App;
use kinkeeper::service::ingest::{self, Batch, Receipt};
use kinkeeper::service::{backup, erasing, happened, identity, looking, personal_copy, profile};
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};
use std::path::Path;

const NOW: &str = "clock=2026-09-25T10:00:00+08:00";

/// What must not be found anywhere afterwards: as they are stored, so that no form of them is overlooked.
const PLANTED: [&str; 9] = [
    "user-roe-7731",
    "anon-roe-7731",
    "Roesmarie",
    "roesmarie.q@example.com",
    "+8613812345678",
    "13812345678",
    "Platanenweg",
    "gossamer",
    "1987-06-05",
];

pub(crate) async fn tell(app: &App, events: Vec<Value>) -> Receipt {
    let source = source_of_facts(app).await;
    let batch = Batch { source, received_at: None, historical: false, events };
    ingest::accept(&app.book.store, batch).await.expect("taken in")
}

/// A person of whom everything is known, in every place where it is kept.
async fn plant(app: &App) -> CustomerId {
    let when = "2026-09-01T00:00:00Z";
    let identify = json!({"type": "identify", "messageId": "i1", "userId": "user-roe-7731", "anonymousId": "anon-roe-7731", "timestamp": when,
        "traits": {"name": "Roesmarie Quill", "email": "roesmarie.q@example.com", "phone": "13812345678", "birthday": "1987-06-05",
                   "address": {"street": "Platanenweg 3"}, "likes": "gossamer", "timezone": "Asia/Shanghai",
                   "consents": {"email": {"marketing": "granted"}}}});
    let order = json!({"type": "track", "messageId": "o1", "userId": "user-roe-7731", "event": "Order Completed", "timestamp": when,
        "properties": {"order_id": "A-1", "total": "300.00", "shipping_address": {"street": "Platanenweg 3"}}});
    let review = json!({"type": "track", "messageId": "r1", "userId": "user-roe-7731", "event": "Product Reviewed", "timestamp": when,
        "properties": {"review_id": "R1", "product_id": "P1", "rating": 2, "body": "as thin as gossamer"}});
    let broken = json!({"type": "track", "messageId": "b1", "userId": "user-roe-7731", "event": "Order Completed", "timestamp": when,
        "properties": {"order_id": "A-2", "total": "free", "note": "gossamer"}});
    let receipt = tell(app, vec![identify, order, review, broken]).await;
    assert_eq!((receipt.accepted, receipt.rejected.len()), (3, 1), "{receipt:?}");
    app.engine().drain_all().await.expect("kept");
    let id = profile::resolve(&app.book, "user_id:user-roe-7731").await.expect("known");
    happened::add_note(&app.book, id, "Roesmarie asks for gossamer", "sal").await.expect("noted");
    id
}

/// Where one of these stands in any text of any table.
pub(crate) async fn found(app: &App, wanted: &[&str]) -> Vec<String> {
    let db = app.book.store.reader();
    let all = async |sql: String| {
        db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("read")
    };
    let columns = match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => {
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'text'"
        }
        _ => {
            "SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND c.type = 'TEXT'"
        }
    };
    let mut places = Vec::new();
    for row in all(columns.to_owned()).await {
        let place: String = row.try_get_by_index(0).expect("a text");
        let (table, column) = place.split_once('.').expect("table.column");
        let rows = all(format!("SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL")).await;
        let cells: Vec<String> = rows
            .iter()
            .map(|row| row.try_get_by_index::<String>(0).expect("a text").to_lowercase())
            .collect();
        let stands = |text: &&&str| cells.iter().any(|cell| cell.contains(&text.to_lowercase()));
        places.extend(wanted.iter().filter(stands).map(|text| format!("{place}: {text}")));
    }
    places.sort();
    places
}

/// The files below a folder in whose bytes one of these stands.
pub(crate) fn files_with(folder: &Path, wanted: &[&str]) -> Vec<String> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            places.extend(files_with(&path, wanted));
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        for text in wanted.iter().filter(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
        {
            places.push(format!("{}: {text}", path.display()));
        }
    }
    places
}

on_both_databases! {
    async fn a_persons_copy_has_all_of_it_and_nothing_of_others(database) {
        let house = House::open(database, &[NOW, "shop.name=Tea & Co"]).await;
        let app = &house.app;
        let id = plant(app).await;
        let somebody_else = json!({"type": "identify", "messageId": "i2", "userId": "u2", "traits": {"name": "Xenobia", "likes": "tea"}});
        tell(app, vec![somebody_else]).await;
        // They are one with whom they merged with, and so is their copy.
        let twin = json!({"type": "identify", "messageId": "i3", "userId": "twin", "traits": {"likes": "<b>zither</b>"}});
        tell(app, vec![twin]).await;
        let other = profile::resolve(&app.book, "user_id:twin").await.expect("known");
        identity::merge(&app.book, id, other, "cli:tester", None).await.expect("one");
        app.engine().drain_all().await.expect("kept");

        let copy = personal_copy::make(&app.book, other, "key:lee").await.expect("made");
        assert_eq!(copy.customer, id);
        let text = json!(copy).to_string();
        let page = copy.page().expect("a page");
        for planted in PLANTED.into_iter().filter(|planted| *planted != "13812345678") {
            assert!(text.contains(planted), "{planted}: {text}");
            assert!(page.contains(planted), "{planted}: {page}");
        }
        assert!(!text.contains("Xenobia") && !page.contains("Xenobia"));
        assert!(page.contains("Tea &amp; Co") && page.contains("&lt;b&gt;zither") && !page.contains("<b>zither"), "{page}");
        assert_eq!(copy.held["orders"][0]["total"], json!({"amount": "300.00", "currency": "CNY"}));
        assert_eq!(copy.held["person"][0]["traits"]["likes"], "<b>zither</b>");
        assert_eq!(copy.held["notes"][0]["text"], "Roesmarie asks for gossamer");
        let looks = looking::list(&app.book, id, None, 10).await.expect("read");
        assert!(looks.items.iter().any(|look| (look.act, look.actor.as_str()) == ("exported", "key:lee")));

        erasing::erase(&app.book, id, "asked", "cli:tester").await.expect("erased");
        let late = personal_copy::make(&app.book, id, "key:lee").await.expect_err("nothing is held");
        assert!(late.to_string().contains("was erased"), "{late}");
    }

    async fn nothing_personal_is_left_of_whoever_was_erased(database) {
        let house = House::open(database, &[NOW]).await;
        let app = &house.app;
        let id = plant(app).await;
        let somebody_else = json!({"type": "identify", "messageId": "i2", "userId": "u2", "traits": {"name": "Xenobia", "likes": "tea"}});
        tell(app, vec![somebody_else]).await;
        let planted = found(app, &PLANTED).await;
        for table in ["identifier", "contact_point", "customer_personal", "event_personal", "name_part", "note", "quarantine"] {
            assert!(planted.iter().any(|place| place.starts_with(&format!("{table}."))), "{table}: {planted:#?}");
        }

        let done = erasing::erase(&app.book, id, "asked", "cli:tester").await.expect("erased");
        assert_eq!((done.customer, done.suppressed, done.already), (id, 2, false));
        assert_eq!(found(app, &PLANTED).await, Vec::<String>::new());
        assert_eq!(found(app, &["Xenobia"]).await.len(), 4, "who wasn't erased is known as before");
        // The sums stay, under a number.
        let view = profile::profile(&app.book, id).await.expect("read").expect("there");
        assert_eq!((view.aggregates.orders_ever, view.name, view.identifiers.len()), (1, None, 0));
        assert!(view.warnings.iter().any(|w| w.code == "erased"), "{:?}", view.warnings);
        let again = erasing::erase(&app.book, id, "asked again", "cli:tester").await.expect("told");
        assert!(again.already && again.erased_at == done.erased_at);

        // What comes late is dropped; who comes back is somebody new.
        let late = json!({"type": "track", "messageId": "late", "userId": "user-roe-7731", "event": "Order Completed",
            "timestamp": "2026-09-20T00:00:00Z", "properties": {"order_id": "A-9", "total": "10.00"}});
        let unknown = json!({"type": "identify", "messageId": "late2", "anonymousId": "anon-roe-7731", "timestamp": "2026-09-20T00:00:00Z",
            "traits": {"email": "roesmarie.q@example.com"}});
        let receipt = tell(app, vec![late.clone(), unknown]).await;
        assert_eq!((receipt.accepted, receipt.duplicate, receipt.rejected.len()), (2, 0, 0));
        assert_eq!(found(app, &PLANTED).await, Vec::<String>::new());
        let mut back = late;
        back["timestamp"] = json!("2026-09-25T02:00:00.000001Z");
        back["messageId"] = json!("back");
        assert_eq!(tell(app, vec![back]).await.accepted, 1);
        let new = profile::resolve(&app.book, "user_id:user-roe-7731").await.expect("known again");
        assert_ne!(new, id);
    }

    async fn the_mails_kept_as_files_go_too_if_need_be_at_a_second_try(database) {
        let care = Care::open(database).await;
        care.customers(1..=2).await;
        for customer in [1, 2] {
            care.plan(Plan::festival(customer)).await;
        }
        care.dispatch_at(christmas("10:00")).await;
        let book = &care.house.app.book;
        let day = book.mail_dir.join("2011-12-25");
        assert_eq!((care.mailed().len(), files_with(&book.mail_dir, &["c1@example.com"]).len()), (2, 2));

        // Something that can't be removed stands where the mail stood.
        let mail = files_with(&day, &["c1@example.com"]).remove(0);
        let mail = day.join(Path::new(mail.rsplit_once(": ").expect("a path").0).file_name().expect("a name"));
        let text = std::fs::read(&mail).expect("a mail");
        std::fs::remove_file(&mail).expect("removed");
        std::fs::create_dir(&mail).expect("made");
        let refused = erasing::erase(book, CustomerId(1), "asked", "cli:tester").await.expect_err("a folder");
        assert!(refused.to_string().contains("erase once more"), "{refused}");
        std::fs::remove_dir(&mail).expect("removed");
        std::fs::write(&mail, text).expect("back");

        let again = erasing::erase(book, CustomerId(1), "asked", "cli:tester").await.expect("erased");
        assert_eq!((again.already, again.mails_removed), (true, 1));
        assert_eq!(files_with(&book.mail_dir, &["c1@example.com"]), Vec::<String>::new());
        // The other's mail and line are as they were.
        assert_eq!(care.mails().len(), 1);
        assert_eq!(care.mailed(), ["", "c2@example.com"]);
    }

    async fn no_file_and_no_later_copy_has_it(database) {
        let house = House::open(database, &[NOW]).await;
        let app = &house.app;
        let id = plant(app).await;
        let earlier = house.folder.path().join("earlier.db");
        backup::back_up(&app.book, &earlier, "cli:tester").await.expect("copied");
        assert!(!files_with(house.folder.path(), &PLANTED).is_empty(), "the copy has it");
        let kept = tempfile::tempdir().expect("a folder");
        std::fs::rename(&earlier, kept.path().join("earlier.db")).expect("put elsewhere");

        erasing::erase(&app.book, id, "asked", "cli:tester").await.expect("erased");
        backup::back_up(&app.book, &house.folder.path().join("later.db"), "cli:tester").await.expect("copied");
        assert_eq!(files_with(house.folder.path(), &PLANTED), Vec::<String>::new());
        if let TestDatabase::Sqlite { file, .. } = &house.database {
            let connection = Database::connect(house.database.url()).await.expect("connects");
            connection.execute_unprepared("VACUUM").await.expect("vacuumed");
            connection.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.expect("checkpointed");
            assert_eq!(files_with(file.parent().expect("a folder"), &PLANTED), Vec::<String>::new());
        }

        // The earlier copy loses it when it is restored, and doesn't take up with them again.
        let other = TestDatabase::sqlite();
        let now = domain::time::MachineInstant::from_micros(0);
        let copy = kept.path().join("earlier.db");
        backup::restore_file(&copy, &other.url(), &app.book.secrets, "cli:tester", now).await.expect("restored");
        let restored = App::open(house_settings(house.folder.path(), &other.url(), &[])).await.expect("opens");
        assert!(!found(&restored, &PLANTED).await.is_empty());
        let replayed = backup::replay(&restored.book, &app.settings.refusals_log, "cli:tester").await.expect("replayed");
        assert!(replayed.added >= 3, "{replayed:?}");
        assert_eq!(found(&restored, &PLANTED).await, Vec::<String>::new());
        let late = json!({"type": "identify", "messageId": "late", "userId": "user-roe-7731", "timestamp": "2026-09-20T00:00:00Z",
            "traits": {"name": "Roesmarie"}});
        assert_eq!(tell(&restored, vec![late]).await.accepted, 1);
        assert_eq!(found(&restored, &PLANTED).await, Vec::<String>::new());
    }
}
