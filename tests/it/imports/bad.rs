//! Bad rows and bad files: each gets one defined answer that names place, column and remedy; nothing is lost.

use super::{Files, run};
use crate::support::book::both_databases;
use crate::support::retail::Retail;
use encoding_rs::{BIG5, GB18030, SHIFT_JIS, WINDOWS_1252};
use flate2::{Compression, write::GzEncoder};
use kinkeeper::service::ServiceError;
use kinkeeper::service::import::{FormSaid, Kind, Request};
use std::fs;
use std::io::Write;

const ORDERS: &str = "order_id,customer_id,paid_at,total,currency,kind,refund_of,status,delivered_at,sku,quantity,price,phone,email";
const CUSTOMERS: &str =
    "customer_id,name,email,phone,birthday,registered_at,timezone,locale,consent_email_marketing,shop";
const TICKETS: &str =
    "ticket_id,customer_id,opened_at,resolved_at,complaint,important,complex,amount,csat,order_id";
const CONTACTS: &str = "customer_id,phone,at,channel,purpose,source";

/// A row beside a good one, the code it is refused with, and a part of the reason that helps.
type BadRow = (&'static str, &'static str, &'static str);

const BAD_ORDERS: [BadRow; 44] = [
    (",c,2026-09-01,1,,,,,,,,,,", "missing_field", "column order_id: is empty"),
    (
        "1.23E+18,c,2026-09-01,1,,,,,,,,,,",
        "destroyed_id",
        "column order_id: \"1.23E+18\" was a longer number",
    ),
    ("2.02609E17,c,2026-09-01,1,,,,,,,,,,", "destroyed_id", "export the column as text"),
    ("1E+15,c,2026-09-01,1,,,,,,,,,,", "destroyed_id", "column order_id"),
    ("o,1.2e+9,2026-09-01,1,,,,,,,,,,", "destroyed_id", "column customer_id"),
    (
        "=A1*2,c,2026-09-01,1,,,,,,,,,,",
        "formula",
        "column order_id: \"=A1*2\" is a formula; put the id itself",
    ),
    ("o,=VLOOKUP(1;2),2026-09-01,1,,,,,,,,,,", "formula", "column customer_id"),
    ("o,c,,1,,,,,,,,,,", "missing_field", "column paid_at: is empty"),
    ("o,c,soon,1,,,,,,,,,,", "bad_timestamp", "write it like 2026-09-25T09:55:00"),
    ("o,c,03/04/2026,1,,,,,,,,,,", "bad_timestamp", "doesn't say which is the day"),
    ("o,c,3.4.26,1,,,,,,,,,,", "bad_timestamp", "doesn't say which is the day"),
    ("o,c,2026-13-01,1,,,,,,,,,,", "bad_timestamp", "column paid_at"),
    ("o,c,2026-02-30,1,,,,,,,,,,", "bad_timestamp", "column paid_at"),
    ("o,c,2026-09-01T25:00:00,1,,,,,,,,,,", "bad_timestamp", "column paid_at"),
    ("o,c,45200,1,,,,,,,,,,", "bad_timestamp", "\"45200\" is no instant"),
    ("o,c,1725148800,1,,,,,,,,,,", "bad_timestamp", "column paid_at"),
    ("o,c,0000-00-00,1,,,,,,,,,,", "bad_timestamp", "column paid_at"),
    ("o,c,1970-01-01,1,,,,,,,,,,", "accidental_1970", "leave it empty or put the true one"),
    ("o,c,1899-12-30,1,,,,,,,,,,", "accidental_1970", "what an empty date becomes"),
    ("o,c,2039-01-01,1,,,,,,,,,,", "future", "is after the clock"),
    ("o,c,=TODAY(),1,,,,,,,,,,", "bad_timestamp", "\"=TODAY()\" is no instant"),
    ("o,c,2026-09-01,free,,,,,,,,,,", "amount_not_a_number", "must be a plain decimal such as 12.50"),
    ("o,c,2026-09-01,\"12,50\",,,,,,,,,,", "amount_not_a_number", "\"12,50\" must be"),
    ("o,c,2026-09-01,\"1.234,50\",,,,,,,,,,", "amount_not_a_number", "column total"),
    ("o,c,2026-09-01,\"1,23,456\",,,,,,,,,,", "amount_not_a_number", "column total"),
    ("o,c,2026-09-01,$12,,,,,,,,,,", "amount_not_a_number", "\"$12\" must be"),
    ("o,c,2026-09-01,1e3,,,,,,,,,,", "amount_not_a_number", "column total"),
    ("o,c,2026-09-01,NaN,,,,,,,,,,", "amount_not_a_number", "column total"),
    ("o,c,2026-09-01,--5,,,,,,,,,,", "amount_not_a_number", "column total"),
    ("o,c,2026-09-01,-5,,,,,,,,,,", "amount_negative", "send a refund as Order Refunded"),
    ("o,c,2026-09-01,99999999999999999999,,,,,,,,,,", "amount_not_a_number", "column total"),
    ("o,c,2026-09-01,99999999999999,,,,,,,,,,", "amount_too_large", "larger than any order's could be"),
    ("o,c,2026-09-01,=SUM(A1:A9),,,,,,,,,,", "amount_not_a_number", "\"=SUM(A1:A9)\" must be"),
    ("o,c,2026-09-01,,,,,,,,,,,", "missing_field", "an order needs total, revenue, or products"),
    ("o,c,2026-09-01,1,GB,,,,,,,,,", "bad_currency", "no three-letter currency code"),
    ("o,c,2026-09-01,1,EUR,,,,,,,,,", "no_rate", "no rate from EUR"),
    ("o,c,2026-09-01,1,,gift,,,,,,,,", "bad_kind", "neither purchase nor refund"),
    ("r,c,2026-09-01,1,,refund,1.1E+17,,,,,,,", "destroyed_id", "column refund_of"),
    ("o,c,2026-09-01,1,,,,,never,,,,,", "bad_timestamp", "column delivered_at"),
    ("o,c,2026-09-01,,,,,,,a,few,2,,", "amount_not_a_number", "column quantity"),
    ("o,c,2026-09-01,,,,,,,a,-1,2,,", "amount_not_a_number", "column quantity"),
    ("o,c,2026-09-01,,,,,,,a,1,two,,", "amount_not_a_number", "column price"),
    ("o,c,2026-09-01,1,,,,,,,,,call me,", "bad_phone", "column phone"),
    ("o,c,2026-09-01,1,,,,,,,,,,rosa at home", "bad_email", "column email"),
];

const BAD_CUSTOMERS: [BadRow; 21] = [
    ("1.5E+12,Ann,,,,,,,,", "destroyed_id", "column customer_id"),
    ("c,Ann,not-mail,,,,,,,", "bad_email", "column email: \"not-mail\""),
    ("c,Ann,\"a@b.c, d@e.f\",,,,,,,", "bad_email", "column email"),
    ("c,Ann,ann@@example.com,,,,,,,", "bad_email", "column email"),
    ("c,Ann,=ann@example.com,,1990-02-30,,,,,", "bad_birthday", "column birthday"),
    ("c,Ann,,123,,,,,,", "bad_phone", "column phone: \"123\""),
    ("c,Ann,,call me,,,,,,", "bad_phone", "or leave it empty"),
    ("c,Ann,,1.38001E+10,,,,,,", "destroyed_id", "column phone: \"1.38001E+10\""),
    ("c,Ann,,,1990-02-30,,,,,", "bad_birthday", "a day the calendar doesn't have"),
    ("c,Ann,,,2027-01-01,,,,,", "bad_birthday", "still to come"),
    ("c,Ann,,,01/02/1990,,,,,", "bad_birthday", "column birthday"),
    ("c,Ann,,,lunar:13-01,,,,,", "bad_birthday", "column birthday"),
    ("c,Ann,,,yesterday,,,,,", "bad_birthday", "column birthday"),
    ("c,Ann,,,,someday,,,,", "bad_timestamp", "column registered_at"),
    ("c,Ann,,,,2039-01-01,,,,", "future", "column registered_at"),
    ("c,Ann,,,,1970-01-01,,,,", "accidental_1970", "column registered_at"),
    ("c,Ann,,,,,Moon/Tycho,,,", "bad_zone", "IANA time zone"),
    ("c,Ann,,,,,,klingon,,", "bad_locale", "no language such as en"),
    ("c,Ann,,,,,,,maybe,", "bad_consent", "neither granted nor denied"),
    ("c,Ann,,,,,,,2,", "bad_consent", "leave it empty where nobody was asked"),
    ("c,Ann,,,,,,,,other", "other_shop", "import each shop's rows by themselves"),
];

const BAD_TICKETS: [BadRow; 13] = [
    (",c,2026-09-01,,,,,,,", "missing_field", "column ticket_id"),
    ("t,c,,,,,,,,", "missing_field", "column opened_at"),
    ("t,c,soon,,,,,,,", "bad_timestamp", "column opened_at"),
    ("t,c,2026-09-02,2026-09-01,,,,,,", "before_opened", "correct the one that is wrong"),
    ("t,c,2026-09-02,later,,,,,,", "bad_timestamp", "column resolved_at"),
    ("t,c,2026-09-02,,perhaps,,,,,", "not_a_flag", "column complaint"),
    ("t,c,2026-09-02,,,2,,,,", "not_a_flag", "column important"),
    ("t,c,2026-09-02,,,,x,,,", "not_a_flag", "column complex"),
    ("t,c,2026-09-02,,,,,much,,", "amount_not_a_number", "column amount"),
    ("t,c,2026-09-02,,,,,,0,", "bad_score", "no score from 1 to 5"),
    ("t,c,2026-09-02,,,,,,6,", "bad_score", "column csat"),
    ("t,c,2026-09-02,,,,,,good,", "bad_score", "column csat"),
    ("2.2E+17,c,2026-09-02,,,,,,,1.1E+17", "destroyed_id", "column ticket_id"),
];

const BAD_CONTACTS: [BadRow; 6] = [
    ("c,,,email,,", "missing_field", "column at"),
    ("c,,soon,email,,", "bad_timestamp", "column at"),
    ("c,,2026-09-01,,,", "missing_field", "column channel"),
    (",12,2026-09-01,sms,,", "bad_phone", "column phone: \"12\" names nobody"),
    (",138****8001,2026-09-01,sms,,", "bad_phone", "put a whole telephone number"),
    ("c,,2039-09-01,sms,,", "future", "column at"),
];

/// Rows whose cells can't be put under the columns: bytes, code, and a part of the reason.
fn broken_rows() -> Vec<(Vec<u8>, &'static str, &'static str)> {
    let row = |text: &str| text.as_bytes().to_vec();
    vec![
        (row("o,c,2026-09-01"), "column_count", "line 3: the row has 3 columns and the header 4"),
        (row("o,c,2026-09-01,1,extra"), "column_count", "the row has 5 columns"),
        (row("o"), "column_count", "the row has 1 columns"),
        (row("o;c;2026-09-01;1"), "column_count", "put text with commas in quotes"),
        (row("o\0,c,2026-09-01,1"), "nul_character", "line 3: the row contains a NUL byte"),
        (b"o,c\xff,2026-09-01,1".to_vec(), "not_in_encoding", "name another with --encoding"),
        (b"o,\xc3\x28,2026-09-01,1".to_vec(), "not_in_encoding", "line 3"),
        (
            format!("o,c,2026-09-01,{}", "1".repeat(70_000)).into_bytes(),
            "row_too_large",
            "larger than 64 KiB",
        ),
        (",".repeat(300).into_bytes(), "too_many_columns", "at most 256 are taken"),
        (row(&format!("{},c,2026-09-01,1", "9".repeat(300))), "too_long", "longer than 256 bytes"),
    ]
}

/// How many rows and files there are.
pub fn count() -> usize {
    let rows = BAD_ORDERS.len() + BAD_CUSTOMERS.len() + BAD_TICKETS.len() + BAD_CONTACTS.len();
    rows + broken_rows().len() + broken_files().len()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(bytes).expect("packed");
    writer.finish().expect("packed")
}

fn workbook(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in parts {
        writer.start_file(*name, options).expect("begun");
        writer.write_all(bytes).expect("packed");
    }
    writer.finish().expect("packed").into_inner()
}

/// Files that can't be read at all, with a part of the answer.
fn broken_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let sample = include_bytes!("../../data/imports/orders.xlsx").to_vec();
    let chinese = "订单编号,买家会员名,买家实际支付金额,订单状态\n1,张三,1,交易成功\n";
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let mut corrupt = sample.clone();
    let middle = corrupt.len() / 3;
    corrupt[middle..middle + 60].fill(0x5a);
    let zeros = vec![b' '; 530 * 1024 * 1024 / 8];
    vec![
        ("empty.csv", text(""), "the file is empty; it needs a header row"),
        ("blank.csv", text("\n\n\r\n"), "the file is empty"),
        ("mark.csv", text("\u{feff}"), "the file is empty"),
        ("empty.gz", gzip(b""), "the file is empty"),
        (
            "quote.csv",
            text("order_id,customer_id,paid_at,total\no1,\"c,2026-09-01,1\n"),
            "line 2: a quote opens here and never closes",
        ),
        ("quote_header.csv", text("order_id,\"customer_id\n"), "line 1: a quote opens here"),
        ("unnamed.csv", text("order_id,,paid_at\n"), "line 1, column 2: has no name"),
        (
            "twice.csv",
            text("order_id,customer_id,paid_at,total,Total\n"),
            "line 1, column 5: \"total\" is there twice",
        ),
        (
            "width.csv",
            text("order_id,ｃustomer_id,paid_at,ORDER_ID\n"),
            "column 4: \"order_id\" is there twice",
        ),
        (
            "unknown.csv",
            text("order_id,customer_id,paid_at,totl\n"),
            "\"totl\" is no column of orders; did you mean total?",
        ),
        ("missing.csv", text("order_id,paid_at,total\n"), "the file has no column customer_id"),
        ("data.csv", text("o1,c1,2026-09-01,12.50\n"), "is no column of orders"),
        (
            "wide.csv",
            text(&(0..300).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",")),
            "at most 256 are taken",
        ),
        (
            "nul_header.csv",
            text("order\0_id,customer_id\n"),
            "line 1: the row contains a NUL byte; is the file UTF-16? Say --encoding utf-16le",
        ),
        (
            "utf16_without_mark.csv",
            "order_id,customer_id\n".encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "Say --encoding utf-16le",
        ),
        (
            "latin.csv",
            WINDOWS_1252.encode("order_id,customer_id,paid_at,r\u{e9}f\n").0.into_owned(),
            "line 1: the row holds what is no character",
        ),
        (
            "big5.csv",
            BIG5.encode("訂單編號,買家\n").0.into_owned(),
            "line 1: the row holds what is no character",
        ),
        ("sjis.csv", SHIFT_JIS.encode("注文番号,顧客\n").0.into_owned(), "line 1"),
        (
            "gbk_header_cut.csv",
            {
                let gbk = GB18030.encode(chinese).0.into_owned();
                gbk[..7].to_vec()
            },
            "line 1: the row holds what is no character in the file's encoding",
        ),
        (
            "old.xls",
            vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1],
            "is an old Excel file (.xls) or locked with a password; save it as .xlsx",
        ),
        (
            "page.xls",
            text("<html><table><tr><td>订单</td></tr></table>"),
            "is a web page or XML, whatever its name says",
        ),
        ("xml.csv", text("<?xml version=\"1.0\"?><a/>"), "is a web page or XML"),
        ("report.pdf", text("%PDF-1.7\n"), "is a PDF; export a table"),
        ("array.json", text("[{\"order_id\":1}]"), "is one JSON array; write one object a line"),
        ("cut.xlsx", half(&sample), "the workbook: can't be read"),
        ("start.xlsx", sample[..30].to_vec(), "the workbook: can't be read"),
        ("corrupt.xlsx", corrupt, "the workbook: can't be read"),
        ("other.zip", workbook(&[("readme.txt", b"hello".to_vec())]), "the workbook: can't be read"),
        ("none.zip", workbook(&[]), "the workbook: can't be read"),
        (
            "bomb.xlsx",
            workbook(&[
                ("a", zeros.clone()),
                ("b", zeros.clone()),
                ("c", zeros.clone()),
                ("d", zeros.clone()),
                ("e", zeros.clone()),
                ("f", zeros.clone()),
                ("g", zeros.clone()),
                ("h", zeros),
            ]),
            "unpacks to more than 512 MiB; export CSV instead",
        ),
        ("cut.gz", half(&gzip(b"order_id,customer_id,paid_at,total\no1,c1,2026-09-01,1\n")), "cut.gz: "),
        (
            "keys.ndjson",
            text(&format!("{{{}}}", (0..300).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(","))),
            "a new key makes more than 256",
        ),
        (
            "wrong.ndjson",
            text("{\"ordr_id\":1,\"customer_id\":2,\"paid_at\":3}"),
            "\"ordr_id\" is no column of orders; did you mean order_id?",
        ),
        ("broken.ndjson", text("{\"order_id\":\n"), "the file has no column"),
    ]
}

