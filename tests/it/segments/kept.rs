//! Members by fact, by time, by a new version, through a merge and a rebuild; and that no list of tags shows them.

use super::{DEAR, HISTORY, RECENT, STAND, keep, keep_at, order, who};
use crate::support::care::Care;
use crate::support::invariants::{self, Workers};
use crate::support::on_both_databases;
use kinkeeper::service::apply::{self, Input};
use kinkeeper::service::publishing::{self, Only, Reach};
use kinkeeper::service::{ServiceError, identity, profile, profiles, rebuild, tags};

pub(super) async fn sound(care: &Care) {
    let book = &care.house.app.book;
    let same = rebuild::run(book, rebuild::Mode::Check, &mut |d| println!("{d:?}")).await.expect("looked");
    assert_eq!(same.differences, 0, "{same:?}");
    let broken = invariants::broken(book.store.reader(), Workers::AtRest).await;
    assert_eq!(broken, Vec::<String>::new());
}

fn is_tag(key: &str) -> bool {
    key != "recent" && !key.contains(':')
}

on_both_databases! {
    async fn somebody_enters_by_a_fact_leaves_as_time_passes_and_comes_back_by_a_rule(database) {
        let care = Care::open(database).await;
        care.apply(&format!("{RECENT}---\n{DEAR}")).await;
        care.house.send(vec![order("u1", "2011-12-20T12:00:00Z", 2_000), order("u2", "2011-10-01T12:00:00Z", 10)]).await;
        keep(&care).await;
        // The one on demand has no members, and who is in none has no row.
        assert_eq!(care.house.lines(STAND).await, ["u1|segment:recent|true"]);
        let row = care.house.lines("SELECT since, source, rule_version, evidence FROM tag_current WHERE key = 'segment:recent'").await;
        assert!(row[0].starts_with("1324382400000000|computed|1|{\"last_order_at\":\"2011-12-20T12:00:00Z\""), "{row:?}");
        sound(&care).await;
        keep_at(&care, "2012-01-19T11:59:59Z").await;
        assert_eq!(care.house.lines(STAND).await.len(), 1);
        keep_at(&care, "2012-01-19T12:00:00Z").await;
        assert_eq!(care.house.lines(STAND).await, Vec::<String>::new());
        let mut told = vec!["segment:recent|-|true|event".to_owned(), "segment:recent|true|-|time".to_owned()];
        // u2 was in it before anybody looked: never kept, walked from their first fact on.
        assert_eq!(care.house.lines(HISTORY).await, told);
        care.apply(&RECENT.replace("30d", "60d")).await;
        keep(&care).await;
        told.push("segment:recent|-|true|rule".to_owned());
        assert_eq!(care.house.lines(HISTORY).await, told);
        let last = "SELECT historical, rule_version FROM tag_history WHERE key = 'segment:recent' ORDER BY id DESC LIMIT 1";
        assert_eq!(care.house.lines(last).await, ["1|2"]);
        sound(&care).await;
    }

    async fn a_merge_keeps_what_the_facts_of_both_say(database) {
        let care = Care::open(database).await;
        care.apply(&DEAR.replace("on_demand", "live")).await;
        care.house.send(vec![order("u1", "2011-12-20T12:00:00Z", 600), order("u2", "2011-12-21T12:00:00Z", 600)]).await;
        keep(&care).await;
        assert_eq!(care.house.lines(STAND).await, Vec::<String>::new());
        let (one, two) = (who(&care, "u1").await, who(&care, "u2").await);
        let book = &care.house.app.book;
        identity::merge(book, one, two, "test", None).await.expect("merged");
        keep(&care).await;
        assert_eq!(care.house.lines(STAND).await, ["u1|segment:dear|true", "u2|segment:dear|true"], "both names of one");
        assert_eq!(care.house.lines(HISTORY).await, ["segment:dear|-|true|merge"]);
        sound(&care).await;
        identity::unmerge(book, two, "test", None).await.expect("parted");
        keep(&care).await;
        assert_eq!(care.house.lines(STAND).await, Vec::<String>::new());
        sound(&care).await;
    }

    async fn no_list_of_tags_shows_a_segment(database) {
        let care = Care::open(database).await;
        care.apply(RECENT).await;
        care.house.send(vec![order("u1", "2011-12-20T12:00:00Z", 2_000)]).await;
        keep(&care).await;
        let (book, id) = (&care.house.app.book, who(&care, "u1").await);
        let view = profile::profile(book, id).await.expect("read").expect("there");
        assert!(view.tags.iter().all(|tag| is_tag(&tag.key)), "{:?}", view.tags);
        assert!(view.absent_tags.iter().all(|tag| is_tag(&tag.key)));
        let [segment] = &view.segments[..] else { panic!("one: {:?}", view.segments) };
        assert_eq!((segment.key.as_str(), segment.stands, segment.version), ("recent", "member", 1));
        assert_eq!(segment.why.en, "in Recent buyers since 2011-12-20: the last counted order was less than 30d ago \
            (the last counted order: 2011-12-20, order: retail:u1-2011-12-20T12:00:00Z).");
        assert_eq!(segment.next_at.map(|at| at.to_string()), Some("2012-01-19T12:00:00Z".to_owned()));
        assert!(tags::list(book).await.expect("listed").iter().all(|tag| is_tag(&tag.key)));
        assert!(profiles::tag_keys(book).await.expect("listed").iter().all(|key| is_tag(key)));
    }

    async fn publishing_shows_who_enters_and_refuses_what_goes_round(database) {
        let care = Care::open(database).await;
        care.apply(&format!("{RECENT}---\n{DEAR}")).await;
        care.house.send(vec![order("u1", "2011-12-20T12:00:00Z", 600), order("u2", "2011-10-21T12:00:00Z", 1_600)]).await;
        let book = &care.house.app.book;
        let input = |text: String| [Input { name: "s.yaml".to_owned(), text, kind: None }];
        let wider = format!("{}---\n{}", RECENT.replace("30d", "90d"), DEAR.replace("1000.00", "500.00"));
        let draft = publishing::draft(book, &input(wider), Only::Segments).await.expect("sound");
        let seen = publishing::preview(book, &draft, Reach::Whole).await.expect("looked");
        assert!(seen.tags.is_empty());
        let told: Vec<_> = seen.segments.iter().map(|s| {
            let value = &s.values[0];
            (s.key.as_str(), s.why.as_str(), value.before, value.after, value.enters, value.leaves)
        }).collect();
        assert_eq!(told, [("dear", "changed", 1, 2, 1, 0), ("recent", "changed", 1, 2, 1, 0)]);
        let tag = "kind: tag\nkey: t\nname: { en: T, zh-CN: 签 }\nrule: { segment: recent }\n";
        let round = format!("{}---\n{tag}", RECENT.replace("{ profile: last_order_at, within: 30d }", "{ not: { tag: t } }"));
        let Err(ServiceError::Invalid(found)) = apply::prepare(book, &input(round)).await else { panic!("goes round") };
        assert_eq!(found[0].code, "cycle");
        assert_eq!(found[0].detail, "tags and segments depend on each other in a circle: segment recent → tag t → segment recent; \
            break it at one of them");
        let Err(ServiceError::Invalid(found)) = publishing::draft(book, &input(tag.to_owned()), Only::Segments).await.map(drop) else { panic!("a tag") };
        assert_eq!(found[0].code, "other_kind");
    }
}
