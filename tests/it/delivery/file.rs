//! The file channel: whole files, one a message, and a line for each.

use super::{built, outgoing};
use kinkeeper::delivery::file::FileChannel;
use kinkeeper::delivery::{Channel, SendError};
use std::path::{Path, PathBuf};

fn mails(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        std::fs::read_dir(dir.join("2026-11-20")).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    found
}

fn journal(dir: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(dir.join("outbox.jsonl")).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_default()).collect()
}

#[tokio::test]
async fn the_same_message_twice_leaves_one_file_and_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("outbox");
    let channel = FileChannel::new(&out);
    let mail = built("tp-1.2");
    let sends = (0..8).map(|_| channel.send(&mail));
    for sent in futures::future::join_all(sends).await {
        sent.unwrap();
    }
    FileChannel::new(&out).send(&mail).await.unwrap();

    let files = mails(&out);
    assert_eq!(files.len(), 1, "and no unfinished ones: {files:?}");
    assert_eq!(files[0].extension().unwrap(), "eml");
    assert_eq!(std::fs::read(&files[0]).unwrap(), mail.raw());
    let expected = serde_json::json!({
        "message_id": "tp-1.2@shop.example", "to": "tp-1.2@example.com", "subject": "生日快乐",
        "at": "2026-11-20T02:00:00Z",
    });
    assert_eq!(journal(&out), [expected]);
}

#[tokio::test]
async fn a_line_lost_in_a_crash_is_written_by_the_repeat() {
    let dir = tempfile::tempdir().unwrap();
    let channel = FileChannel::new(dir.path());
    channel.send(&built("a")).await.unwrap();
    channel.send(&built("b")).await.unwrap();
    // The process died within the line of b.
    let path = dir.path().join("outbox.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 20]).unwrap();

    channel.send(&built("a")).await.unwrap();
    channel.send(&built("b")).await.unwrap();
    let ids: Vec<_> = journal(dir.path()).into_iter().map(|l| l["message_id"].clone()).collect();
    assert_eq!(ids, [serde_json::json!("a@shop.example"), serde_json::Value::Null, "b@shop.example".into()]);
    assert_eq!(mails(dir.path()).len(), 2);
}

#[tokio::test]
async fn file_names_are_harmless_and_never_shared() {
    let dir = tempfile::tempdir().unwrap();
    let channel = FileChannel::new(dir.path());
    let ids =
        ["..", ".", "-rf", "a.b", "a_b", "a+b", "a=b", &"x".repeat(150), &format!("{}y", "x".repeat(149))];
    for id in ids {
        let mut mail = outgoing(id);
        mail.to.address = "somebody@example.com".into();
        channel.send(&mail.build().unwrap()).await.unwrap();
    }
    let mut hostile = outgoing("plain");
    hostile.subject = "../../etc/passwd\0\n{\"a\":1}".into();
    hostile.to.name = Some("/../../x".into());
    channel.send(&hostile.build().unwrap()).await.unwrap();

    let files = mails(dir.path());
    assert_eq!(files.len(), ids.len() + 1);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let stem = name.strip_suffix(".eml").unwrap();
        let harmless = |c: char| c.is_ascii_alphanumeric() || "-_@".contains(c);
        assert!(stem.chars().all(harmless) && name.len() <= 101, "{name}");
    }
    assert_eq!(journal(dir.path()).len(), ids.len() + 1);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "the day and the journal, nothing else");
}

#[tokio::test]
async fn a_folder_that_cant_be_written_is_a_transient_failure() {
    let dir = tempfile::tempdir().unwrap();
    let taken = dir.path().join("taken");
    std::fs::write(&taken, "a file").unwrap();
    let outcome = FileChannel::new(&taken).send(&built("a")).await;
    assert!(matches!(outcome, Err(SendError::Transient { .. })), "{outcome:?}");
}
