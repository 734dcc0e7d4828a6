//! A mail server inside the test's process: takes what it is given, or misbehaves as a script says, and
//! keeps its own log of what it took responsibility for. Nothing of the daemon's is used here.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A point of the conversation at which the sink speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Greeting,
    Ehlo,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// After the final dot.
    Dot,
    Rset,
    Quit,
    Other,
}

/// What the script is told before the sink speaks.
#[derive(Debug, Clone)]
pub struct Moment {
    pub at: At,
    /// Counted from 0 over the life of the sink.
    pub connection: usize,
    /// How many moments of this kind there were before, over all connections.
    pub nth: usize,
    /// The command as received, without its line end; empty at the greeting and the dot.
    pub line: String,
    pub rcpt: String,
    /// Without brackets; empty before the dot.
    pub message_id: String,
}

/// What the sink does at a moment.
#[derive(Debug, Clone)]
pub enum Act {
    /// What a well-behaved server would: at the dot it accepts.
    Usual,
    /// These bytes, line ends included. At `Data`, text beginning with 354 makes it read a message.
    Say(Vec<u8>),
    SayAndClose(Vec<u8>),
    /// These bytes one by one, each in a packet of its own.
    Drip(Vec<u8>),
    Close,
    /// Nothing more, but the connection stays open and unread.
    Silence,
    /// At the dot: takes responsibility, then acts.
    AcceptAnd(Box<Act>),
    After(Duration, Box<Act>),
}

impl Act {
    /// One line, CRLF added.
    pub fn say(line: impl Into<String>) -> Self {
        Self::Say(format!("{}\r\n", line.into()).into_bytes())
    }
    pub fn accept_and(act: Self) -> Self {
        Self::AcceptAnd(Box::new(act))
    }
}

/// One message the sink took responsibility for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// 0, 1, 2, … in the order of acceptance.
    pub sequence: usize,
    pub connection: usize,
    pub message_id: String,
    pub from: String,
    pub rcpt: String,
    /// The message with dot-stuffing undone.
    pub message: String,
}

type Script = Arc<dyn Fn(&Moment) -> Act + Send + Sync>;
type Hook = Arc<dyn Fn(&Acceptance) + Send + Sync>;

/// Sets a sink up; `start` opens its port.
#[derive(Default)]
pub struct SinkBuilder {
    script: Option<Script>,
    ehlo_lines: Vec<String>,
    log_file: Option<PathBuf>,
    before_reply: Option<Hook>,
    after_reply: Option<Hook>,
}

impl SinkBuilder {
    pub fn script(mut self, script: impl Fn(&Moment) -> Act + Send + Sync + 'static) -> Self {
        self.script = Some(Arc::new(script));
        self
    }
    /// Offers one more extension, such as `AUTH PLAIN`.
    pub fn offers(mut self, line: &str) -> Self {
        self.ehlo_lines.push(line.to_owned());
        self
    }
    /// Appends `sequence TAB message-id TAB recipient` for each acceptance, before it is answered.
    pub fn log_to(mut self, path: impl Into<PathBuf>) -> Self {
        self.log_file = Some(path.into());
        self
    }
    /// Called after an acceptance is logged, before it is answered; here a crash test kills the daemon.
    pub fn before_reply(mut self, hook: impl Fn(&Acceptance) + Send + Sync + 'static) -> Self {
        self.before_reply = Some(Arc::new(hook));
        self
    }
    /// Called after the 250 was written.
    pub fn after_reply(mut self, hook: impl Fn(&Acceptance) + Send + Sync + 'static) -> Self {
        self.after_reply = Some(Arc::new(hook));
        self
    }
    pub async fn start(self) -> Sink {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared { setup: self, state: watch::Sender::default() });
        let accepting = tokio::spawn(accept_all(listener, Arc::clone(&shared)));
        Sink { address, shared, accepting }
    }
}

/// A running sink; dropping it closes its port.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

struct Shared {
    setup: SinkBuilder,
    state: watch::Sender<State>,
}

#[derive(Default)]
struct State {
    accepted: Vec<Acceptance>,
    moments: HashMap<At, usize>,
    opened: usize,
    open: usize,
    most_open: usize,
}

