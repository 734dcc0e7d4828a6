//! Connections: taken, cut where a client is too slow to say what it wants, and ended in peace. What is asked on
//! them is the routes'.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A request's line and headers must be there within this; it is also how long an idle connection is kept.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// Beyond this the headers aren't even read to the end; [`super::limits`] refuses smaller ones with a reason.
const LARGEST_HEAD: usize = 64 * 1024;
/// Where the process is out of file handles, others may end meanwhile.
const OUT_OF_HANDLES: Duration = Duration::from_millis(200);

/// Serves until `stop`, then lets those finish who have asked already.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut connections = http1::Builder::new();
    connections.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_buf_size(LARGEST_HEAD);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                if !is_the_clients(&error) {
                    tracing::warn!(%error, "a connection couldn't be taken");
                    tokio::time::sleep(OUT_OF_HANDLES).await;
                }
                continue;
            }
        };
        // Answers are small: each is to leave at once. A socket that can't do that works all the same.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(connections.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // The client's doing: gone, too slow, or not speaking HTTP.
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// A client that went away between asking and being taken.
fn is_the_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    /// What comes back on a connection that says this and then nothing more.
    async fn said(words: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let router = Router::new().route("/", axum::routing::get(|| async { "here" }));
        let serving = tokio::spawn(serve(listener, router, stop.clone()));
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(words).await.expect("it reads");
        let mut answer = Vec::new();
        // Ends only when the other side hangs up; the clock stands still meanwhile but for what is waited for.
        // Where more was sent than it cared to read, it does so without ceremony.
        let _ = stream.read_to_end(&mut answer).await;
        stop.cancel();
        serving.await.expect("it ends");
        String::from_utf8(answer).expect("text")
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_comes_to_the_point_is_cut() {
        assert_eq!(said(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await, "");
        assert_eq!(said(b"").await, "");
        assert!(said(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.ends_with("here"), "an idle one is too");
    }

    #[tokio::test(start_paused = true)]
    async fn endless_headers_arent_read_to_the_end() {
        let huge = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Huge: {}\r\n\r\n", "x".repeat(8 * LARGEST_HEAD));
        let answer = said(huge.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}
