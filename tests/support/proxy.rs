//! A TCP proxy between a driver and a master that does what networks do: cuts, resets, silence, slowness, garbage, refusals.

use rustix::net::sockopt::set_socket_linger;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// The direction of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToMaster,
    ToDriver,
}

/// What happens to the bytes of one direction, on all connections.
#[derive(Clone, Copy, Debug, Default)]
struct Rule {
    /// Nothing passes; the sender notices only when buffers are full.
    frozen: bool,
    /// At most this many bytes in a write, with a pause behind each.
    portion: Option<(usize, Duration)>,
    /// After so many more bytes all connections are cut.
    budget: Option<usize>,
}

#[derive(Default)]
struct State {
    closed: bool,
    to_master: Rule,
    to_driver: Rule,
    /// Both sockets of each connection: the driver's and the master's.
    pairs: Vec<(TcpStream, TcpStream)>,
    accepted: usize,
    cuts: usize,
    passed: u64,
}

impl State {
    fn rule(&mut self, way: Way) -> &mut Rule {
        match way {
            Way::ToMaster => &mut self.to_master,
            Way::ToDriver => &mut self.to_driver,
        }
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn cut(&self, state: &mut State, reset: bool) {
        for (driver, master) in state.pairs.drain(..) {
            if reset {
                // A close without lingering sends RST; the pump threads hold duplicates of the same socket.
                let _ = set_socket_linger(&driver, Some(Duration::ZERO));
            }
            let _ = master.shutdown(Shutdown::Both);
            if reset {
                // Only a close resets: wake the pump so that it lets go of its duplicate.
                let _ = driver.shutdown(Shutdown::Read);
            } else {
                let _ = driver.shutdown(Shutdown::Both);
            }
        }
        state.cuts += 1;
        self.changed.notify_all();
    }

    /// Moves bytes until one side ends.
    fn pump(&self, way: Way, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let length = match from.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(length) => length,
            };
            if !self.pass(way, &mut to, &buffer[..length]) {
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }

    /// Whether the connection goes on.
    fn pass(&self, way: Way, to: &mut TcpStream, mut data: &[u8]) -> bool {
        while !data.is_empty() {
            let mut state = self.lock();
            let cuts = state.cuts;
            while state.rule(way).frozen && state.cuts == cuts && !state.closed {
                state = self.changed.wait(state).unwrap_or_else(|e| e.into_inner());
            }
            if state.cuts != cuts || state.closed {
                return false;
            }
            let rule = *state.rule(way);
            let mut length = data.len();
            if let Some((portion, _)) = rule.portion {
                length = length.min(portion);
            }
            let cut = rule.budget.is_some_and(|budget| budget <= length);
            if let Some(budget) = rule.budget {
                length = length.min(budget);
                state.rule(way).budget = (!cut).then_some(budget - length);
            }
            state.passed += length as u64;
            drop(state);
            if to.write_all(&data[..length]).is_err() {
                return false;
            }
            data = &data[length..];
            if cut {
                self.cut(&mut self.lock(), false);
                return false;
            }
            if let Some((_, pause)) = rule.portion {
                if !pause.is_zero() {
                    std::thread::sleep(pause);
                }
            }
        }
        true
    }

    fn serve(self: &Arc<Self>, listener: &TcpListener, master: SocketAddr) {
        while let Ok((driver, _)) = listener.accept() {
            if self.lock().closed {
                return;
            }
            let Ok(upstream) = TcpStream::connect(master) else {
                continue; // dropped at once: the driver sees the end of the connection
            };
            let _ = (driver.set_nodelay(true), upstream.set_nodelay(true));
            let copy = |s: &TcpStream| s.try_clone().expect("a duplicate");
            {
                let mut state = self.lock();
                state.accepted += 1;
                state.pairs.push((copy(&driver), copy(&upstream)));
            }
            for (way, from, to) in [
                (Way::ToMaster, copy(&driver), copy(&upstream)),
                (Way::ToDriver, upstream, driver),
            ] {
                let shared = Arc::clone(self);
                std::thread::spawn(move || shared.pump(way, from, to));
            }
        }
    }
}

/// See the module. All connections end with it.
pub struct Proxy {
    address: SocketAddr,
    master: Arc<Mutex<SocketAddr>>,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

impl Proxy {
    pub fn new(master: SocketAddr) -> Self {
        let mut proxy = Proxy {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            master: Arc::new(Mutex::new(master)),
            shared: Arc::default(),
            listener: None,
        };
        proxy.listen();
        proxy
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Connections are accepted (again).
    pub fn listen(&mut self) {
        let listener = super::wait_for("the proxy's port", || TcpListener::bind(self.address).ok());
        self.address = listener.local_addr().expect("address");
        self.shared.lock().closed = false;
        let (shared, master) = (Arc::clone(&self.shared), *self.master.lock().expect("address"));
        self.listener = Some(std::thread::spawn(move || shared.serve(&listener, master)));
    }

    /// All connections are cut, and new ones refused.
    pub fn refuse(&mut self) {
        {
            let mut state = self.shared.lock();
            state.closed = true;
            self.shared.cut(&mut state, false);
        }
        if let Some(listener) = self.listener.take() {
            // Wakes the thread from accept.
            drop(TcpStream::connect(self.address));
            listener.join().expect("the proxy's thread");
        }
    }

    /// Cuts all connections in the usual way.
    pub fn cut(&self) {
        self.shared.cut(&mut self.shared.lock(), false);
    }

    /// Ends all connections with RST.
    pub fn reset(&self) {
        self.shared.cut(&mut self.shared.lock(), true);
    }

    /// Cuts all connections when so many more bytes have passed.
    pub fn cut_after(&self, way: Way, bytes: usize) {
        self.shared.lock().rule(way).budget = Some(bytes);
    }

    /// How many times connections were cut, by request or when a budget was used up.
    pub fn cuts(&self) -> usize {
        self.shared.lock().cuts
    }

    /// Bytes that passed, both ways.
    pub fn passed(&self) -> u64 {
        self.shared.lock().passed
    }

    /// Lets nothing through, or everything again that has piled up.
    pub fn freeze(&self, way: Way, frozen: bool) {
        self.shared.lock().rule(way).frozen = frozen;
        self.shared.changed.notify_all();
    }

    /// Small portions, each followed by a pause; `None`: as they come.
    pub fn portions(&self, way: Way, portion: Option<(usize, Duration)>) {
        self.shared.lock().rule(way).portion = portion;
    }

    /// Writes bytes to the driver that no master sent, on all its connections.
    pub fn inject(&self, data: &[u8]) {
        for (driver, _) in &self.shared.lock().pairs {
            let _ = (&mut &*driver).write_all(data);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.refuse();
    }
}
