//! What lies between lettre and the network: a TCP socket that doesn't hold small writes back and
//! doesn't let a relay fill the memory, and the adapter that gives lettre TLS from the first byte.

use futures::io::{AsyncRead as FuturesRead, AsyncWrite as FuturesWrite};
use lettre::transport::smtp::client::{AsyncTokioStream, TlsParameters};
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The longest answer in clear. lettre reads a line to its end before it looks at its length, so an
/// endless one would grow until the time-out, and reads all lines again for each new one, so an answer of
/// many keeps the thread busy by the square of their number. Real ones stay below 2 KiB.
const MAX_CLEAR_ANSWER: usize = 8 * 1024;

/// The same under TLS, where the relay has shown who it is and certificates are read too.
const MAX_TLS_ANSWER: usize = 256 * 1024;

/// The first byte of a TLS handshake, which no SMTP command begins with.
const TLS_HANDSHAKE: u8 = 0x16;

/// A connected socket with TCP_NODELAY.
#[derive(Debug)]
pub(super) struct Socket {
    tcp: TcpStream,
    /// Bytes read since something was last written.
    read_since_write: usize,
    pace: Pace,
}

/// How much is read at a time, and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// In clear to the end.
    Clear,
    /// One byte a read, until TLS begins: nothing that came in clear is left in a buffer above, where it
    /// would be taken for an answer given under TLS.
    ClearUntilTls,
    Tls,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream, pace: Pace) -> io::Result<Self> {
        // With Nagle's algorithm each mail waits for a delayed ACK: 23 mails a second a connection.
        tcp.set_nodelay(true)?;
        Ok(Self { tcp, read_since_write: 0, pace })
    }
}

impl AsyncTokioStream for Socket {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let limit = if self.pace == Pace::Tls { MAX_TLS_ANSWER } else { MAX_CLEAR_ANSWER };
        let allowed = match limit.saturating_sub(self.read_since_write) {
            0 => {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the answer is too long",
                )));
            }
            _ if self.pace == Pace::ClearUntilTls => 1,
            left => left,
        };
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(allowed.min(buf.remaining())));
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        self.read_since_write += read;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.tcp).poll_write(cx, buf))?;
        self.read_since_write = 0;
        if buf.first() == Some(&TLS_HANDSHAKE) {
            self.pace = Pace::Tls;
        }
        Poll::Ready(Ok(written))
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// Does the TLS handshake on a fresh socket, for `smtps://`.
///
/// lettre can open such connections only on sockets it makes itself, without TCP_NODELAY. Its stream
/// type can do it on ours; it is marked as not meant to be public, hence the `allow`.
#[allow(deprecated)]
pub(super) async fn with_tls(
    socket: Socket,
    tls: TlsParameters,
) -> Result<Box<dyn AsyncTokioStream>, lettre::transport::smtp::Error> {
    let peer = socket.peer_addr();
    let mut stream =
        lettre::transport::smtp::client::AsyncNetworkStream::use_existing_tokio1(Box::new(socket));
    stream.upgrade_tls(tls).await?;
    Ok(Box::new(Adapter { stream, peer: peer.ok() }))
}

/// A stream of the `futures` traits under tokio's.
#[derive(Debug)]
struct Adapter<S> {
    stream: S,
    peer: Option<SocketAddr>,
}

impl<S: FuturesRead + FuturesWrite + Send + Sync + Unpin + Debug> AsyncTokioStream for Adapter<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.peer.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S: FuturesRead + Unpin> AsyncRead for Adapter<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf.initialize_unfilled()))?;
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: FuturesWrite + Unpin> AsyncWrite for Adapter<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
