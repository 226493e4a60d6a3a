//! A cluster: several processes, on one machine or on many, and the connections between them.
//!
//! The hosts file has the format of timely's: a line `host:port` for each process, in the order of
//! their numbers. This module makes the connections itself, for three reasons. Timely would wait
//! without a limit. It would write to standard output. It would not check that all processes have the
//! same work.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::timely::communication::Hooks;
use ::timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use ::timely::communication::allocator::zero_copy::stream::Stream;
use ::timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};

use crate::stop::Stop;

/// The maximum size of a hosts file.
const MOST_BYTES: u64 = 65_536;

/// One process among several.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The address of each process.
    hosts: Vec<String>,
    /// The number of this process.
    process: usize,
    /// How long to wait for the other processes.
    patience: Duration,
    /// The work, as a text that differs for different work.
    work: String,
}

/// Why the processes could not be connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The hosts file cannot be read.
    #[error("`{}` cannot be read; name a file with a line `host:port` for each process", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The hosts file is too large.
    #[error("`{}` has more than the {MOST_BYTES} bytes that a hosts file can have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A line of the hosts file is no address.
    #[error("line {line} of `{}` is `{text}`, which is no `host:port`", path.display())]
    NoAddress {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// The text of the line.
        text: String,
    },
    /// There is no process with this number.
    #[error("there is no process {process}: `{}` has {hosts} of them, the first being 0", path.display())]
    NoProcess {
        /// The file.
        path: PathBuf,
        /// The number.
        process: usize,
        /// How many processes there are.
        hosts: usize,
    },
    /// This process cannot listen.
    #[error("`{address}` cannot be listened on: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Another process did not connect in time.
    #[error("process {process}, `{address}`, did not come within {} s", patience.as_secs())]
    Missing {
        /// The number of that process.
        process: usize,
        /// The address.
        address: String,
        /// How long this process waited.
        patience: Duration,
    },
    /// Another process has other work.
    #[error(
        "process {process} is about other work; start all with the same program and the same arguments"
    )]
    OtherWork {
        /// The number of that process.
        process: usize,
    },
    /// A connection broke.
    #[error("the connections to the other processes cannot be made: {0}")]
    Broken(#[from] io::Error),
}

/// The time between two attempts to reach another process.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
/// How long another process may take to send its greeting.
const GREETING: Duration = Duration::from_secs(5);