impl Sink {
    pub fn builder() -> SinkBuilder {
        SinkBuilder::default()
    }
    /// A sink that behaves.
    pub async fn start() -> Self {
        SinkBuilder::default().start().await
    }
    pub fn address(&self) -> SocketAddr {
        self.address
    }
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }
    pub fn accepted(&self) -> Vec<Acceptance> {
        self.shared.state.borrow().accepted.clone()
    }
    /// Connections ever opened, and the most that were open at a time.
    pub fn connections(&self) -> (usize, usize) {
        let state = self.shared.state.borrow();
        (state.opened, state.most_open)
    }
    pub fn seen(&self, at: At) -> usize {
        self.shared.state.borrow().moments.get(&at).copied().unwrap_or(0)
    }
    /// Waits until the sink reached this kind of moment `times` times.
    pub async fn wait_for(&self, at: At, times: usize) {
        self.wait(|s| s.moments.get(&at).copied().unwrap_or(0) >= times).await;
    }
    pub async fn wait_for_accepted(&self, count: usize) {
        self.wait(|s| s.accepted.len() >= count).await;
    }
    pub async fn wait_until_nobody_is_connected(&self) {
        self.wait(|s| s.open == 0).await;
    }
    async fn wait(&self, until: impl Fn(&State) -> bool) {
        let mut state = self.shared.state.subscribe();
        let waiting = state.wait_for(|s| until(s));
        let reached = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        reached.expect("the sink never got there").expect("the sink lives");
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept_all(listener: TcpListener, shared: Arc<Shared>) {
    // Ends the conversations together with the listener.
    let mut conversations = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let mut number = 0;
        shared.state.send_modify(|s| {
            number = s.opened;
            s.opened += 1;
            s.open += 1;
            s.most_open = s.most_open.max(s.open);
        });
        let open = Open(Arc::clone(&shared));
        conversations.spawn(async move {
            // An error is the client's hanging up.
            let _ = Conversation::new(stream, number, Arc::clone(&open.0)).run().await;
            drop(open);
        });
    }
}

/// Counts a connection down however its task ends.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.state.send_modify(|s| s.open -= 1);
    }
}

struct Conversation {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    number: usize,
    shared: Arc<Shared>,
    from: String,
    rcpt: String,
}

enum Next {
    Go,
    Stop,
}

impl Conversation {
    fn new(stream: TcpStream, number: usize, shared: Arc<Shared>) -> Self {
        stream.set_nodelay(true).expect("a connected socket");
        let (reader, writer) = stream.into_split();
        Self {
            reader: BufReader::new(reader),
            writer,
            number,
            shared,
            from: String::new(),
            rcpt: String::new(),
        }
    }