async fn all_rows(retail: &Retail, kind: Kind, header: &str, good: &str, bad: &[BadRow]) {
    let files = Files::new();
    let text =
        format!("{header}\n{good}\n{}\n", bad.iter().map(|(row, ..)| *row).collect::<Vec<_>>().join("\n"));
    // Rows of one order would be one record: each has an id of its own, where it is readable.
    let text: String = text
        .lines()
        .enumerate()
        .map(|(n, line)| match line {
            line if line.starts_with("o,") => format!("o{n}{}\n", &line[1..]),
            line => format!("{line}\n"),
        })
        .collect();
    let mut request = Request::new(kind, files.write("bad.csv", &text));
    let reject = files.0.path().join("reject.csv");
    request.reject = Some(reject.clone());
    let report = run(retail, &request).await.expect("imported");
    let left: Vec<&str> = report.refused.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!((report.counts.accepted, report.counts.rejected), (1, bad.len() as i64), "{left:#?}");
    let mut reader = csv::ReaderBuilder::new().from_path(&reject).expect("a reject file");
    let columns = reader.headers().expect("a header").len();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), bad.len(), "every refused row is in the reject file");
    for (n, (found, (row, code, part))) in rows.iter().zip(bad).enumerate() {
        let (line, codes, reason) = (&found[columns - 4], &found[columns - 3], &found[columns - 2]);
        assert_eq!(line, (n + 3).to_string(), "{row}");
        assert!(codes.split(' ').any(|found| found == *code), "{row}: {codes} isn't {code}: {reason}");
        assert!(reason.contains(part), "{row}: {reason} lacks {part}");
        assert!(reason.starts_with(&format!("line {}", n + 3)), "{row}: {reason}");
    }
}

