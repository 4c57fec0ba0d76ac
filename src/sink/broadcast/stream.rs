//! A stream to somebody on the network, on a thread of its own: connecting, sending, losing the other
//! end and finding it again.
//!
//! Each connection begins with a key frame, and its time with it at zero. Nothing here is ever waited
//! for longer than a stated time, and the end of the show cuts all of them short.

use super::address::Address;
use super::feed::{Feed, Link};
use super::muxer::Muxer;
use super::notes::{Crew, Notes, spawn};
use super::parcel::{Parcel, Tracks};
use crate::error::Result;
use crate::ffmpeg::{self, live, live::Patience};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use ffmpeg_next as ff;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to answer.
const CONNECTING: Duration = Duration::from_secs(10);

/// How long a receiver may take nothing at all before it counts as gone.
const SENDING: Duration = Duration::from_secs(5);

/// How long the last packets and the farewell may take. The whole end of a show has a second.
const FAREWELL: Duration = Duration::from_millis(500);

/// Pauses between attempts grow from the first to the last, twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A connection that lasted this long was a good one: after it, pauses begin with the first again.
const GOOD: Duration = Duration::from_secs(10);

/// How far a transport stream's clock runs ahead.
const TRANSPORT_DELAY: Duration = Duration::from_millis(100);

/// How a stream is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamState {
    /// It has not been connected yet.
    Connecting,
    /// Packets are being sent.
    Connected,
    /// It was connected, and is being connected again.
    Lost,
    /// The show is over.
    Ended,
}

/// What is known of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamNow {
    /// Its address, as far as it may be shown.
    pub address: String,
    /// How it is doing.
    pub state: StreamState,
    /// Packets sent.
    pub sent: u64,
    /// Packets that were made and not sent: while it was not connected, or because the other end was
    /// too slow.
    pub dropped: u64,
    /// How often it was connected again after it had been lost.
    pub reconnects: u64,
}

/// Shared between the stream's thread and whoever asks how it is going.
pub(super) struct Stream {
    address: Address,
    link: Arc<Link>,
    patience: Arc<Patience>,
    state: AtomicU8,
    sent: AtomicU64,
    reconnects: AtomicU64,
}

impl Stream {
    /// As it is now.
    pub(super) fn now(&self) -> StreamNow {
        use StreamState::{Connected, Connecting, Ended, Lost};
        let states = [Connecting, Connected, Lost, Ended];
        let state = states.into_iter().find(|&state| state as u8 == self.state.load(Ordering::Acquire));
        StreamNow {
            address: self.address.shown().to_owned(),
            state: state.unwrap_or(Ended),
            sent: self.sent.load(Ordering::Relaxed),
            dropped: self.link.dropped(),
            reconnects: self.reconnects.load(Ordering::Relaxed),
        }
    }

    /// From now on nothing takes longer than the farewell may.
    pub(super) fn hurry(&self) {
        self.patience.end_within(FAREWELL);
    }

    fn set(&self, state: StreamState) {
        self.state.store(state as u8, Ordering::Release);
    }
}

/// Begins to stream. It ends when the [`Feed`] is dropped.
pub(super) fn start(
    address: Address,
    tracks: &Tracks,
    crew: &Crew,
    notes: &Notes,
) -> Result<(Feed, Arc<Stream>)> {
    let (feed, queue) = Feed::new();
    let stream = Arc::new(Stream {
        address,
        link: Arc::clone(&feed.link),
        patience: Patience::new(),
        state: AtomicU8::new(StreamState::Connecting as u8),
        sent: AtomicU64::new(0),
        reconnects: AtomicU64::new(0),
    });
    let sender = Sender {
        stream: Arc::clone(&stream),
        tracks: tracks.clone(),
        queue,
        notes: notes.clone(),
        lost_at: None,
        complaint: None,
    };
    spawn("stream", crew.shift(), move || sender.run())?;
    Ok((feed, stream))
}

/// The thread's side.
struct Sender {
    stream: Arc<Stream>,
    tracks: Tracks,
    queue: Receiver<Arc<Parcel>>,
    notes: Notes,
    lost_at: Option<Instant>,
    /// The last reason that was told for not being connected.
    complaint: Option<String>,
}

/// How a connection came to its end.
enum End {
    /// There is nothing more to send.
    Show,
    /// The other end, or the way there.
    Lost(ff::Error),
}

