//! The microphone: sound from one of FFmpeg's devices, encoded, on the clock of the pictures.
//!
//! Devices stamp their sound with the time of day at which it was in the room (PulseAudio and ALSA take
//! their own delay off). Pictures count from the beginning of the show. The two are brought together
//! once, at the first packet; from then on the device's own stamps are kept to, so that five minutes
//! later nothing has drifted.

use super::notes::{Crew, Notes, spawn};
use super::parcel::{CLOCK, Parcel, Track};
use crate::error::{Error, Result};
use crate::ffmpeg::live::{self, Patience};
use crate::ffmpeg::{self};
use crate::sink::video::audio::AudioTranscoder;
use crate::time::{TimeBase, Timestamp};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use ff::format::context::Input;
use ffmpeg_next as ff;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The devices that are tried for a name without one, in this order.
const USUAL: &[&str] = &["pulse", "alsa"];

/// Devices that may be named before a colon.
const KINDS: &[&str] = &["pulse", "alsa", "jack", "oss", "sndio", "avfoundation", "dshow", "lavfi"];

/// How long a device may take to open.
const OPENING: Duration = Duration::from_secs(5);

/// Packets of sound that may wait for the encoder's thread: five seconds.
const PACKETS: usize = 256;

/// A stamp this near to the time of day is one.
const NEAR: i64 = 10_000_000;

const MICROSECONDS: TimeBase = TimeBase { num: 1, den: 1_000_000 };

/// Which device to listen to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Microphone {
    /// FFmpeg's name of the kind; any usual one if there is none.
    kind: Option<&'static str>,
    name: String,
}

impl Default for Microphone {
    /// The system's own choice.
    fn default() -> Self {
        Self { kind: None, name: "default".into() }
    }
}

impl Microphone {
    /// Reads the name of a device as its kind knows it ("hw:1,0"), or with the kind before it
    /// ("alsa:hw:1,0", "pulse:default"; "lavfi:sine,arealtime" makes sound of its own).
    ///
    /// # Errors
    /// [`Error::usage`] for an empty name, or a kind that this FFmpeg lacks.
    pub fn parse(text: &str) -> Result<Self> {
        let named = text
            .split_once(':')
            .and_then(|(kind, name)| KINDS.iter().find(|known| **known == kind).map(|known| (*known, name)));
        let (kind, name) = named.map_or((None, text), |(kind, name)| (Some(kind), name));
        if name.trim().is_empty() || name.contains('\0') {
            return Err(
                Error::usage("a microphone needs a name").hint("leave it out for the system's own choice")
            );
        }
        if let Some(kind) = kind.filter(|kind| !live::has_device(kind)) {
            return Err(Error::usage(format!(
                "cannot listen through {kind}: this FFmpeg was built without it"
            ))
            .hint(format!("these work: {}", available(KINDS).join(", "))));
        }
        Ok(Self { kind, name: name.to_owned() })
    }

    /// Opens the device and begins to listen; `began` is the moment from which times count.
    pub(super) fn listen(
        &self,
        began: Instant,
        crew: &Crew,
        notes: &Notes,
    ) -> Result<(Listening, Receiver<Parcel>, ff::codec::Parameters)> {
        ffmpeg::init();
        let patience = Patience::new();
        let mut input = self.open(&patience)?;
        let unusable = |error| {
            Error::input(format!("cannot use the microphone '{}': {}", self.name, ffmpeg::reason(error)))
        };
        let (stream, base, transcoder) = {
            let stream = input
                .streams()
                .best(ff::media::Type::Audio)
                .ok_or_else(|| unusable(ff::Error::StreamNotFound))?;
            let transcoder = AudioTranscoder::of_device(&stream).map_err(unusable)?;
            (stream.index(), ffmpeg::time_base(stream.time_base()), transcoder)
        };
        let parameters = transcoder.parameters();
        let (parcels, receiver) = bounded(PACKETS);
        let clock = DeviceClock { base, began, offset: None };
        let ear = Ear { transcoder, stream, clock, parcels, notes: notes.clone(), is_late: false };
        let listening = Listening(Arc::clone(&patience));
        spawn("microphone", crew.shift(), move || ear.listen(&mut input, &patience))?;
        Ok((listening, receiver, parameters))
    }

    fn open(&self, patience: &Arc<Patience>) -> Result<Input> {
        let kinds = self.kind.map_or_else(|| available(USUAL), |kind| vec![kind]);
        let mut reasons = Vec::new();
        for kind in kinds {
            patience.allow(OPENING);
            match live::open_device(kind, &self.name, patience) {
                Ok(input) => {
                    patience.allow(Duration::MAX / 4);
                    return Ok(input);
                }
                Err(error) => reasons.push(format!("{kind}: {}", ffmpeg::reason(error))),
            }
        }
        if reasons.is_empty() {
            return Err(Error::input("cannot listen: this FFmpeg knows neither PulseAudio nor ALSA")
                .hint("leave --audio out"));
        }
        Err(Error::input(format!("cannot open the microphone '{}' ({})", self.name, reasons.join("; ")))
            .hint("`pactl list short sources` and `arecord -L` list what there is; or leave --audio out"))
    }
}