both_databases! {
    async fn every_bad_row_has_its_answer(book: Book) {
        let retail = Retail::of(book).await;
        all_rows(&retail, Kind::Orders, ORDERS, "good,c,2026-09-01,1,,,,,,,,,,", &BAD_ORDERS).await;
        all_rows(&retail, Kind::Customers, CUSTOMERS, "c,Ann,,,,,,,,", &BAD_CUSTOMERS).await;
        all_rows(&retail, Kind::Tickets, TICKETS, "good,c,2026-09-01,,,,,,,", &BAD_TICKETS).await;
        all_rows(&retail, Kind::Contacts, CONTACTS, "c,,2026-09-01,email,,", &BAD_CONTACTS).await;
    }

    async fn a_row_that_fits_no_column_is_kept_whole(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        for (n, (row, code, part)) in broken_rows().into_iter().enumerate() {
            let good = format!("good{n},c,2026-09-01,1\n");
            let text = [b"order_id,customer_id,paid_at,total\n", good.as_bytes(), &row, b"\nafter,c,2026-09-01,1\n"].concat();
            let path = files.0.path().join(format!("{n}.csv"));
            fs::write(&path, text).expect("written");
            let reject = files.0.path().join(format!("{n}.reject.csv"));
            let mut request = Request::new(Kind::Orders, &path);
            request.reject = Some(reject.clone());
            let report = run(&retail, &request).await.expect("imported");
            assert_eq!(report.counts.rejected, 1, "{code}: {:?}", report.refused);
            assert_eq!(report.refused[0].code, code);
            assert!(report.refused[0].reason.contains(part), "{}", report.refused[0].reason);
            if code == "too_long" {
                continue;
            }
            // Nobody's guess at a repair is taken in: the reject file as it is refuses the row again.
            let again = run(&retail, &Request::new(Kind::Orders, &reject)).await.expect("read");
            assert_eq!((again.counts.accepted, again.counts.rejected, again.refused[0].code.as_str()), (0, 1, "not_repaired"), "{code}");
        }
    }

    async fn every_file_that_cant_be_read_has_its_answer(book: Book) {
        let retail = Retail::of(book).await;
        let files = Files::new();
        for (name, bytes, part) in broken_files() {
            let path = files.0.path().join(name);
            fs::write(&path, bytes).expect("written");
            let error = run(&retail, &Request::new(Kind::Orders, &path)).await.expect_err(name);
            let ServiceError::Invalid(problems) = &error else { panic!("{name}: {error:?}") };
            assert!(problems.iter().all(|p| !p.code.is_empty() && !p.at.is_empty() && p.detail.len() > 10), "{problems:?}");
            let error = error.to_string();
            assert!(error.contains(part), "{name}: {error}");
            assert!(error.contains(name), "{name}: {error}");
        }
        let path = files.write("o.csv", "order_id,customer_id,paid_at,total\n");
        for (form, part) in [
            (FormSaid { encoding: Some("gb18303".to_owned()), ..FormSaid::default() }, "--encoding: there is no encoding \"gb18303\"; did you mean gb18030?"),
            (FormSaid { delimiter: Some("tabs".to_owned()), ..FormSaid::default() }, "--delimiter: \"tabs\" is no delimiter"),
            (FormSaid { delimiter: Some("，".to_owned()), ..FormSaid::default() }, "say one character"),
            (FormSaid { sheet: Some("Orders".to_owned()), ..FormSaid::default() }, "--sheet: the file isn't XLSX"),
        ] {
            let request = Request { form, ..Request::new(Kind::Orders, &path) };
            let error = run(&retail, &request).await.expect_err("refused").to_string();
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(retail.number("SELECT COUNT(*) FROM import_batch").await, 0);
    }

    async fn gbk_that_is_cut_or_wrong_spoils_its_rows_only(book: Book) {
        let retail = Retail::counting(book, chrono_tz::Asia::Shanghai, "CNY").await;
        let files = Files::new();
        let sample = include_bytes!("../../data/imports/taobao_orders.csv");
        // Cut in the middle of a character of the last row.
        let text = GB18030.decode(sample).0.into_owned();
        let keep = text.find("等待火星发货").expect("there");
        let whole = GB18030.encode(&text[..keep + "等".len()]).0.into_owned();
        let path = files.0.path().join("cut.csv");
        fs::write(&path, &whole[..whole.len() - 1]).expect("written");
        let report = run(&retail, &Request::new(Kind::Orders, &path)).await.expect("imported");
        assert_eq!((report.counts.accepted, report.counts.rejected), (5, 2), "{:?}", report.refused);
        assert_eq!(report.refused[1].code, "not_in_encoding");
        assert!(report.refused[1].reason.starts_with("line 9: "), "{}", report.refused[1].reason);
        // Said to be what it isn't, it can't be read, and nothing is taken in.
        let request = Request {
            form: FormSaid { encoding: Some("utf-8".to_owned()), ..FormSaid::default() },
            ..Request::new(Kind::Orders, &path)
        };
        let error = run(&retail, &request).await.expect_err("refused").to_string();
        assert!(error.contains("line 1: the row holds what is no character"), "{error}");
    }
}
