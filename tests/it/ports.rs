//! Free ports of 127.0.0.1, for programs that cannot be told to choose one and say which.
//!
//! A port is free at the moment it is returned; the kernel hands out others before it comes round to the
//! same one again. What can bind port 0 itself should do that instead.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use anyhow::{Context, Result};

/// A TCP port that nothing listens on.
///
/// # Errors
/// The kernel has no port to give.
pub(crate) fn free_tcp() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free TCP port")?;
    Ok(listener.local_addr()?.port())
}

/// A UDP port that nothing is bound to.
///
/// # Errors
/// The kernel has no port to give.
pub(crate) fn free_udp() -> Result<u16> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no free UDP port")?;
    Ok(socket.local_addr()?.port())
}

#[test]
fn ports_can_be_bound() {
    TcpListener::bind((Ipv4Addr::LOCALHOST, free_tcp().unwrap())).unwrap();
    UdpSocket::bind((Ipv4Addr::LOCALHOST, free_udp().unwrap())).unwrap();
}