fn available(kinds: &[&'static str]) -> Vec<&'static str> {
    kinds.iter().copied().filter(|kind| live::has_device(kind)).collect()
}

/// Listens as long as it is held.
pub(super) struct Listening(Arc<Patience>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.end_within(Duration::ZERO);
    }
}

/// The thread's side.
struct Ear {
    transcoder: AudioTranscoder,
    stream: usize,
    clock: DeviceClock,
    parcels: Sender<Parcel>,
    notes: Notes,
    is_late: bool,
}

impl Ear {
    fn listen(mut self, input: &mut Input, patience: &Patience) {
        let mut packet = ff::Packet::empty();
        while !patience.is_over() {
            let heard = match packet.read(input) {
                Ok(()) if packet.stream() == self.stream => self.hear(&mut packet),
                Ok(()) => Ok(true),
                Err(ff::Error::Other { errno: ff::error::EAGAIN }) => {
                    std::thread::sleep(Duration::from_millis(5));
                    Ok(true)
                }
                Err(error) => Err(error),
            };
            match heard {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) if patience.is_over() => return,
                Err(error) => {
                    self.notes.say(format!(
                        "The microphone has stopped: {}. It goes on without sound.",
                        ffmpeg::reason(error)
                    ));
                    return;
                }
            }
            packet = ff::Packet::empty();
        }
    }

    /// Encodes one packet of the device; `false` if nobody takes sound any more.
    fn hear(&mut self, packet: &mut ff::Packet) -> Result<bool, ff::Error> {
        if let Some(at) = packet.pts().or(packet.dts()) {
            let at = self.clock.place(at, packet.duration());
            packet.set_pts(Some(at));
            packet.set_dts(Some(at));
        }
        let base = ffmpeg::time_base(self.transcoder.time_base());
        for packet in self.transcoder.transcode(Some(packet))? {
            let ticks = |ticks| Timestamp::new(ticks, base).rescale(CLOCK).ticks;
            let at = ticks(packet.pts().unwrap_or(0));
            let duration = ticks(packet.duration());
            match self.parcels.try_send(Parcel { packet, track: Track::Sound, at, duration, is_key: true }) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => {
                    if !std::mem::replace(&mut self.is_late, true) {
                        self.notes.say("Some of the microphone's sound is lost: the encoder cannot keep up.");
                    }
                }
                Err(TrySendError::Disconnected(_)) => return Ok(false),
            }
        }
        Ok(true)
    }
}

/// From a device's stamps to the time since the beginning.
struct DeviceClock {
    base: TimeBase,
    began: Instant,
    /// What is taken off a stamp, in `base`.
    offset: Option<i64>,
}

impl DeviceClock {
    /// The time of a packet stamped `stamp` that has just arrived.
    fn place(&mut self, stamp: i64, duration: i64) -> i64 {
        let offset = match self.offset {
            Some(offset) => offset,
            None => {
                let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
                let of_day = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros);
                self.offset_at(stamp, duration, micros(self.began.elapsed()), of_day)
            }
        };
        self.offset = Some(offset);
        stamp - offset
    }

    /// `now` since the beginning and `of_day`, in microseconds, are the same moment.
    fn offset_at(&self, stamp: i64, duration: i64, now: i64, of_day: i64) -> i64 {
        let ticks = |micros| Timestamp::new(micros, MICROSECONDS).rescale(self.base).ticks;
        let stamped = Timestamp::new(stamp, self.base).rescale(MICROSECONDS).ticks;
        if (stamped - of_day).abs() < NEAR {
            ticks(of_day - now)
        } else {
            // Some clock of its own: then what has just arrived ends now.
            stamp + duration - ticks(now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_say_their_kind() {
        let parse = |text| Microphone::parse(text).unwrap();
        assert_eq!(parse("lavfi:sine,arealtime").kind, Some("lavfi"));
        assert_eq!(parse("lavfi:sine,arealtime").name, "sine,arealtime");
        assert_eq!((parse("hw:1,0").kind, parse("hw:1,0").name.as_str()), (None, "hw:1,0"));
        assert!(Microphone::parse("").is_err() && Microphone::parse("lavfi: ").is_err());
    }

    #[test]
    fn a_device_that_does_not_exist_is_a_sentence() {
        let microphone = Microphone::parse("lavfi:no_such_filter").unwrap();
        let error = microphone.listen(Instant::now(), &Crew::new(), &Notes::default()).err().unwrap();
        assert_eq!(error.kind(), crate::error::ErrorKind::Input);
        assert!(error.to_string().contains("no_such_filter") && error.next_step().is_some(), "{error}");
    }

    #[test]
    fn stamps_of_the_day_and_of_the_devices_own_become_time_since_the_beginning() {
        let clock = |base| DeviceClock { base, began: Instant::now(), offset: None };
        let of_day = 1_764_000_000_000_000;
        // Heard 30 ms ago, 2 s after the beginning.
        let stamp = of_day - 30_000;
        let offset = clock(MICROSECONDS).offset_at(stamp, 10_000, 2_000_000, of_day);
        assert_eq!(stamp - offset, 1_970_000);
        // Its own clock, in samples: the packet's 480 have just been heard.
        let offset = clock(TimeBase::new(1, 48_000)).offset_at(96_000, 480, 2_000_000, of_day);
        assert_eq!(96_000 - offset, 96_000 - 480);
    }
}
