//! The cases of the rules, one by one.

use super::*;
use crate::ids::CustomerId;

struct Log {
    known: Known,
    next: i64,
}

impl Log {
    fn new() -> Self {
        Self { known: Known::default(), next: 0 }
    }

    fn event(&mut self, given: Given<'_>) -> Decision {
        let next = &mut self.next;
        self.known.decide(&names(given, "main"), || {
            *next += 1;
            CustomerId(*next)
        })
    }

    fn who(&mut self, given: Given<'_>) -> i64 {
        let customer = self.event(given).customer;
        self.known.canonical(customer).0
    }
}

fn user(id: &str) -> Given<'_> {
    Given { user_id: Some(id), ..Given::default() }
}

const PHONE: &str = "13912345678";

#[test]
fn what_identifies_and_what_never_does() {
    let one = |given| names(given, "main").first().map(|n| (n.kind, n.scope.clone(), n.value.clone()));
    let is = |kind, scope: &str, value: &str| Some((kind, scope.to_owned(), value.to_owned()));
    assert_eq!(one(user("12346")), is(Kind::UserId, "main", "12346"));
    assert_eq!(one(user("Taobao: 林小姐88")), is(Kind::External, "taobao", "林小姐88"));
    assert_eq!(one(user("main:7")), is(Kind::UserId, "main", "main:7"), "no platform we know");
    assert_eq!(one(user("phone:139 1234 5678")), is(Kind::Phone, "", "+8613912345678"));
    assert_eq!(one(user("email:Lin@Example.com")), is(Kind::Email, "", "lin@example.com"));
    assert_eq!(one(user("phone:home")), is(Kind::UserId, "main", "phone:home"), "no number");
    for name in names(Given { user_id: Some("jd:7"), phone: Some(PHONE), ..Given::default() }, "main") {
        let said = in_place_of_user_id(name.kind, &name.scope, &name.value).expect("can stand there");
        assert_eq!(names(user(&said), "main"), [name], "reads back");
    }
    assert_eq!(one(user("taobao:林**")), None, "a masked nick names nobody");
    let phone = |phone| one(Given { phone: Some(phone), ..Given::default() });
    assert_eq!(phone("139 1234 5678"), is(Kind::Phone, "", "+8613912345678"));
    for nobody in [
        "13800000000",
        "+86 138 0013 8000",
        "139****5678",
        "13912345678-1234",
        "4008208820",
        "95588",
        "12345",
    ] {
        assert_eq!(phone(nobody), None, "{nobody}");
    }
    let email = |email| one(Given { email: Some(email), ..Given::default() });
    assert_eq!(email(" Lin@Example.com "), is(Kind::Email, "", "lin@example.com"));
    for nobody in ["test@test.com", "l***@example.com", "lin"] {
        assert_eq!(email(nobody), None, "{nobody}");
    }
    let external = vec!["jd:7".to_owned(), "no colon".to_owned(), ":7".to_owned(), "jd:".to_owned()];
    let found = names(Given { external_ids: &external, ..Given::default() }, "main");
    assert_eq!(found.len(), 1);
}

#[test]
fn an_anonymous_id_is_whose_it_was_first() {
    let mut log = Log::new();
    let both = |user, anonymous| Given { user_id: user, anonymous_id: Some(anonymous), ..Given::default() };
    assert_eq!(log.who(both(None, "a")), 1);
    assert_eq!(log.who(both(Some("u"), "a")), 1, "the first user id beside it becomes theirs");
    assert_eq!(log.who(both(Some("v"), "a")), 2, "another user is another person");
    assert_eq!(log.who(both(None, "a")), 1);
    let later = log.event(both(Some("v"), "b"));
    assert_eq!((later.customer.0, later.merges, later.candidates), (2, vec![], vec![]));
}

#[test]
fn two_user_ids_with_one_address_are_a_candidate_and_never_one() {
    let mut log = Log::new();
    let with = |user| Given { user_id: Some(user), email: Some("lin@example.com"), ..Given::default() };
    assert_eq!(log.who(with("u")), 1);
    let second = log.event(with("v"));
    assert_eq!((second.customer.0, second.merges.len()), (2, 0));
    let [Candidate { a, b, by }] = second.candidates[..] else { panic!("{second:?}") };
    assert_eq!((a.0, b.0, by), (1, 2, Kind::Email));
    assert_eq!(second.added.len(), 1, "the address stays whose it was; the user id is new");
    assert_eq!(log.who(Given { email: Some("LIN@example.com"), ..Given::default() }), 1);
}

#[test]
fn one_event_with_two_customers_makes_them_one_if_nothing_contradicts() {
    let mut log = Log::new();
    let bought = ["taobao:林".to_owned()];
    assert_eq!(log.who(Given { external_ids: &bought, phone: Some(PHONE), ..Given::default() }), 1);
    assert_eq!(log.who(user("u")), 2);
    let both = log.event(Given { user_id: Some("u"), phone: Some(PHONE), ..Given::default() });
    assert_eq!(both.merges, [Merge { into: CustomerId(2), from: CustomerId(1), by: Kind::Phone }]);
    assert_eq!(
        log.who(Given { external_ids: &bought, ..Given::default() }),
        2,
        "late events land on who they are"
    );
    let origin = log.event(Given { external_ids: &bought, ..Given::default() }).customer;
    assert_eq!(origin.0, 1, "and keep whom they named");
    // Now that they are one, a second taobao id of theirs contradicts.
    let other = ["taobao:王".to_owned()];
    assert_eq!(log.who(Given { external_ids: &other, ..Given::default() }), 3);
    let claim = log.event(Given { user_id: Some("u"), external_ids: &other, ..Given::default() });
    assert_eq!((claim.merges.len(), claim.candidates.len()), (0, 1));
}

#[test]
fn whoever_has_no_user_id_yet_takes_the_one_beside_their_number() {
    let mut log = Log::new();
    assert_eq!(log.who(Given { phone: Some(PHONE), ..Given::default() }), 1);
    assert_eq!(log.who(Given { user_id: Some("u"), phone: Some(PHONE), ..Given::default() }), 1);
    assert_eq!(log.who(user("u")), 1);
}

#[test]
fn a_number_on_four_customers_says_nothing() {
    let mut log = Log::new();
    let with = |user| Given { user_id: Some(user), phone: Some(PHONE), ..Given::default() };
    let candidates: Vec<usize> =
        ["a", "b", "c", "d", "e"].map(|u| log.event(with(u)).candidates.len()).into();
    assert_eq!(candidates, [0, 1, 1, 0, 0], "the fourth makes it shared");
    let alone = log.event(Given { phone: Some(PHONE), ..Given::default() });
    assert!(alone.is_new, "it names nobody any more");
}

#[test]
fn what_people_blocked_names_nobody() {
    let mut log = Log::new();
    log.known.block([(Kind::Phone, "+8613912345678".to_owned())].into_iter().collect());
    let with = |user| Given { user_id: Some(user), phone: Some(PHONE), ..Given::default() };
    assert_eq!((log.who(with("a")), log.who(with("b"))), (1, 2));
    assert!(log.event(with("c")).candidates.is_empty());
}
