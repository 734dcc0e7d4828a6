//! How many can be reached, held to what the gate says of the same people.

use crate::support::care::{Care, at};
use crate::support::on_both_databases;
use domain::customer::AccountKind;
use domain::ids::CustomerId;
use domain::time::Span;
use kinkeeper::service::reachability::{self, Reachability};
use kinkeeper::service::suppressions::{self, Refusal};
use kinkeeper::service::{eligibility, identity};

fn line(report: &Reachability, channel: &str, purpose: &str) -> [u64; 5] {
    let found = report.items.iter().find(|l| l.channel.as_str() == channel && l.purpose.as_str() == purpose);
    let l = found.expect("every channel and purpose has its line");
    [l.customers, l.known, l.usable, l.consenting, l.reachable]
}

on_both_databases! {
    async fn a_random_books_figures_are_the_gates(database) {
        let care = Care::open(database).await;
        let book = care.house.app.book.clone();
        let nobody = reachability::report(&book).await.expect("counted");
        assert_eq!((nobody.customers, line(&nobody, "email", "marketing")), (0, [0; 5]));
        // A small generator, so that the run is the same each time.
        let mut seed = 20_111_225_u64;
        let mut draw = move |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        for id in 1..=60 {
            care.customer(id, &format!("c{id}@example.com")).await;
            match draw(6) {
                0 => drop(care.exec("UPDATE contact_point SET usable = 0 WHERE customer_id = $1", [id]).await),
                1 => drop(care.exec("UPDATE contact_point SET class = 'relay' WHERE customer_id = $1", [id]).await),
                2 => drop(care.exec("DELETE FROM contact_point WHERE customer_id = $1", [id]).await),
                _ => {}
            }
            for _ in 0..draw(3) {
                let day = at("2011-11-01T00:00:00Z") + Span::hours(i64::try_from(draw(500)).expect("few"));
                care.consents(id, if draw(3) == 0 { "denied" } else { "granted" }, day).await;
            }
            match draw(8) {
                0 => {
                    let refusal = Refusal { email: format!("c{id}@example.com"), reason: "asked".to_owned() };
                    suppressions::add(&book, &[refusal], "test").await.expect("added");
                }
                1 => drop(identity::set_account_kind(&book, CustomerId(id), "staff", "test").await.expect("set")),
                2 => drop(care.exec("UPDATE customer SET erased_at = 1 WHERE id = $1", [id]).await),
                _ => {}
            }
        }
        let report = reachability::report(&book).await.expect("counted");
        for one in &report.items {
            let nested = [one.customers, one.known, one.usable, one.consenting, one.reachable];
            assert!(nested.is_sorted_by(|a, b| a >= b), "{one:?}");
            assert_eq!(one.customers, report.customers);
        }
        let staff = report.not_consumers[&AccountKind::Staff];
        let left = care.number("SELECT COUNT(*) FROM customer WHERE erased_at IS NULL").await;
        assert_eq!(i64::try_from(report.customers + staff).expect("few"), left);

        let asked = eligibility::dry_run(&book, "festival").await.expect("runs").gate;
        let refused = |reason: &str| asked.skipped.get(reason).copied().unwrap_or(0);
        let [customers, known, usable, consenting, reachable] = line(&report, "email", "marketing");
        assert_eq!(asked.all(), customers + staff, "the gate was asked about everybody");
        assert_eq!(asked.all() - asked.skipped.values().sum::<u64>(), reachable);
        assert!(refused("no_consent") > 5 && refused("suppressed") > 0 && refused("no_contact_point") > 0, "{asked:?}");
        assert!(refused("not_consumer") > 0 && refused("not_consumer") <= staff);
        assert!(customers > known && known > usable && usable > consenting && consenting > reachable, "{report:?}");
        // Service asks for no consent, and a refusal of marketing is none of service.
        let service = line(&report, "email", "service");
        assert_eq!((service[2], service[3]), (usable, usable));
        // Nobody has a telephone.
        assert_eq!(line(&report, "sms", "marketing"), [customers, 0, 0, 0, 0]);
    }
}
