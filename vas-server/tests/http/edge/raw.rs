//! Requests as bytes, for what no client library would send.

use crate::support::{SOON, Server};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Sends bytes and gives all that is answered until the server closes the connection, as it must.
pub(super) async fn exchange(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // The server may answer and close before it has all.
    let _ = stream.write_all(request).await;
    rest(&mut stream).await
}

/// What is still answered until the connection is closed.
pub(super) async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end as well: of a connection whose last bytes the server did not want to read.
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("the server closes the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of the first answer.
pub(super) fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// How many answers there are.
pub(super) fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

/// A connection from another address of this machine.
pub(super) async fn connect_from(from: &str, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0))?;
    socket.connect(to).await
}
