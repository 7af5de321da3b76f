//! A TCP proxy whose path fails as networks fail: bytes vanish, answers are lost, connections break, another server
//! stands behind the same address.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Listens on a free port of 127.0.0.1 and forwards to a port there. Its threads end with the value.
#[derive(Debug)]
pub struct TcpProxy {
    port: u16,
    path: Arc<Path>,
}

#[derive(Debug, Default)]
struct Path {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    target: u16,
    swallows: bool,
    loses: Option<Loss>,
    ended: bool,
    /// Open connections: both ends, by a running number.
    connections: HashMap<u64, (TcpStream, TcpStream)>,
    accepted: u64,
}

/// A text in a request, what happens then, and how many more times.
#[derive(Debug)]
struct Loss {
    text: Vec<u8>,
    of: Swallowed,
    times: usize,
}

impl Path {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of one connection's bytes is swallowed. A connection that lost bytes once never works again.
#[derive(Debug, Default, Clone, Copy)]
struct Swallowed {
    requests: bool,
    answers: bool,
}

impl TcpProxy {
    /// Forwards to `target`, a port of 127.0.0.1.
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port can be listened on");
        let port = listener.local_addr().expect("a listener has an address").port();
        let path = Arc::new(Path::default());
        path.state().target = target;
        let accepting = Arc::clone(&path);
        thread::spawn(move || accept(&listener, &accepting));
        Self { port, path }
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on every byte vanishes, of new connections too; they are accepted and never answered. A connection that
    /// lost bytes stays dead after [`TcpProxy::forward`].
    pub fn black_hole(&self) {
        self.path.state().swallows = true;
    }

    /// New connections work again.
    pub fn forward(&self) {
        self.path.state().swallows = false;
    }

    /// The next `times` requests that hold `text` reach the server, and nothing that it answers on these connections
    /// reaches the client.
    pub fn lose_answers_to(&self, text: &str, times: usize) {
        let of = Swallowed { requests: false, answers: true };
        self.path.state().loses = Some(Loss { text: text.as_bytes().to_vec(), of, times });
    }

    /// The next `times` requests that hold `text` never reach the server, and nothing else on these connections does: the
    /// server is left with what came before.
    pub fn lose_requests(&self, text: &str, times: usize) {
        let of = Swallowed { requests: true, answers: true };
        self.path.state().loses = Some(Loss { text: text.as_bytes().to_vec(), of, times });
    }

    /// How many of the requests to be lost have not come yet.
    pub fn still_to_lose(&self) -> usize {
        self.path.state().loses.as_ref().map_or(0, |loss| loss.times)
    }

    /// New connections go to this port; those that are open stay where they are.
    pub fn switch_to(&self, target: u16) {
        self.path.state().target = target;
    }

    /// Breaks every open connection.
    pub fn cut(&self) {
        for (_, (client, server)) in self.path.state().connections.drain() {
            close(&client);
            close(&server);
        }
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.path.state().accepted
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.path.state().ended = true;
        self.cut();
        // The thread that accepts looks up from its wait.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// A peer that is gone already needs no farewell.
fn close(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}

fn accept(listener: &TcpListener, path: &Arc<Path>) {
    for client in listener.incoming().flatten() {
        let target = {
            let mut state = path.state();
            if state.ended {
                return;
            }
            state.accepted += 1;
            state.target
        };
        // A connection into a black hole reaches its server only in that it is open.
        let Ok(server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], target))) else {
            close(&client);
            continue;
        };
        if let Err(error) = carry(client, server, path) {
            eprintln!("proxy: a connection could not be carried: {error}");
        }
    }
}

fn carry(client: TcpStream, server: TcpStream, path: &Arc<Path>) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let number = {
        let mut state = path.state();
        let number = state.accepted;
        state.connections.insert(number, (client.try_clone()?, server.try_clone()?));
        number
    };
    let swallowed = Arc::new(Mutex::new(Swallowed::default()));
    let (requests, answers) = ((client.try_clone()?, server.try_clone()?), (server, client));
    let (path_of_requests, swallowed_of_requests) = (Arc::clone(path), Arc::clone(&swallowed));
    thread::spawn(move || {
        let (path, swallowed) = (&path_of_requests, &swallowed_of_requests);
        pump(requests, number, path, |bytes| requests_pass(path, swallowed, bytes), || requests_pass(path, swallowed, &[]));
    });
    let path = Arc::clone(path);
    thread::spawn(move || pump(answers, number, &path, |_| answers_pass(&path, &swallowed), || answers_pass(&path, &swallowed)));
    Ok(())
}

