//! The microphone: sound from one of FFmpeg's devices, encoded, on the clock of the pictures.
//!
//! Devices stamp their sound with the time of day at which it was in the room (PulseAudio and ALSA take
//! their own delay off). Pictures count from the beginning of the show. The device's own stamps are kept to,
//! so that hours later nothing has drifted; only where they cannot be true (the computer has slept, the
//! clock was set) does what arrives count as heard just now.
//!
//! A microphone that is unplugged is tried again until it is back, or the show is over.

use super::notes::{Crew, Notes, spawn};
use super::parcel::{CLOCK, Parcel, Track};
use crate::error::{Error, Result};
use crate::ffmpeg::live::{self, Patience};
use crate::ffmpeg::{self, packet};
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

/// Between two attempts to open a device again that has stopped.
const RETRY: Duration = Duration::from_secs(1);

/// How often a thread that waits looks whether the show is over.
const GLANCE: Duration = Duration::from_millis(50);

/// How long a device is waited for at the end that hangs, or just says nothing.
const LEAVING: Duration = Duration::from_millis(100);

/// In microseconds: a stamp this near to the time of day is one, and sound is never farther from now. More than
/// any device keeps, on a machine that is too busy to read it.
const NEAR: i64 = 3_000_000;

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
        notes: &Notes,
    ) -> Result<(Listening, Receiver<Parcel>, ff::codec::Parameters)> {
        ffmpeg::init();
        let patience = Patience::new();
        let device = self.open(&patience)?;
        let parameters = device.transcoder.parameters();
        let (parcels, receiver) = bounded(PACKETS);
        let ear = Ear {
            microphone: self.clone(),
            header: packet::parameters_extradata(&parameters).to_vec(),
            patience: Arc::clone(&patience),
            began,
            parcels,
            notes: notes.clone(),
            is_late: false,
        };
        let crew = Crew::new();
        spawn("microphone", crew.shift(), move || ear.listen(device))?;
        Ok((Listening { patience, crew: Some(crew) }, receiver, parameters))
    }

    /// Opens the device, and what decodes and encodes its sound.
    fn open(&self, patience: &Arc<Patience>) -> Result<Device> {
        let input = self.open_input(patience);
        // From now on it may be silent for as long as it likes.
        patience.allow(Duration::MAX / 4);
        let input = input?;
        let unusable = |error| {
            Error::input(format!("cannot use the microphone '{}': {}", self.name, ffmpeg::reason(error)))
        };
        let stream = input
            .streams()
            .best(ff::media::Type::Audio)
            .ok_or_else(|| unusable(ff::Error::StreamNotFound))?;
        let transcoder = AudioTranscoder::of_device(&stream).map_err(unusable)?;
        let (stream, base) = (stream.index(), ffmpeg::time_base(stream.time_base()));
        Ok(Device { input, stream, base, transcoder })
    }

    fn open_input(&self, patience: &Arc<Patience>) -> Result<Input> {
        let kinds = self.kind.map_or_else(|| available(USUAL), |kind| vec![kind]);
        let mut reasons = Vec::new();
        for kind in kinds {
            patience.allow(OPENING);
            match live::open_device(kind, &self.name, patience) {
                Ok(input) => return Ok(input),
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

/// A device that is open.
struct Device {
    input: Input,
    /// Which of its streams is heard, and that one's clock.
    stream: usize,
    base: TimeBase,
    transcoder: AudioTranscoder,
}

/// Listens as long as it is held.
pub(super) struct Listening {
    patience: Arc<Patience>,
    /// Of one. A device that says nothing can hold its reader for ever, so nobody else's end waits for it.
    crew: Option<Crew>,
}

impl Listening {
    /// Nothing more is wanted.
    pub(super) fn end(&self) {
        self.patience.end_within(Duration::ZERO);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.end();
        if let Some(crew) = self.crew.take() {
            crew.wait(LEAVING);
        }
    }
}

/// The thread's side.
struct Ear {
    microphone: Microphone,
    /// The header of the sound's codec, which is that of the whole show.
    header: Vec<u8>,
    patience: Arc<Patience>,
    began: Instant,
    parcels: Sender<Parcel>,
    notes: Notes,
    is_late: bool,
}

impl Ear {
    /// Hears until nobody wants to know any more.
    fn listen(mut self, device: Device) {
        let mut device = Some(device);
        while let Some(present) = device.take() {
            let Some(error) = self.hear(present) else { return };
            self.notes.say(format!(
                "The microphone has stopped: {}. It is tried again; until then there is no sound.",
                ffmpeg::reason(error)
            ));
            device = self.open_again();
        }
    }

    /// Waits for the device to come back; `None` if it never does, or as something else.
    fn open_again(&self) -> Option<Device> {
        loop {
            let until = Instant::now() + RETRY;
            while Instant::now() < until {
                if self.patience.is_over() {
                    return None;
                }
                std::thread::sleep(GLANCE);
            }
            let Ok(device) = self.microphone.open(&self.patience) else { continue };
            if packet::parameters_extradata(&device.transcoder.parameters()) == self.header {
                self.notes.say("The microphone is back.");
                return Some(device);
            }
            self.notes.say("The microphone is back with another format: it goes on without sound.");
            return None;
        }
    }

    /// Hears one device. `Some`: why it has stopped; `None`: nobody wants to know any more.
    fn hear(&mut self, device: Device) -> Option<ff::Error> {
        let Device { mut input, stream, base, mut transcoder } = device;
        let mut clock = DeviceClock { base, began: self.began, own: None };
        while !self.patience.is_over() {
            let mut packet = ff::Packet::empty();
            let heard = match packet.read(&mut input) {
                Ok(()) if packet.stream() == stream => self.encode(&mut packet, &mut clock, &mut transcoder),
                Ok(()) => Ok(true),
                Err(ff::Error::Other { errno: ff::error::EAGAIN }) => {
                    std::thread::sleep(Duration::from_millis(5));
                    Ok(true)
                }
                Err(error) => Err(error),
            };
            match heard {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return (!self.patience.is_over()).then_some(error),
            }
        }
        None
    }

    /// Encodes one packet of the device; `false` if nobody takes sound any more.
    fn encode(
        &mut self,
        packet: &mut ff::Packet,
        clock: &mut DeviceClock,
        transcoder: &mut AudioTranscoder,
    ) -> Result<bool, ff::Error> {
        if let Some(at) = packet.pts().or(packet.dts()) {
            let at = clock.place(at, packet.duration());
            packet.set_pts(Some(at));
            packet.set_dts(Some(at));
        }
        let base = ffmpeg::time_base(transcoder.time_base());
        for packet in transcoder.transcode(Some(packet))? {
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
    /// For stamps that are no time of day: what is taken off them, in `base`.
    own: Option<i64>,
}

impl DeviceClock {
    /// The time, in `base`, of a packet stamped `stamp` that has just arrived.
    fn place(&mut self, stamp: i64, duration: i64) -> i64 {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let of_day = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros);
        self.place_at(stamp, duration, micros(self.began.elapsed()), of_day)
    }

    /// `now` since the beginning and `of_day`, in microseconds, are the same moment.
    fn place_at(&mut self, stamp: i64, duration: i64, now: i64, of_day: i64) -> i64 {
        let ticks = |micros| Timestamp::new(micros, MICROSECONDS).rescale(self.base).ticks;
        let stamped = Timestamp::new(stamp, self.base).rescale(MICROSECONDS).ticks;
        if stamped.abs_diff(of_day) < NEAR.unsigned_abs() {
            // The difference of both clocks anew each time: that of the day may be set meanwhile.
            return stamp - ticks(of_day - now);
        }
        // Some clock of its own: what came first ended when it came.
        let arrived = ticks(now) - duration;
        let own = self.own.map(|own| stamp - own);
        let believed = own.filter(|at| at.abs_diff(arrived) < ticks(NEAR).unsigned_abs());
        believed.unwrap_or_else(|| {
            self.own = Some(stamp - arrived);
            arrived
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::parcel::SECOND;
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
        let error = microphone.listen(Instant::now(), &Notes::default()).err().unwrap();
        assert_eq!(error.kind(), crate::error::ErrorKind::Input);
        assert!(error.to_string().contains("no_such_filter") && error.next_step().is_some(), "{error}");
    }

    fn clock(base: TimeBase) -> DeviceClock {
        DeviceClock { base, began: Instant::now(), own: None }
    }

    const OF_DAY: i64 = 1_764_000_000_000_000;

    #[test]
    fn stamps_of_the_day_and_of_the_devices_own_become_time_since_the_beginning() {
        // Heard 30 ms ago, 2 s after the beginning.
        let mut daily = clock(MICROSECONDS);
        assert_eq!(daily.place_at(OF_DAY - 30_000, 10_000, 2_000_000, OF_DAY), 1_970_000);
        // Its own clock, in samples: the packet's 480 have just been heard.
        let mut own = clock(TimeBase::new(1, 48_000));
        assert_eq!(own.place_at(7_000_000, 480, 2_000_000, OF_DAY), 96_000 - 480);
        // The next comes late, but its stamp is believed.
        assert_eq!(own.place_at(7_000_480, 480, 2_700_000, OF_DAY), 96_000);
    }

    #[test]
    fn when_the_computer_has_slept_or_the_clock_was_set_sound_stays_near_now() {
        let mut daily = clock(MICROSECONDS);
        let second = 1_000_000;
        // The clock is set forward by 0.7 s: stamps follow at once.
        assert_eq!(daily.place_at(OF_DAY + 700_000, 0, 5 * second, OF_DAY + 700_000), 5 * second);
        // Eight hours of sleep, of which the time since the beginning knows nothing; the device's stamps have
        // not noticed yet, and then they have.
        let late = OF_DAY + 8 * 3600 * second;
        assert_eq!(daily.place_at(OF_DAY + second, 10_000, 6 * second, late), 6 * second - 10_000);
        assert_eq!(daily.place_at(OF_DAY + second + 10_000, 10_000, 6 * second, late), 6 * second);
        assert_eq!(daily.place_at(late, 10_000, 6 * second + 20_000, late + 20_000), 6 * second);
        // One whose own clock has jumped is believed no longer.
        let mut own = clock(MICROSECONDS);
        assert_eq!(own.place_at(0, 0, second, OF_DAY), second);
        assert_eq!(own.place_at(100 * second, 0, 2 * second, OF_DAY), 2 * second);
        assert_eq!(own.place_at(101 * second, 0, 2 * second + 1, OF_DAY), 3 * second);
    }

    #[test]
    fn a_device_that_stops_is_tried_again_and_one_that_is_silent_holds_up_nobody() {
        // It sounds for a fifth of a second and is then at its end; opened again, it begins anew.
        let microphone = Microphone::parse("lavfi:sine=duration=0.2").unwrap();
        let notes = Notes::default();
        let (listening, parcels, _) = microphone.listen(Instant::now(), &notes).unwrap();
        let first = parcels.recv_timeout(Duration::from_secs(5)).unwrap();
        let later = parcels.iter().find(|parcel| parcel.at > first.at + SECOND / 2).unwrap();
        assert!(later.duration > 0);
        let said = notes.take();
        assert!(said.len() >= 2, "{said:?}");
        assert!(said[0].contains("has stopped: end of file") && said[1].contains("is back"), "{said:?}");
        let began = Instant::now();
        drop((listening, parcels));
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}
