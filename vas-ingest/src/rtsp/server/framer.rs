//! Cutting what a client sends into requests and interleaved packets (RFC 2326, sections 4 and 10.12).
//!
//! The cut is made here and not by the parser of messages, so that the limits hold before anything is parsed, and
//! a request that arrives byte by byte is parsed once.

use bytes::{Buf, BytesMut};
use rtsp_types::{Message, Request};

/// Most bytes of a request's head, and of its body.
pub(super) const MAX_PART: usize = 64 << 10;
/// Bytes that an interleaved packet has before its payload: `$`, channel, length.
pub(super) const INTERLEAVED_HEADER: usize = 4;

/// What a client sent.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// A request, with its body.
    Request(Box<Request<Vec<u8>>>),
    /// A packet on a channel of the connection: RTCP, as clients send no media here.
    Interleaved,
    /// A response: this server asks nothing, so it answers nothing.
    Response,
}

/// Bytes that no client of this protocol sends. The connection can't go on, as nobody knows where the next
/// request starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameError {
    /// The head or the body is larger than [`MAX_PART`].
    TooLarge,
    /// It is no RTSP message.
    Malformed,
}

/// The cutter of one connection.
#[derive(Debug, Default)]
pub(super) struct Framer {
    /// Bytes of the head in which no end was found, so that they are not searched again.
    searched: usize,
    /// Bytes of the message whose head is complete: head and body.
    length: Option<usize>,
}

impl Framer {
    /// Takes the next message off the front of `input`; `None`: it is not complete yet.
    ///
    /// # Errors
    /// The bytes are no message or one that is too large.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Incoming>, FrameError> {
        if self.searched == 0 {
            // Empty lines between messages are allowed (section 4.1).
            let blank = input.iter().take_while(|&&byte| byte == b'\r' || byte == b'\n').count();
            input.advance(blank);
            if input.first() == Some(&b'$') {
                return Ok(take_interleaved(input));
            }
        }
        let length = match self.length {
            Some(length) => length,
            None => match self.message_length(input)? {
                Some(length) => *self.length.insert(length),
                None => return Ok(None),
            },
        };
        if input.len() < length {
            return Ok(None);
        }
        let bytes = input.split_to(length);
        *self = Self::default();
        match Message::parse(&bytes) {
            Ok((Message::Request(request), _)) => Ok(Some(Incoming::Request(Box::new(request)))),
            Ok((Message::Response(_), _)) => Ok(Some(Incoming::Response)),
            Ok((Message::Data(_), _)) | Err(_) => Err(FrameError::Malformed),
        }
    }

    fn message_length(&mut self, input: &[u8]) -> Result<Option<usize>, FrameError> {
        const END: &[u8] = b"\r\n\r\n";
        let from = self.searched.saturating_sub(END.len() - 1);
        let end = input[from..].windows(END.len()).position(|window| window == END);
        let Some(end) = end.map(|at| from + at + END.len()) else {
            self.searched = input.len();
            return if input.len() > MAX_PART { Err(FrameError::TooLarge) } else { Ok(None) };
        };
        self.searched = end;
        if end > MAX_PART {
            return Err(FrameError::TooLarge);
        }
        let body = content_length(&input[..end])?;
        if body > MAX_PART { Err(FrameError::TooLarge) } else { Ok(Some(end + body)) }
    }
}

fn take_interleaved(input: &mut BytesMut) -> Option<Incoming> {
    let header: [u8; INTERLEAVED_HEADER] = input.get(..INTERLEAVED_HEADER)?.try_into().ok()?;
    let length = INTERLEAVED_HEADER + usize::from(u16::from_be_bytes([header[2], header[3]]));
    if input.len() < length {
        return None;
    }
    input.advance(length);
    Some(Incoming::Interleaved)
}

fn content_length(head: &[u8]) -> Result<usize, FrameError> {
    for line in head.split(|&byte| byte == b'\n') {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        if line[..colon].trim_ascii().eq_ignore_ascii_case(b"content-length") {
            let value = std::str::from_utf8(line[colon + 1..].trim_ascii()).ok();
            return value.and_then(|text| text.parse().ok()).ok_or(FrameError::Malformed);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rtsp_types::Method;

    fn read_all(bytes: &[u8], chunk: usize) -> Result<Vec<Incoming>, FrameError> {
        let (mut framer, mut input, mut read) = (Framer::default(), BytesMut::new(), Vec::new());
        for part in bytes.chunks(chunk.max(1)) {
            input.extend_from_slice(part);
            while let Some(incoming) = framer.next(&mut input)? {
                read.push(incoming);
            }
        }
        Ok(read)
    }

    const MIXED: &[u8] = b"\r\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n$\x01\x00\x03abc\
        GET_PARAMETER rtsp://h/x RTSP/1.0\r\nCSeq: 2\r\nContent-length: 4\r\n\r\n$$$$\
        RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n$\x00\x00\x00";

    #[test]
    fn requests_and_packets_are_told_apart_however_they_arrive() {
        for chunk in 1..MIXED.len() {
            let read = read_all(MIXED, chunk).unwrap();
            assert_eq!(read.len(), 5, "chunks of {chunk}");
            let Incoming::Request(request) = &read[2] else { panic!("{read:?}") };
            assert_eq!((request.method(), request.body().as_slice()), (&Method::GetParameter, &b"$$$$"[..]));
            assert_eq!((&read[1], &read[3]), (&Incoming::Interleaved, &Incoming::Response));
        }
    }

    #[test]
    fn heads_and_bodies_are_bounded() {
        let endless = vec![b'A'; MAX_PART + 1];
        assert_eq!(read_all(&endless, 1000), Err(FrameError::TooLarge));
        let body = b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999\r\n\r\n";
        assert_eq!(read_all(body, 7), Err(FrameError::TooLarge));
        let negative = b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n";
        assert_eq!(read_all(negative, 7), Err(FrameError::Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(
            bytes in proptest::collection::vec(any::<u8>(), 0..600),
            chunk in 1_usize..64,
        ) {
            let _ = read_all(&bytes, chunk);
        }

        #[test]
        fn damaged_requests_are_survived(
            at in 0..MIXED.len(),
            by in any::<u8>(),
            chunk in 1_usize..64,
        ) {
            let mut bytes = MIXED.to_vec();
            bytes[at] = by;
            let _ = read_all(&bytes, chunk);
        }
    }
}
