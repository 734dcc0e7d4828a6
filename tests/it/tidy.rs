//! The house's rules, read off the sources: which room may name which, and how a file has to look.
//!
//! What isn't checked here is checked by Cargo (crates), clippy (clocks, randomness, transactions) or
//! by the test of licences. Each rule is also seen to bite on a planted violation.

mod imports;
mod rules;
mod source;

use source::Source;
use std::path::Path;

#[test]
fn the_tree_keeps_the_rules() {
    let files = source::read_tree(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(files.iter().filter(|f| f.is_rust()).count() > 10, "the sources weren't found");
    let found = rules::violations(&files);
    assert!(found.is_empty(), "{} violation(s):\n{}", found.len(), found.join("\n"));
}

/// The violations of one file with the header every file needs.
fn planted(path: &str, code: &str) -> Vec<String> {
    rules::violations(&[Source::new(path, &format!("//! Planted.\n{code}\n"))])
}

#[test]
fn an_arrow_that_points_up_is_seen() {
    assert_eq!(
        planted("src/store/orders.rs", "use crate::service::ingest;"),
        ["src/store/orders.rs:2: store names service, which lies above it"]
    );
    assert_eq!(planted("src/delivery/smtp.rs", "fn f() { crate::worker::wake() }").len(), 1);
    assert_eq!(planted("src/settings/mod.rs", "use super::{store, system};").len(), 1);
    assert_eq!(planted("src/cli/serve.rs", "use crate::{app, store, worker};"), Vec::<String>::new());
}

#[test]
fn doors_reach_neither_the_store_nor_a_channel_nor_each_other() {
    for door in ["http", "console"] {
        for room in ["store", "delivery"] {
            let code = format!("use crate::{room}::x;");
            assert_eq!(planted(&format!("src/{door}/v1/a.rs"), &code).len(), 1, "{door} {room}");
        }
    }
    assert_eq!(planted("src/http/a.rs", "use crate::console::page;").len(), 1);
    assert_eq!(planted("src/console/a.rs", "use crate::http::auth;").len(), 1);
    assert_eq!(planted("src/http/a.rs", "use crate::service::callbacks;"), Vec::<String>::new());
}

#[test]
fn only_the_store_speaks_to_a_database() {
    for code in ["use sea_orm::DbErr;", "use ::entity::customer;", "fn f(p: sqlx::PgPool) {}"] {
        for path in ["src/service/a.rs", "src/http/a.rs", "src/app.rs", "domain/src/a.rs"] {
            assert_eq!(planted(path, code).len(), 1, "{path}: {code}");
        }
        for path in ["src/store/a.rs", "tests/it/a.rs"] {
            assert_eq!(planted(path, code), Vec::<String>::new(), "{path}: {code}");
        }
    }
    assert_eq!(planted("migration/src/a.rs", "use entity::customer;").len(), 1);
    assert_eq!(planted("migration/src/a.rs", "use sea_orm_migration::prelude::*;"), Vec::<String>::new());
}

#[test]
fn a_circle_is_seen_however_long() {
    let file = |path: &str, room: &str| Source::new(path, &format!("//! Planted.\nuse crate::{room}::x;\n"));
    let two = [file("src/worker/a.rs", "service"), file("src/service/a.rs", "worker")];
    assert_eq!(rules::violations(&two), ["rooms in a circle: service → worker → service"]);
    let three = [
        file("src/app.rs", "http"),
        file("src/http/a.rs", "forecast"),
        file("src/forecast/a.rs", "app"),
        file("src/cli/a.rs", "app"),
    ];
    assert_eq!(rules::violations(&three), ["rooms in a circle: app → http → forecast → app"]);
}

#[test]
fn a_room_nobody_drew_is_seen() {
    assert_eq!(planted("src/misc/a.rs", ""), ["src/misc/a.rs: `misc` is no room of ARCHITECTURE.md"]);
}

#[test]
fn the_domain_is_pure() {
    for code in ["use std::fs;", "async fn f() {}", "fn f() { chrono::Utc::now(); }", "fn f() { g().await }"]
    {
        assert_eq!(planted("domain/src/a.rs", code).len(), 1, "{code}");
    }
    assert_eq!(planted("domain/src/a.rs", "#[cfg(test)]\nmod tests { use std::fs; }"), Vec::<String>::new());
    let manifest =
        Source::new("domain/Cargo.toml", "[dependencies]\nserde.workspace = true\ntokio = \"1\"\n");
    assert_eq!(rules::violations(&[manifest]).len(), 1);
}

#[test]
fn a_file_says_what_it_is_for_and_stays_short() {
    let bare = Source::new("src/app.rs", "use std::fmt;\n");
    assert_eq!(rules::violations(&[bare]).len(), 1);
    assert_eq!(planted("src/app.rs", &"//\n".repeat(598)), Vec::<String>::new());
    assert_eq!(planted("src/app.rs", &"//\n".repeat(599)).len(), 1);
    for name in ["util", "test_helpers", "common", "lease_manager"] {
        assert_eq!(planted(&format!("src/store/{name}.rs"), "").len(), 1, "{name}");
        assert_eq!(planted(&format!("src/store/{name}/a.rs"), "").len(), 1, "{name}");
    }
    assert_eq!(planted("src/store/communal.rs", ""), Vec::<String>::new());
}

#[test]
fn clippys_bans_are_lifted_in_two_places_only() {
    let code = "#[allow(clippy::disallowed_methods)]\nfn f() {}";
    assert_eq!(planted("src/service/a.rs", code).len(), 1);
    assert_eq!(planted("src/system.rs", code), Vec::<String>::new());
    assert_eq!(planted("src/store/write.rs", code), Vec::<String>::new());
}

#[test]
fn a_machines_folder_is_seen_and_a_web_address_is_not() {
    let line = |text: &str| rules::violations(&[Source::new("README.md", text)]).len();
    assert_eq!(line(concat!("see /ho", "me/me/notes")), 1);
    assert_eq!(line(concat!("`/wo", "rk/x`")), 1);
    assert_eq!(line(concat!("https://example.org/wo", "rk/x")), 0);
}
