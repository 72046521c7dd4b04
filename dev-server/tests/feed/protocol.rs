//! What breaks the WebSocket protocol, byte by byte.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Database, Server};

/// A connection after the handshake.
fn connect(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
        .write_all(
            b"GET /ws/agent-status?mode=delta HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
              Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream
}

/// A frame as a client sends it, masked by zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut frame = vec![first];
    match u8::try_from(length) {
        Ok(short) if short < 126 => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 0x7e);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Reads up to the close frame and gives its code and reason; after it the connection ends in good order.
fn closed(stream: &mut TcpStream) -> (u16, String) {
    loop {
        let mut head = [0; 2];
        stream.read_exact(&mut head).expect("a close frame");
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                stream.read_exact(&mut length).unwrap();
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                stream.read_exact(&mut length).unwrap();
                u64::from_be_bytes(length)
            }
            length => length.into(),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).unwrap();
        if head[0] & 15 == 8 {
            let mut rest = Vec::new();
            let _ = stream.shutdown(std::net::Shutdown::Write);
            stream
                .read_to_end(&mut rest)
                .expect("an end without a reset");
            let code = u16::from_be_bytes([payload[0], payload[1]]);
            return (code, String::from_utf8(payload[2..].to_vec()).unwrap());
        }
    }
}

#[test]
fn each_fault_is_told_in_a_close_frame() {
    const TEXT: u8 = 0x81;
    const START: u8 = 0x01;
    const CONTINUATION: u8 = 0x80;
    const CLOSE: u8 = 0x88;
    const PING: u8 = 0x89;
    let database = Database::new();
    let server = Server::feed(&database.path);
    let faults: [(&str, Vec<u8>, u16); 15] = [
        ("a frame without a mask", vec![TEXT, 2, b'{', b'}'], 1002),
        ("the first reserved bit", frame(TEXT | 0x40, b"{}"), 1002),
        ("the second reserved bit", frame(TEXT | 0x20, b"{}"), 1002),
        ("the third reserved bit", frame(TEXT | 0x10, b"{}"), 1002),
        ("a reserved kind of data", frame(0x83, b"{}"), 1002),
        ("a reserved kind of control", frame(0x8b, b"{}"), 1002),
        ("a ping in parts", frame(0x09, b"x"), 1002),
        ("a long ping", frame(PING, &[b'x'; 126]), 1002),
        ("a continuation of nothing", frame(CONTINUATION, b"x"), 1002),
        (
            "a message within another",
            [frame(START, b"{"), frame(TEXT, b"{}")].concat(),
            1002,
        ),
        ("a text that is no UTF-8", frame(TEXT, b"\xff"), 1007),
        (
            "a text in parts that is no UTF-8",
            [frame(START, b"{\xc3"), frame(CONTINUATION, b"}")].concat(),
            1007,
        ),
        ("a close of one byte", frame(CLOSE, &[3]), 1002),
        (
            "a close with a code that is none",
            frame(CLOSE, &[3, 237]),
            1002,
        ),
        (
            "a close whose reason is no UTF-8",
            frame(CLOSE, &[3, 232, 0xff]),
            1007,
        ),
    ];
    for (fault, bytes, code) in faults {
        let mut stream = connect(&server);
        stream.write_all(&bytes).unwrap();
        let (told, reason) = closed(&mut stream);
        assert_eq!(told, code, "{fault}: {reason}");
    }
    // A frame that says that it is larger than any may be.
    let mut stream = connect(&server);
    let huge = [
        &[TEXT, 0x80 | 0x7f][..],
        &(1u64 << 40).to_be_bytes(),
        &[0; 4],
    ]
    .concat();
    stream.write_all(&huge).unwrap();
    assert_eq!(closed(&mut stream).0, 1009);
}
