//! What holds whatever is said, in whatever order.

use super::*;
use crate::ids::CustomerId;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Said = (Option<u8>, Option<u8>, Option<u8>, Option<u8>);

fn said() -> impl Strategy<Value = Said> {
    let some = |n: u8| prop::option::of(0..n);
    (some(4), some(3), some(3), some(3)).prop_filter("somebody", |s| *s != (None, None, None, None))
}

fn names_of((user, external, phone, anonymous): Said) -> Vec<Name> {
    let (user, phone) = (user.map(|n| format!("u{n}")), phone.map(|n| format!("1391234567{n}")));
    let (external, anonymous) = (external.map(|n| format!("jd:{n}")), anonymous.map(|n| format!("a{n}")));
    let external_ids: Vec<String> = external.into_iter().collect();
    let given = Given {
        user_id: user.as_deref(),
        anonymous_id: anonymous.as_deref(),
        external_ids: &external_ids,
        phone: phone.as_deref(),
        email: None,
    };
    names(given, "main")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_user_id_is_one_persons_for_good_and_nobody_ends_with_two(log in prop::collection::vec(said(), 1..24)) {
        let (mut known, mut next) = (Known::default(), 0_i64);
        let mut users: BTreeMap<String, CustomerId> = BTreeMap::new();
        let mut merged: BTreeSet<CustomerId> = BTreeSet::new();
        for said in log {
            let names = names_of(said);
            let decision = known.decide(&names, || { next += 1; CustomerId(next) });
            for merge in &decision.merges {
                prop_assert!(merge.into != merge.from);
                prop_assert!(merged.insert(merge.from), "nobody is merged twice");
                prop_assert!(!merged.contains(&merge.into), "flat");
            }
            for candidate in &decision.candidates {
                prop_assert!(candidate.a < candidate.b);
            }
            let user = names.iter().find(|name| name.kind == Kind::UserId);
            if let Some(name) = user {
                users.entry(name.value.clone()).or_insert(decision.customer);
                let first = users[&name.value];
                prop_assert_eq!(known.canonical(first), known.canonical(decision.customer));
            }
            let people: BTreeSet<CustomerId> = users.values().map(|id| known.canonical(*id)).collect();
            prop_assert_eq!(people.len(), users.len(), "two user ids are two people");
        }
    }
}
