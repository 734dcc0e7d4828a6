//! The default channel: mails become files one can open, and a line each in `outbox.jsonl`.
//!
//! A message's file name depends on its id alone and its day on its date, so handing the same message
//! over twice leaves one file and one line. Files appear whole or not at all (kill -9); they aren't
//! forced to the disk one by one, since this channel is for looking at, not for sending.

use super::message::{BuiltMail, MessageId, hex_digest};
use super::{Channel, Connection, Delivered, Outcome, RelayAdvice, SendError};
use async_trait::async_trait;
use chrono::NaiveDate;
use domain::time::Instant;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Writes `<dir>/<yyyy-mm-dd>/<id>.eml` and appends to `<dir>/outbox.jsonl`.
#[derive(Clone)]
pub struct FileChannel {
    outbox: Arc<Outbox>,
}

struct Outbox {
    dir: PathBuf,
    /// One writer at a time keeps "is it there?" and "append" together.
    writing: Mutex<()>,
}

impl FileChannel {
    /// `dir` is made at the first mail.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { outbox: Arc::new(Outbox { dir: dir.into(), writing: Mutex::new(()) }) }
    }
}

#[async_trait]
impl Channel for FileChannel {
    fn name(&self) -> &'static str {
        "file"
    }
    fn connections(&self) -> usize {
        1
    }
    async fn lease(&self) -> Result<Box<dyn Connection>, SendError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Connection for FileChannel {
    async fn ready(&mut self, at_most: usize) -> Result<usize, SendError> {
        Ok(at_most)
    }

    async fn deliver(&mut self, mail: &BuiltMail) -> Outcome {
        let (outbox, mail) = (Arc::clone(&self.outbox), mail.clone());
        let written = tokio::task::spawn_blocking(move || outbox.write(&mail)).await;
        match written {
            Ok(Ok(path)) => Ok(Delivered { provider_ref: None, reply: path.display().to_string() }),
            // Repeating is harmless here, so a failure is never more than transient.
            Ok(Err(e)) => Err(unwritten(format!("the mail can't be written to files: {e}"))),
            Err(e) => Err(unwritten(format!("the task writing the mail ended early: {e}"))),
        }
    }
}

fn unwritten(detail: String) -> SendError {
    SendError::Transient { detail, relay: RelayAdvice::Pause }
}

impl Outbox {
    /// Returns the file's path below `dir`.
    fn write(&self, mail: &BuiltMail) -> io::Result<PathBuf> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let day = mail.date.to_utc().date_naive().to_string();
        let path = Path::new(&day).join(format!("{}.eml", file_stem(mail.message_id.as_str())));
        let target = self.dir.join(&path);
        let journal = self.dir.join("outbox.jsonl");

        let seen_before = target.try_exists()?;
        if !seen_before {
            make_private_dir(&self.dir.join(&day))?;
            // Daemons sharing the folder never share the name of an unfinished file.
            let unfinished = target.with_extension(format!("{}.part", std::process::id()));
            fs::write(&unfinished, &mail.raw)?;
            fs::rename(&unfinished, &target)?;
        }
        // A file without its line: the process died between the two, and this is the repeat.
        if !seen_before || !holds_line_of(&journal, mail)? {
            append_line(&journal, &line_of(mail))?;
        }
        Ok(path)
    }
}

fn line_of(mail: &BuiltMail) -> String {
    serde_json::json!({
        "message_id": mail.message_id.as_str(),
        "to": mail.to.to_string(),
        "subject": mail.subject,
        "at": mail.date.to_rfc3339(),
    })
    .to_string()
}