impl Cluster {
    /// The process with this number in a hosts file. `work` is a text that differs for different work.
    ///
    /// # Errors
    /// If the file cannot be read, has no `host:port` in each line, or no such process.
    pub fn read(
        path: &Path,
        process: usize,
        patience: Duration,
        work: String,
    ) -> Result<Self, ClusterError> {
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text))
            .map_err(|source| ClusterError::Unreadable { path: path.to_owned(), source })?;
        if text.len() as u64 > MOST_BYTES {
            return Err(ClusterError::TooLarge { path: path.to_owned() });
        }
        let mut hosts = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let is_address = line.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
            });
            if !is_address {
                let (path, text) = (path.to_owned(), line.to_owned());
                return Err(ClusterError::NoAddress { path, line: number + 1, text });
            }
            hosts.push(line.to_owned());
        }
        if process >= hosts.len() {
            let (path, hosts) = (path.to_owned(), hosts.len());
            return Err(ClusterError::NoProcess { path, process, hosts });
        }
        Ok(Self { hosts, process, patience, work })
    }

    /// How many processes there are.
    pub(super) fn processes(&self) -> usize {
        self.hosts.len()
    }

    /// The workers of this process, connected to all others. Sets `lost` when a connection breaks.
    pub(super) fn connect(
        &self,
        threads: usize,
        lost: &Arc<AtomicBool>,
        stop: &Stop,
    ) -> Result<(Vec<AllocatorBuilder>, Box<dyn std::any::Any + Send>), ClusterError> {
        hush();
        let until = Instant::now() + self.patience;
        // The number of workers decides which worker owns a state, so it has to be the same everywhere.
        let mut hasher = DefaultHasher::new();
        (&self.work, threads, &self.hosts, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
        let work = hasher.finish();
        let greeting = [self.process as u64, work];
        let mut streams: Vec<Option<TcpStream>> = self.hosts.iter().map(|_| None).collect();
        let address = &self.hosts[self.process];
        let listener = TcpListener::bind(address)
            .map_err(|source| ClusterError::Listen { address: address.clone(), source })?;
        listener.set_nonblocking(true)?;
        for (process, stream) in streams.iter_mut().enumerate().take(self.process) {
            *stream = Some(self.call(process, greeting, until, stop)?);
        }
        while let Some(process) =
            (self.process + 1..self.hosts.len()).find(|p| streams[*p].is_none())
        {
            match listener.accept() {
                Ok((mut stream, _)) => {
                    // A connection without the greeting is not from one of the processes.
                    let Ok([caller, its_work]) = greet(&mut stream, greeting) else { continue };
                    let Some(place) = usize::try_from(caller).ok().filter(|p| *p > self.process)
                    else {
                        continue;
                    };
                    if its_work != work {
                        return Err(ClusterError::OtherWork { process: place });
                    }
                    if let Some(known) = streams.get_mut(place) {
                        *known = Some(stream);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(process, until, stop)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let sockets = streams.into_iter().map(|stream| {
            stream.map(|stream| WatchedConnection { stream, lost: Arc::clone(lost) })
        });
        let hooks = Hooks::default();
        let own =
            ProcessBuilder::new_typed_vector(threads, hooks.refill.clone(), hooks.spill.clone());
        let (workers, connections) = initialize_networking_from_sockets(
            own,
            sockets.collect(),
            self.process,
            threads,
            hooks,
        )?;
        let workers = workers.into_iter().map(AllocatorBuilder::Tcp).collect();
        Ok((workers, Box::new(connections)))
    }

    /// Connects to a process, with new attempts until it answers.
    fn call(
        &self,
        process: usize,
        greeting: [u64; 2],
        until: Instant,
        stop: &Stop,
    ) -> Result<TcpStream, ClusterError> {
        loop {
            let stream = TcpStream::connect(&self.hosts[process]);
            if let Ok(mut stream) = stream
                && let Ok([callee, its_work]) = greet(&mut stream, greeting)
                && callee == process as u64
            {
                if its_work != greeting[1] {
                    return Err(ClusterError::OtherWork { process });
                }
                return Ok(stream);
            }
            self.wait(process, until, stop)?;
        }
    }

    fn wait(&self, process: usize, until: Instant, stop: &Stop) -> Result<(), ClusterError> {
        if Instant::now() >= until || stop.now() {
            let (address, patience) = (self.hosts[process].clone(), self.patience);
            return Err(ClusterError::Missing { process, address, patience });
        }
        std::thread::sleep(BETWEEN_TRIES);
        Ok(())
    }
}

/// Exchanges greetings: each process sends its number and its work.
fn greet(stream: &mut TcpStream, greeting: [u64; 2]) -> io::Result<[u64; 2]> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(GREETING))?;
    for word in greeting {
        stream.write_all(&word.to_be_bytes())?;
    }
    let mut heard = [0; 2];
    for word in &mut heard {
        let mut bytes = [0; 8];
        stream.read_exact(&mut bytes)?;
        *word = u64::from_be_bytes(bytes);
    }
    stream.set_read_timeout(None)?;
    Ok(heard)
}

/// A connection that sets a flag when it is lost. Otherwise only timely's thread that reads or writes it
/// would know: it panics.
struct WatchedConnection {
    stream: TcpStream,
    lost: Arc<AtomicBool>,
}

impl Drop for WatchedConnection {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.lost.store(true, Ordering::Relaxed);
        }
    }
}

impl Read for WatchedConnection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for WatchedConnection {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Stream for WatchedConnection {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { stream: self.stream.try_clone()?, lost: Arc::clone(&self.lost) })
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.stream.set_nonblocking(nonblocking)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.stream.shutdown(how)
    }
}

/// Silences the panics of threads whose connection is lost: one message reports the loss.
fn hush() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let default_hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let is_connection = thread.name().is_some_and(|name| {
                name.starts_with("timely:send-") || name.starts_with("timely:recv-")
            });
            if !is_connection {
                default_hook(panic);
            }
        }));
    });
}
