//! A web server for tests.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Answers requests, given their heads, each on a connection of its own. Returns the port.
pub fn web(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> u32 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut connection, _)) = listener.accept() {
            let answer = answer(&head_of(&mut connection));
            let _ = connection.write_all(&answer);
        }
    });
    port.into()
}

fn head_of(connection: &mut TcpStream) -> String {
    let (mut head, mut piece) = (Vec::new(), [0; 1000]);
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read(&mut piece) {
            Ok(count) if count > 0 => head.extend(&piece[..count]),
            _ => break,
        }
    }
    String::from_utf8(head).unwrap()
}