fn holds_line_of(journal: &Path, mail: &BuiltMail) -> io::Result<bool> {
    let file = match File::open(journal) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    for line in BufReader::new(file).lines() {
        let line: serde_json::Value = serde_json::from_str(&line?).unwrap_or_default();
        if line["message_id"] == mail.message_id.as_str() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn append_line(journal: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(journal)?;
    // A full disk can leave half a line behind; the next must not grow onto it.
    let torn = file.seek(SeekFrom::End(0))? > 0 && {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        last != *b"\n"
    };
    let line = format!("{}{line}\n", if torn { "\n" } else { "" });
    file.write_all(line.as_bytes())
}

/// Removes these mails from `dir`: their files, and what the journal says of them. Its lines keep their place and
/// length, since a daemon may be appending. Gives how many files there were.
pub fn forget(dir: &Path, mails: &[MessageId]) -> io::Result<usize> {
    let mut removed = 0;
    if mails.is_empty() || !dir.is_dir() {
        return Ok(removed);
    }
    let names: Vec<String> = mails.iter().map(|id| format!("{}.eml", file_stem(id.as_str()))).collect();
    for day in fs::read_dir(dir)? {
        let day = day?.path();
        for name in names.iter().filter(|_| day.is_dir()) {
            match fs::remove_file(day.join(name)) {
                Ok(()) => removed += 1,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
    }
    blank_lines(&dir.join("outbox.jsonl"), |line| mails.iter().any(|id| line["message_id"] == id.as_str()))?;
    Ok(removed)
}

/// What was removed of old mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    pub files: usize,
    /// Whether there are more.
    pub more: bool,
}

/// Removes at most `most` mails of days before `first_kept` from `dir`, and with the last of them what the journal says
/// of those days. Only what this channel wrote is touched.
pub fn expire(dir: &Path, first_kept: NaiveDate, most: usize) -> io::Result<Expired> {
    let mut files = 0;
    if !dir.is_dir() {
        return Ok(Expired { files, more: false });
    }
    let is_old = |day: &str| day.parse::<NaiveDate>().is_ok_and(|day| day < first_kept);
    let said_before = |line: &serde_json::Value| {
        let at = line["at"].as_str().and_then(|at| Instant::parse(at, chrono_tz::UTC));
        at.is_some_and(|at| at.local_date(chrono_tz::UTC) < first_kept)
    };
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let old = entry.file_name().to_str().is_some_and(is_old) && entry.file_type()?.is_dir();
        if !old {
            continue;
        }
        for mail in fs::read_dir(entry.path())? {
            let mail = mail?.path();
            let ours = mail.extension().is_some_and(|end| end == "eml" || end == "part");
            if !ours {
                continue;
            }
            if files == most {
                return Ok(Expired { files, more: true });
            }
            match fs::remove_file(&mail) {
                Ok(()) => files += 1,
                // Another daemon was faster.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        // Stays if something of somebody else's lies in it.
        drop(fs::remove_dir(entry.path()));
    }
    blank_lines(&dir.join("outbox.jsonl"), said_before)?;
    Ok(Expired { files, more: false })
}

/// Lines keep their place and length, since a daemon may be appending.
fn blank_lines(journal: &Path, which: impl Fn(&serde_json::Value) -> bool) -> io::Result<()> {
    let mut file = match OpenOptions::new().read(true).write(true).open(journal) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let (mut at, mut blanks) = (0_u64, Vec::new());
    for line in BufReader::new(&file).split(b'\n') {
        let line = line?;
        let said: serde_json::Value = serde_json::from_slice(&line).unwrap_or_default();
        if which(&said) {
            let mut blank = b"{\"erased\":true}".to_vec();
            blank.resize(line.len(), b' ');
            blanks.push((at, blank));
        }
        at += line.len() as u64 + 1;
    }
    for (at, blank) in blanks {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&blank)?;
    }
    file.sync_data()
}

/// Readable where the id allows it, unique by the digest, and of harmless characters always.
fn file_stem(id: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '@') { c } else { '_' };
    let readable: String = id.chars().take(80).map(safe).collect();
    format!("{readable}-{}", &hex_digest(id)[..16])
}

/// Mails hold personal data: on Unix only the owner may look.
fn make_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)
}
