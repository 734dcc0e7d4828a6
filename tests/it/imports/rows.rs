//! What becomes of rows: each counted once, everything wrong with one told at once, nothing impossible stored.

use super::{Files, import, reasons, run};
use crate::support::book::both_databases;
use crate::support::retail::Retail;
use kinkeeper::service::import::{Kind, Mode, Request};
use kinkeeper::store::imports::Counts;
use std::fs;

const TWO_CUSTOMERS: &str = "customer_id,email,consent_email_marketing,consent_sms_marketing\n\
    c1,ann@example.com,granted,denied\nc2,ben@example.com,,\n";
const TICKETS: &str = "ticket_id,customer_id,opened_at,resolved_at,csat\n\
    t1,c1,2011-11-01,2011-11-02,5\nt2,,2011-11-01,,\nt3,c1,soon,,\n";

both_databases! {
    async fn a_row_that_says_several_things_is_one_row(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let customers = Request::new(Kind::Customers, files.write("c.csv", TWO_CUSTOMERS));
        let tickets = Request::new(Kind::Tickets, files.write("t.csv", TICKETS));
        let none = Counts::default();

        let dry = Request { mode: Mode::DryRun, ..customers.clone() };
        assert_eq!(run(&retail, &dry).await.expect("judged").counts, Counts { accepted: 2, ..none });
        let report = run(&retail, &customers).await.expect("imported");
        assert_eq!((report.rows, report.counts), (2, Counts { accepted: 2, ..none }), "four events");
        let report = run(&retail, &tickets).await.expect("imported");
        let once = Counts { accepted: 1, rejected: 1, without_customer: 1, ..none };
        assert_eq!((report.rows, report.counts), (3, once));

        let again = Counts { duplicate: 2, ..none };
        assert_eq!(run(&retail, &customers).await.expect("imported").counts, again);
        assert_eq!(run(&retail, &dry).await.expect("judged").counts, again, "a dry run knows what is known");
        let again = Counts { accepted: 0, duplicate: 1, ..once };
        assert_eq!(run(&retail, &tickets).await.expect("imported").counts, again);

        // Something new in a known row makes it a row taken in; both rows of an order are.
        let more = "ticket_id,customer_id,opened_at,resolved_at,csat\nt4,c1,2011-11-01,,\n";
        import(&retail, Kind::Tickets, &files.write("t4.csv", more)).await;
        let resolved = more.replace("2011-11-01,,", "2011-11-01,2011-11-03,");
        let report = import(&retail, Kind::Tickets, &files.write("t4r.csv", &resolved)).await;
        assert_eq!(report.counts, Counts { accepted: 1, ..none });
        let lines = "order_id,customer_id,paid_at,sku,price\no1,c1,2011-11-01,a,1\no2,c1,2011-11-01,b,1\no1,c1,2011-11-01,c,1\n";
        let report = import(&retail, Kind::Orders, &files.write("o.csv", lines)).await;
        assert_eq!(report.counts, Counts { accepted: 3, ..none });
        assert_eq!(retail.lines("SELECT order_key, total_minor FROM orders ORDER BY order_key").await, ["retail:o1|200", "retail:o2|100"]);
    }

    async fn everything_wrong_with_a_row_is_told_at_once(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let text = "ticket_id,customer_id,opened_at,resolved_at,important,amount,csat\n\
                    T1,c1,2011-11-02,2011-11-01,maybe,much,9\n";
        let mut request = Request::new(Kind::Tickets, files.write("t.csv", text));
        let reject = files.0.path().join("reject.csv");
        request.reject = Some(reject.clone());
        let report = run(&retail, &request).await.expect("imported");
        assert_eq!(reasons(&report), ["\
            line 2, column resolved_at: \"2011-11-01\" is before opened_at, \"2011-11-02\"; correct the one that is wrong; \
            line 2, column csat: \"9\" is no score from 1 to 5; correct it, or leave it empty; \
            line 2, column important: \"maybe\" must be true or false; \
            line 2, column amount: \"much\" must be a plain decimal such as 12.50"]);
        let rejected = fs::read_to_string(&reject).expect("a reject file");
        assert!(rejected.contains(",2,before_opened bad_score not_a_flag amount_not_a_number,"), "{rejected}");
        assert!(rejected.contains("maybe\"\" must be"), "{rejected}");

        let orders = "order_id,customer_id,paid_at,kind,currency,sku,quantity,price\n\
                      ,1.2E+9,yesterday,gift,EUR,,,\n\
                      o2,c1,2011-11-01,,,,,\n\
                      o3,c1,2011-11-01,,,a,1,2\n\
                      o3,c1,2011-11-01,,,,,\n\
                      o3,c1,2011-11-01,,,b,few,free\n";
        let report = import(&retail, Kind::Orders, &files.write("o.csv", orders)).await;
        assert_eq!(reasons(&report), [
            "line 2, column customer_id: \"1.2E+9\" was a longer number before a spreadsheet rounded it; export the column as text from the shop again; \
             line 2, column order_id: is empty; a row needs it; \
             line 2, column paid_at: \"yesterday\" is no instant; write it like 2026-09-25T09:55:00 or 2026-09-25; \
             line 2, column kind: \"gift\" is neither purchase nor refund",
            "line 3, column total: is missing; an order needs total, revenue, or products with price and quantity",
            "line 6, column price: \"free\" must be a plain decimal such as 12.50; line 6, column quantity: \"few\" must be a plain number",
        ]);
        assert_eq!(report.counts.rejected, 5);
        assert_eq!(retail.lines("SELECT COUNT(*) AS n FROM event").await, ["0"]);
    }

    async fn what_cant_be_so_of_a_customer_is_refused_and_repaired(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        let text = "customer_id,name,email,phone,birthday,timezone,locale\n\
                    c1,Ann,not-mail,123,1990-02-30,Moon/Tycho,klingon\n\
                    c2,Ben,\"a@b.c, d@e.f\",,2027-01-01,,\n\
                    c3,Cat,cat@example.com,+44 1164 960108,2000-02-29,Europe/Paris,en-GB\n\
                    c4,Dan,d***@example.com,138****1234,02-29,,\n\
                    c5,Eve,,,lunar:L06-15,,zh_CN\n";
        let mut request = Request::new(Kind::Customers, files.write("c.csv", text));
        let reject = files.0.path().join("reject.csv");
        request.reject = Some(reject.clone());
        let report = run(&retail, &request).await.expect("imported");
        assert_eq!((report.counts.accepted, report.counts.rejected), (3, 2));
        assert_eq!(reasons(&report), [
            "line 2, column birthday: \"1990-02-30\" is a day the calendar doesn't have; correct it, or leave it empty; \
             line 2, column email: \"not-mail\" is no mail address; send one such as rosa@example.com, or leave it empty; \
             line 2, column locale: \"klingon\" is no language such as en, en-GB or zh-CN; send one, or leave it empty; \
             line 2, column phone: \"123\" is no telephone number; send one such as +44 20 7946 0123, or leave it empty; \
             line 2, column timezone: \"Moon/Tycho\" is no IANA time zone such as Europe/London",
            "line 3, column birthday: \"2027-01-01\" is still to come; correct it, or leave it empty; \
             line 3, column email: \"a@b.c, d@e.f\" is no mail address; send one such as rosa@example.com, or leave it empty",
        ]);
        let stored = "SELECT name, birthday FROM customer_personal ORDER BY name";
        assert_eq!(retail.lines(stored).await, ["Cat|2000-02-29", "Dan|02-29", "Eve|lunar:L06-15"]);

        // Nothing is lost: the reject file has the rows as they were, and goes in as soon as it is repaired.
        let rejected = fs::read_to_string(&reject).expect("a reject file");
        assert!(rejected.contains("c1,Ann,not-mail,123,1990-02-30,Moon/Tycho,klingon,2,bad_birthday bad_email bad_locale bad_phone bad_zone,"));
        let repaired = rejected.replace("not-mail", "ann@example.com").replace(",123,", ",,").replace("1990-02-30", "1990-03-02")
            .replace("Moon/Tycho", "").replace("klingon", "").replace("a@b.c, d@e.f", "a@b.example").replace("2027-01-01", "01-01");
        let report = import(&retail, Kind::Customers, &files.write("repaired.csv", &repaired)).await;
        assert_eq!((report.counts.accepted, report.counts.rejected), (2, 0), "{:?}", report.refused);
        assert_eq!(retail.lines(stored).await[..2], ["Ann|1990-03-02", "Ben|01-01"]);
        let usable = "SELECT value FROM contact_point WHERE usable = 1 ORDER BY value";
        assert_eq!(retail.lines(usable).await, ["+441164960108", "a@b.example", "ann@example.com", "cat@example.com"]);
    }
}