impl Sender {
    fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            self.stream.patience.allow(CONNECTING);
            match self.connect() {
                Ok(muxer) => {
                    let began = Instant::now();
                    let End::Lost(error) = self.send(muxer) else { break };
                    if began.elapsed() >= GOOD {
                        pause = FIRST_PAUSE;
                    }
                    self.lose(error);
                }
                Err(error) => self.complain(error),
            }
            if !self.rest(pause) {
                break;
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        self.stream.set(StreamState::Ended);
    }

    fn connect(&self) -> Result<Muxer, ff::Error> {
        let Stream { address, patience, .. } = &*self.stream;
        let container = address.container();
        let mut out = live::open_output(container, address.url(), patience, address.protocol_settings())?;
        if address.is_remote() {
            live::flush_every_packet(&mut out);
        }
        if container.name() == "mpegts" {
            live::set_max_delay(&mut out, TRANSPORT_DELAY);
        }
        Muxer::begin(out, &self.tracks, address.muxer_settings())
    }

    /// Sends until the show or the connection ends.
    fn send(&mut self, mut muxer: Muxer) -> End {
        let stream = Arc::clone(&self.stream);
        // Left over from the connection before.
        stream.link.drop_more(self.queue.try_iter().count() as u64);
        stream.link.open();
        stream.set(StreamState::Connected);
        self.greet();
        let lost = self.queue.iter().find_map(|parcel| {
            stream.patience.allow(SENDING);
            match muxer.write(&parcel) {
                Ok(true) => stream.sent.fetch_add(1, Ordering::Relaxed),
                Ok(false) => {
                    stream.link.drop_more(1);
                    0
                }
                Err(error) => {
                    stream.link.drop_more(1);
                    return Some(error);
                }
            };
            None
        });
        stream.link.close();
        // Also says goodbye to a server that is there, and cleans up after one that is not.
        stream.patience.allow(FAREWELL);
        let farewell = muxer.end();
        match lost {
            Some(error) => End::Lost(error),
            None => {
                if let Err(error) = farewell {
                    self.notes.say(format!(
                        "The stream to {} did not end properly: {}.",
                        stream.address.shown(),
                        self.why(error)
                    ));
                }
                End::Show
            }
        }
    }

    fn greet(&mut self) {
        let shown = self.stream.address.shown();
        match self.lost_at.take() {
            Some(at) => {
                self.stream.reconnects.fetch_add(1, Ordering::Relaxed);
                self.notes.say(format!(
                    "Streaming to {shown} again, after {:.0} s without.",
                    at.elapsed().as_secs_f64().max(1.0)
                ));
            }
            None => self.notes.say(format!("Streaming to {shown}.")),
        }
        self.complaint = None;
    }

    fn lose(&mut self, error: ff::Error) {
        self.stream.set(StreamState::Lost);
        self.lost_at = Some(Instant::now());
        let reason = self.why(error);
        self.notes.say(format!(
            "The stream to {} broke off: {reason}. It is tried again.",
            self.stream.address.shown()
        ));
        self.complaint = Some(reason);
    }

    /// Tells why there is no connection, once for each reason.
    fn complain(&mut self, error: ff::Error) {
        let reason = self.why(error);
        if self.complaint.as_ref() != Some(&reason) {
            self.notes.say(format!(
                "Cannot stream to {} yet: {reason}. It is tried again.",
                self.stream.address.shown()
            ));
            self.complaint = Some(reason);
        }
    }

    fn why(&self, error: ff::Error) -> String {
        match error {
            ff::Error::Exit if self.stream.state.load(Ordering::Relaxed) == StreamState::Connected as u8 => {
                format!("nothing was taken for {} s", SENDING.as_secs())
            }
            ff::Error::Exit => format!("there was no answer within {} s", CONNECTING.as_secs()),
            ff::Error::Eof => "the other end closed the connection".into(),
            ff::Error::Other { errno: ff::error::EIO } if self.stream.address.is_secure() => {
                "no secure connection comes about (this system must trust the server's certificate)".into()
            }
            error => ffmpeg::reason(error),
        }
    }

    /// Waits for the next attempt; `false` if the show is over.
    fn rest(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            match self.queue.recv_deadline(until) {
                // Queued just before the link was closed.
                Ok(_) => self.stream.link.drop_more(1),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}