    async fn run(mut self) -> std::io::Result<()> {
        if let Next::Stop = self.speak(At::Greeting, "", b"220 sink ESMTP\r\n").await? {
            return Ok(());
        }
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.reader.read_until(b'\n', &mut line).await? == 0 {
                return Ok(());
            }
            let command = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            if let Next::Stop = self.answer(&command).await? {
                return Ok(());
            }
        }
    }

    async fn answer(&mut self, command: &str) -> std::io::Result<Next> {
        let verb = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let extra: String =
                    self.shared.setup.ehlo_lines.iter().map(|l| format!("250-{l}\r\n")).collect();
                let usual = format!("250-sink\r\n{extra}250 8BITMIME\r\n");
                self.speak(At::Ehlo, command, usual.as_bytes()).await
            }
            "AUTH" => self.speak(At::Auth, command, b"235 2.7.0 welcome\r\n").await,
            "MAIL" => {
                self.from = between_angles(command);
                self.speak(At::Mail, command, b"250 2.1.0 ok\r\n").await
            }
            "RCPT" => {
                self.rcpt = between_angles(command);
                self.speak(At::Rcpt, command, b"250 2.1.5 ok\r\n").await
            }
            "DATA" => self.speak(At::Data, command, b"354 go ahead\r\n").await,
            "RSET" => self.speak(At::Rset, command, b"250 2.0.0 ok\r\n").await,
            "QUIT" => {
                self.speak(At::Quit, command, b"221 2.0.0 bye\r\n").await?;
                Ok(Next::Stop)
            }
            _ => self.speak(At::Other, command, b"500 5.5.2 what?\r\n").await,
        }
    }

    async fn speak(&mut self, at: At, line: &str, usual: &[u8]) -> std::io::Result<Next> {
        let act = self.act_at(at, line, "");
        let said = match &act {
            Act::Usual => usual.to_vec(),
            Act::Say(text) => text.clone(),
            _ => Vec::new(),
        };
        if let Next::Stop = self.perform(act, usual, None).await? {
            return Ok(Next::Stop);
        }
        if at == At::Data && said.starts_with(b"354") { self.take_message().await } else { Ok(Next::Go) }
    }

    async fn take_message(&mut self) -> std::io::Result<Next> {
        let mut message = Vec::new();
        loop {
            let begin = message.len();
            if self.reader.read_until(b'\n', &mut message).await? == 0 {
                return Ok(Next::Stop);
            }
            match &message[begin..] {
                b".\r\n" => {
                    message.truncate(begin);
                    break;
                }
                [b'.', ..] => {
                    message.remove(begin);
                }
                _ => {}
            }
        }
        let message = String::from_utf8_lossy(&message).into_owned();
        let message_id = message
            .lines()
            .find_map(|l| l.strip_prefix("Message-ID:").or_else(|| l.strip_prefix("Message-Id:")))
            .map(between_angles)
            .unwrap_or_default();
        let usual = format!("250 2.0.0 ok queued as {message_id}\r\n");
        let act = self.act_at(At::Dot, "", &message_id);
        let acceptance = Acceptance {
            sequence: 0,
            connection: self.number,
            message_id,
            from: self.from.clone(),
            rcpt: self.rcpt.clone(),
            message,
        };
        let act = if matches!(act, Act::Usual) { Act::accept_and(Act::Usual) } else { act };
        self.perform(act, usual.as_bytes(), Some(acceptance)).await
    }

    fn act_at(&self, at: At, line: &str, message_id: &str) -> Act {
        let mut nth = 0;
        self.shared.state.send_modify(|s| {
            let count = s.moments.entry(at).or_default();
            nth = *count;
            *count += 1;
        });
        let moment = Moment {
            at,
            connection: self.number,
            nth,
            line: line.to_owned(),
            rcpt: self.rcpt.clone(),
            message_id: message_id.to_owned(),
        };
        self.shared.setup.script.as_ref().map_or(Act::Usual, |script| script(&moment))
    }

    async fn perform(
        &mut self,
        mut act: Act,
        usual: &[u8],
        mut acceptance: Option<Acceptance>,
    ) -> std::io::Result<Next> {
        let mut taken = None;
        loop {
            act = match act {
                Act::After(pause, next) => {
                    tokio::time::sleep(pause).await;
                    *next
                }
                Act::AcceptAnd(next) => {
                    taken = acceptance.take().map(|a| self.shared.accept(a));
                    *next
                }
                last => {
                    act = last;
                    break;
                }
            }
        }
        let next = match act {
            Act::Usual => self.write(usual).await?,
            Act::Say(text) => self.write(&text).await?,
            Act::Drip(text) => {
                for byte in text {
                    self.write(&[byte]).await?;
                    tokio::task::yield_now().await;
                }
                Next::Go
            }
            Act::SayAndClose(text) => {
                self.write(&text).await?;
                Next::Stop
            }
            Act::Close => Next::Stop,
            Act::Silence => std::future::pending().await,
            Act::AcceptAnd(_) | Act::After(..) => unreachable!("unwrapped above"),
        };
        if let (Some(taken), Some(hook)) = (&taken, &self.shared.setup.after_reply) {
            hook(taken);
        }
        Ok(next)
    }

    async fn write(&mut self, text: &[u8]) -> std::io::Result<Next> {
        self.writer.write_all(text).await?;
        Ok(Next::Go)
    }
}

/// Serialises the log file's lines with the sequence numbers.
static LOGGING: Mutex<()> = Mutex::new(());

impl Shared {
    /// From here on the sink answers for the message.
    fn accept(&self, mut acceptance: Acceptance) -> Acceptance {
        let logging = LOGGING.lock().expect("no logger panics");
        self.state.send_modify(|s| {
            acceptance.sequence = s.accepted.len();
            s.accepted.push(acceptance.clone());
        });
        if let Some(path) = &self.setup.log_file {
            let mut file =
                OpenOptions::new().create(true).append(true).open(path).expect("the sink's log opens");
            let Acceptance { sequence, message_id, rcpt, .. } = &acceptance;
            file.write_all(format!("{sequence}\t{message_id}\t{rcpt}\n").as_bytes()).expect("the sink's log");
        }
        drop(logging);
        if let Some(hook) = &self.setup.before_reply {
            hook(&acceptance);
        }
        acceptance
    }
}

fn between_angles(text: &str) -> String {
    let inner = text.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
    inner.map(|(inner, _)| inner.to_owned()).unwrap_or_default()
}
