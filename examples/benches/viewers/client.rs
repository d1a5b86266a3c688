//! The viewers, in a process of their own that speaks through its standard input and output: it writes an offer, reads
//! the answer, and goes on so; each text is preceded by its length.

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use vas_examples::viewer::{Identity, Viewer, ViewerConfig};

/// The argument by which this program becomes the viewers' process.
pub(crate) const FLAG: &str = "--viewers-process";
/// How exact the viewers' timers are.
const TICK: Duration = Duration::from_millis(10);

/// The handle of the viewers' process, which ends with it.
pub(crate) struct Client {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Client {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("a path");
        let mut command = Command::new(program);
        command.arg(FLAG).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let input = child.stdin.take().expect("piped");
        let output = child.stdout.take().expect("piped");
        Self { child, input, output }
    }

    /// The offer of one more viewer.
    pub(crate) fn offer(&mut self) -> String {
        read(&mut self.output).expect("the viewers' process has ended")
    }

    /// The answer to it.
    pub(crate) fn answer(&mut self, answer: &str) {
        write(&mut self.input, answer).expect("the viewers' process has ended");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(input: &mut impl Read) -> io::Result<String> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let mut text = vec![0; u32::from_be_bytes(length) as usize];
    input.read_exact(&mut text)?;
    String::from_utf8(text).map_err(io::Error::other)
}

fn write(output: &mut impl Write, text: &str) -> io::Result<()> {
    output.write_all(&(text.len() as u32).to_be_bytes())?;
    output.write_all(text.as_bytes())?;
    output.flush()
}

struct Slot {
    viewer: Viewer,
    socket: UdpSocket,
}

/// Opens viewers as long as the other side answers.
pub(crate) fn run() {
    super::raise_file_limit();
    let identity = Identity::generate().expect("an identity");
    let (sender, receiver) = sync_channel(16);
    std::thread::spawn(move || watch(&receiver));
    // The end of the other process is the end of this one.
    while open(&identity, &sender).is_ok() {}
}

fn open(identity: &Identity, sender: &SyncSender<Slot>) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    let mut config = ViewerConfig::new(identity.clone());
    config.transport_cc = true;
    config.candidates = vec![socket.local_addr()?];
    let mut viewer = Viewer::new(config);
    write(&mut io::stdout().lock(), viewer.offer())?;
    let answer = read(&mut io::stdin().lock())?;
    viewer.accept_answer(Instant::now(), &answer).map_err(io::Error::other)?;
    sender.send(Slot { viewer, socket }).map_err(|_| io::Error::other("the receiving thread has ended"))
}

/// Receives and answers for all viewers.
fn watch(opened: &Receiver<Slot>) {
    let mut poll = Poll::new().expect("a poll set");
    let mut events = Events::with_capacity(1_024);
    let mut slots: Vec<Slot> = Vec::new();
    let mut bytes = vec![0; 64 << 10];
    let mut next_tick = Instant::now();
    loop {
        let left = next_tick.saturating_duration_since(Instant::now());
        // An interruption is a wake-up like any other.
        let _ = poll.poll(&mut events, Some(left));
        for event in &events {
            let Slot { viewer, socket } = &mut slots[event.token().0];
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                viewer.handle_datagram(Instant::now(), from, &bytes[..length]);
            }
            slots[event.token().0].send();
        }
        let now = Instant::now();
        if now >= next_tick {
            next_tick = now + TICK;
            for slot in opened.try_iter() {
                let (fd, token) = (slot.socket.as_raw_fd(), Token(slots.len()));
                poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE).expect("registered");
                slots.push(slot);
            }
            for slot in &mut slots {
                if slot.viewer.poll_timeout().is_some_and(|due| due <= now) {
                    slot.viewer.handle_timeout(now);
                }
                slot.send();
            }
        }
    }
}

impl Slot {
    fn send(&mut self) {
        while let Some(transmit) = self.viewer.poll_transmit() {
            // What can't be sent is lost, as on any network.
            let _ = self.socket.send_to(&transmit.payload, transmit.to);
        }
        while self.viewer.poll_event().is_some() {}
    }
}
