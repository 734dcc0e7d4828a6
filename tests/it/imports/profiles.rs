//! Exports as shops have them, each by its profile, in its own encoding and form.

use super::{Files, import, reasons, run};
use crate::support::book::{Book, both_databases};
use crate::support::retail::Retail;
use kinkeeper::service::import::{Choice, FormSaid, Kind, Request, inspect};
use kinkeeper::store::imports::Counts;
use std::fs;
use std::path::{Path, PathBuf};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/imports").join(name)
}

async fn chinese(book: Book) -> Retail {
    Retail::counting(book, chrono_tz::Asia::Shanghai, "CNY").await
}

/// By the strongest name each customer has: the first that is written.
const ORDERS: &str = "SELECT CASE i.kind WHEN 'user_id' THEN i.value WHEN 'external' THEN i.namespace || ':' || i.value \
    ELSE i.kind || ':' || i.value END AS who, o.order_key, o.total_minor, o.refunded_minor FROM orders o \
    JOIN identifier i ON i.id = (SELECT MIN(j.id) FROM identifier j WHERE j.customer_id = o.customer_id) ORDER BY o.order_key";

both_databases! {
    async fn a_taobao_export_comes_in_as_it_is(book: Book) {
        let shop = chinese(book).await;
        let files = Files::new();
        let mut request = Request::new(Kind::Orders, sample("taobao_orders.csv"));
        let reject = files.0.path().join("reject.csv");
        request.reject = Some(reject.clone());
        let report = run(&shop, &request).await.expect("imported");
        assert_eq!(report.form, "CSV, GB18030, comma");
        assert_eq!(report.profile.as_deref(), Some("taobao (订单报表)"));
        assert_eq!(reasons(&report), [
            "line 8, column 订单编号: \"2.02609E+18\" was a longer number before a spreadsheet rounded it; export the column as text from the shop again",
            "line 9, column 订单状态: \"等待火星发货\" isn't known; there are 买家已付款,等待卖家发货, 交易关闭, 交易成功, 付款后关闭, 卖家已发货,等待买家确认, 卖家部分发货, 已关闭, 已退款, 等待买家付款, 退款成功, 部分退款. Add it to the profile's values and import with --map",
        ]);
        // The masked nick with a whole number is known by the number, the one without by nothing.
        assert_eq!(report.counts, Counts { accepted: 5, rejected: 2, without_customer: 1, ..Counts::default() });
        assert_eq!(shop.lines(ORDERS).await, [
            "taobao:蓝天白云|retail:2026090100000000001|129900|0",
            "phone:+8613900139002|retail:2026090200000000002|8800|0",
            "taobao:蓝天白云|retail:2026090400000000004|0|0",
            "taobao:山中人|retail:2026090500000000005|30000|30000",
            "taobao:山中人|retail:2026090600000000006|10050|3050",
        ]);
        assert_eq!(shop.lines("SELECT name FROM customer_personal ORDER BY name").await, ["张晓雨", "李木", "赵山"]);
        let paid = shop.lines("SELECT paid_at FROM orders WHERE order_key = 'retail:2026090100000000001'").await;
        assert_eq!(paid, ["1788224760000000"], "09:06 in Shanghai");

        // The reject file has the rows in UTF-8 with their own headers, and goes in repaired.
        let rejected = fs::read_to_string(&reject).expect("a reject file");
        assert!(rejected.starts_with("\u{feff}订单编号,买家会员名,"), "{rejected}");
        let repaired = rejected.replace("2.02609E+18", "=\"\"2026090700000000007\"\"").replace("等待火星发货", "交易成功");
        let report = import(&shop, Kind::Orders, &files.write("repaired.csv", &repaired)).await;
        assert_eq!((report.counts.accepted, report.counts.rejected, reasons(&report)), (2, 0, vec![]));
        let again = run(&shop, &Request::new(Kind::Orders, sample("taobao_orders.csv"))).await.expect("again");
        assert_eq!((again.counts.accepted, again.counts.duplicate), (0, 5));
    }

    async fn items_of_an_order_add_up(book: Book) {
        let shop = chinese(book).await;
        let report = import(&shop, Kind::Orders, &sample("taobao_items.csv")).await;
        assert_eq!((report.profile.as_deref(), report.counts.accepted), (Some("taobao (宝贝报表)"), 2));
        let report = import(&shop, Kind::Orders, &sample("douyin_orders.csv")).await;
        assert_eq!((report.profile.as_deref(), report.counts.accepted, report.counts.without_customer), (Some("douyin (订单)"), 2, 1));
        let report = import(&shop, Kind::Orders, &sample("jd_orders.csv")).await;
        assert_eq!((report.profile.as_deref(), report.counts.accepted, report.counts.without_customer), (Some("jd (订单)"), 2, 1));
        let report = import(&shop, Kind::Orders, &sample("pdd_orders.csv")).await;
        assert_eq!((report.profile.as_deref(), report.counts.accepted, report.counts.without_customer), (Some("pdd (订单)"), 2, 1));
        assert_eq!(shop.lines(ORDERS).await, [
            "taobao:蓝天白云|retail:2026091000000000100|22000|0",
            "phone:+8613400134001|retail:260901-000000000000001|1800|0",
            "phone:+8613400134001|retail:260902-000000000000002|1000|1000",
            "jd:jd_qingshan|retail:290000000001|11900|0",
            "phone:+8613500135001|retail:6900000000000000001|6500|0",
        ]);
    }

    async fn shopify_orders_have_a_row_a_line(book: Book) {
        let shop = Retail::of(book).await;
        let report = import(&shop, Kind::Orders, &sample("shopify_orders.csv")).await;
        assert_eq!((report.profile.as_deref(), report.counts.accepted, reasons(&report)), (Some("shopify (orders)"), 4, vec![]));
        assert_eq!(shop.lines(ORDERS).await, [
            "email:rosa@example.com|retail:#1001|4500|0",
            "phone:+441164960108|retail:#1002|3000|1200",
            "email:nina@example.com|retail:#1003|0|0",
        ]);
        assert_eq!(shop.lines("SELECT order_key FROM orders WHERE paid_at IS NULL").await, ["retail:#1003"], "placed only");
        let report = import(&shop, Kind::Customers, &sample("shopify_customers.csv")).await;
        assert_eq!((report.profile.as_deref(), report.counts.accepted), (Some("shopify (customers)"), 2));
        assert_eq!(shop.lines("SELECT COUNT(*) AS n FROM customer").await, ["3"], "the buyers of the orders");
        let consents = "SELECT i.kind || ':' || i.value AS who, c.channel, c.state FROM consent c JOIN identifier i \
            ON i.id = (SELECT MIN(j.id) FROM identifier j WHERE j.customer_id = c.customer_id) WHERE c.channel = 'email' ORDER BY who";
        assert_eq!(shop.lines(consents).await, ["email:rosa@example.com|email|granted", "phone:+441164960108|email|denied"]);
        // Neither address nor number became part of a message's id or a property.
        let told = "SELECT COUNT(*) FROM event WHERE message_id LIKE '%rosa%' OR message_id LIKE '%4960108%' OR properties LIKE '%rosa%'";
        assert_eq!(shop.number(told).await, 0);
    }

    async fn a_workbook_comes_in_by_its_cells(book: Book) {
        let shop = Retail::of(book).await;
        let files = Files::new();
        let mut request = Request::new(Kind::Orders, sample("orders.xlsx"));
        let reject = files.0.path().join("reject.csv");
        request.reject = Some(reject.clone());
        let report = run(&shop, &request).await.expect("imported");
        assert_eq!(report.form, "XLSX, sheet Orders");
        assert_eq!(reasons(&report), [
            "row 7, column order_id (A7): \"2.02609E+17\" was a longer number before a spreadsheet rounded it; export the column as text from the shop again",
            "row 8: column 4 holds the error #DIV/0!; correct its formula, or put the value",
            "row 9, column paid_at (C9): \"soon\" is no instant; write it like 2026-09-25T09:55:00 or 2026-09-25",
        ]);
        assert_eq!(shop.lines("SELECT order_key, total_minor, paid_at FROM orders ORDER BY order_key").await,
            ["retail:202609010000000001|1250|1788249600000000", "retail:536365|30|1788303600000000"], "London");
        let rejected = fs::read_to_string(&reject).expect("a reject file");
        // The row that couldn't be read isn't taken in before somebody has looked at it.
        let halfway = rejected.replace("2.02609E+17", "o7").replace("soon", "2026-09-03");
        let report = import(&shop, Kind::Orders, &files.write("halfway.csv", &halfway)).await;
        assert_eq!(report.counts.accepted, 2);
        assert_eq!(reasons(&report), ["line 3, column reject_row: holds the row as it was refused; put its values into their columns and empty this one"]);
        let missing = Request { form: FormSaid { sheet: Some("orders".to_owned()), ..FormSaid::default() }, ..Request::new(Kind::Orders, sample("orders.xlsx")) };
        let error = run(&shop, &missing).await.expect_err("refused").to_string();
        assert!(error.contains("there is no sheet \"orders\"; did you mean Orders?"), "{error}");
    }

    async fn what_inspect_proposes_is_what_map_takes(book: Book) {
        let shop = chinese(book).await;
        let files = Files::new();
        let text = "单号;会员id;支付时间;实付;手机;备注\n\
                    A1;7;2026/9/1 9:00;¥1,000.00;13800138001;请快\n\
                    A2;8;2026/9/2 9:00;20;13900139002;谢谢\n";
        let path = files.write("own.csv", text);
        let found = inspect(&shop.store, "retail", &path, FormSaid::default(), Some(Kind::Orders)).await.expect("inspected");
        assert_eq!((found.form.as_str(), found.sampled, found.fits.len()), ("CSV, UTF-8, semicolon", 2, 0));
        let shown = format!("{:?}", found.columns);
        assert!(!shown.contains("13800138001") && shown.contains("138****8001") && !shown.contains("请快"), "{shown}");
        let map = files.write("my.yaml", &found.mapping);
        let request = Request { profile: Choice::Map(map), ..Request::new(Kind::Orders, &path) };
        let report = run(&shop, &request).await.expect("imported");
        assert_eq!((report.counts.accepted, report.profile.as_deref()), (2, Some("map")));
        assert_eq!(shop.lines(ORDERS).await, ["7|retail:A1|100000|0", "8|retail:A2|2000|0"]);

        let found = inspect(&shop.store, "retail", &sample("taobao_orders.csv"), FormSaid::default(), None).await.expect("inspected");
        assert_eq!((found.fits[0].profile.as_str(), found.kind), ("taobao", Kind::Orders));
        assert!(found.problems.iter().any(|problem| problem.contains("a spreadsheet has rounded")), "{:?}", found.problems);
        let shown = format!("{:?} {:?}", found.columns, found.problems);
        for personal in ["张晓雨", "13800138001", "蓝天白云", "昆明"] {
            assert!(!shown.contains(personal), "{personal}: {shown}");
        }
    }

    async fn a_profile_is_named_or_told_apart(book: Book) {
        let shop = chinese(book).await;
        let files = Files::new();
        let refused = async |choice: Choice, path: &Path| {
            let request = Request { profile: choice, ..Request::new(Kind::Orders, path) };
            run(&shop, &request).await.expect_err("refused").to_string()
        };
        let taobao = sample("taobao_orders.csv");
        let error = refused(Choice::Named("toabao".to_owned()), &taobao).await;
        assert!(error.contains("there is no profile \"toabao\"; did you mean taobao?"), "{error}");
        let error = refused(Choice::Named("taobao".to_owned()), &sample("jd_orders.csv")).await;
        assert!(error.contains("knows these files of orders by their columns: 订单编号, "), "{error}");
        let bad = files.write("bad.yaml", "kind: import_profile\nname: x\ntables: [{of: orders, columns: {ordr_id: a}}]\n");
        let error = refused(Choice::Map(bad), &taobao).await;
        assert!(error.contains("\"ordr_id\" is no field of orders; did you mean order_id?"), "{error}");
        let error = refused(Choice::Map(files.write("none.yaml", "a: [")), &taobao).await;
        assert!(error.contains("isn't readable as YAML"), "{error}");
    }
}