fn pump(
    (mut from, mut to): (TcpStream, TcpStream),
    number: u64,
    path: &Path,
    passes: impl Fn(&[u8]) -> bool,
    carries_farewell: impl Fn() -> bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut buffer) {
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() || (passes(bytes) && to.write_all(bytes).is_err()) {
            break;
        }
    }
    // A path that swallows also swallows the farewell: the other side hears nothing of it until the proxy ends.
    if carries_farewell() {
        close(&from);
        close(&to);
        path.state().connections.remove(&number);
    }
}

fn requests_pass(path: &Path, swallowed: &Mutex<Swallowed>, bytes: &[u8]) -> bool {
    let mut state = path.state();
    let mut swallowed = swallowed.lock().unwrap_or_else(PoisonError::into_inner);
    swallowed.requests |= state.swallows;
    if let Some(Loss { text, of, times }) = &mut state.loses
        && *times > 0
        && bytes.windows(text.len().max(1)).any(|window| window == text.as_slice())
    {
        *times -= 1;
        swallowed.requests |= of.requests;
        swallowed.answers |= of.answers;
    }
    !swallowed.requests
}

fn answers_pass(path: &Path, swallowed: &Mutex<Swallowed>) -> bool {
    let swallows = path.state().swallows;
    let mut swallowed = swallowed.lock().unwrap_or_else(PoisonError::into_inner);
    swallowed.answers |= swallows;
    !swallowed.answers
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A server that repeats what it hears, with its name before it.
    fn echo(name: u8) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut buffer = [0; 64];
                    while let Ok(read @ 1..) = stream.read(&mut buffer) {
                        let heard = [&[name], buffer.get(..read).unwrap_or_default()].concat();
                        if stream.write_all(&heard).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        port
    }

    fn client(proxy: &TcpProxy) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", proxy.port())).expect("the proxy listens");
        stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a time-out can be set");
        stream
    }

    fn ask(stream: &mut TcpStream, text: &str) -> Option<String> {
        stream.write_all(text.as_bytes()).ok()?;
        let mut buffer = [0; 64];
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        Some(String::from_utf8_lossy(buffer.get(..read).unwrap_or_default()).into_owned())
    }

    #[test]
    fn bytes_vanish_until_the_path_is_good_again_for_new_connections() {
        let proxy = TcpProxy::start(echo(b'a'));
        let mut old = client(&proxy);
        assert_eq!(ask(&mut old, "1").as_deref(), Some("a1"));
        proxy.black_hole();
        assert_eq!(ask(&mut old, "2"), None);
        assert_eq!(ask(&mut client(&proxy), "3"), None);
        proxy.forward();
        assert_eq!(ask(&mut old, "4"), None, "what lost bytes never works again");
        assert_eq!(ask(&mut client(&proxy), "5").as_deref(), Some("a5"));
    }

    #[test]
    fn an_answer_is_lost_as_often_as_asked() {
        let proxy = TcpProxy::start(echo(b'a'));
        proxy.lose_answers_to("COMMIT", 1);
        let mut stream = client(&proxy);
        assert_eq!(ask(&mut stream, "BEGIN").as_deref(), Some("aBEGIN"));
        assert_eq!(ask(&mut stream, "COMMIT"), None);
        assert_eq!(proxy.still_to_lose(), 0);
        assert_eq!(ask(&mut client(&proxy), "COMMIT").as_deref(), Some("aCOMMIT"));
    }

    #[test]
    fn another_server_takes_the_new_connections_and_a_cut_breaks_all() {
        let proxy = TcpProxy::start(echo(b'a'));
        let mut old = client(&proxy);
        assert_eq!(ask(&mut old, "1").as_deref(), Some("a1"));
        proxy.switch_to(echo(b'b'));
        assert_eq!(ask(&mut old, "2").as_deref(), Some("a2"));
        assert_eq!(ask(&mut client(&proxy), "3").as_deref(), Some("b3"));
        proxy.cut();
        assert_eq!(ask(&mut old, "4"), None);
        assert_eq!(ask(&mut client(&proxy), "5").as_deref(), Some("b5"));
    }
}
