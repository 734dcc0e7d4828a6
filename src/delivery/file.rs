//! The default channel: mails become files one can open, and a line each in `outbox.jsonl`.
//!
//! A message's file name depends on its id alone and its day on its date, so handing the same message
//! over twice leaves one file and one line. Files appear whole or not at all (kill -9); they aren't
//! forced to the disk one by one, since this channel is for looking at, not for sending.

use super::message::{BuiltMail, MessageId, hex_digest};
use super::{Channel, Connection, Delivered, Outcome, RelayAdvice, SendError};
use async_trait::async_trait;
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
    blank_lines(&dir.join("outbox.jsonl"), mails)?;
    Ok(removed)
}

fn blank_lines(journal: &Path, mails: &[MessageId]) -> io::Result<()> {
    let mut file = match OpenOptions::new().read(true).write(true).open(journal) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let (mut at, mut blanks) = (0_u64, Vec::new());
    for line in BufReader::new(&file).split(b'\n') {
        let line = line?;
        let said: serde_json::Value = serde_json::from_slice(&line).unwrap_or_default();
        if mails.iter().any(|id| said["message_id"] == id.as_str()) {
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
