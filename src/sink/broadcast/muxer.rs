//! Packets into one container, from its header to its end: what a recording, a saved clip and a stream
//! have in common.
//!
//! Each begins with a key frame, and its time with it: at zero. What is older than that is left out.

use super::parcel::{CLOCK, Parcel, Track, Tracks};
use crate::ffmpeg::live::LiveOutput;
use crate::ffmpeg::mux::Container;
use crate::ffmpeg::{self, packet};
use crate::time::{TimeBase, Timestamp};
use ffmpeg_next as ff;

/// A container that is being written.
pub(super) struct Muxer {
    out: LiveOutput,
    bases: [TimeBase; 2],
    has_sound: bool,
    /// Where its time begins on the broadcast's clock.
    zero: Option<i64>,
    /// The last decoding time of each track in its own ticks: they must rise.
    last: [i64; 2],
    /// Where it ends so far, counted from `zero`.
    end: i64,
    frames: u64,
}

impl Muxer {
    /// Writes the header; `settings` are the muxer's own.
    pub(super) fn begin(
        mut out: LiveOutput,
        tracks: &Tracks,
        settings: &[(&str, &str)],
    ) -> Result<Self, ff::Error> {
        let sound = tracks.sound.iter().map(|sound| (sound, CLOCK));
        for (parameters, base) in std::iter::once((&tracks.picture, CLOCK)).chain(sound) {
            let mut stream = out.add_stream(ff::encoder::find(ff::codec::Id::None))?;
            stream.set_parameters(parameters.clone());
            stream.set_time_base(ffmpeg::rational(base));
        }
        if let Some(mut stream) = out.stream_mut(0) {
            stream.set_avg_frame_rate((tracks.rate.num, tracks.rate.den));
        }
        out.write_header_with(settings.iter().copied().collect())?;
        let base = |track| out.stream(track).map_or(CLOCK, |s| ffmpeg::time_base(s.time_base()));
        let bases = [base(0), base(1)];
        let has_sound = tracks.sound.is_some();
        Ok(Self { bases, has_sound, out, zero: None, last: [i64::MIN; 2], end: 0, frames: 0 })
    }

    /// Writes a packet, unless it is older than the first key frame. Says whether it was written.
    pub(super) fn write(&mut self, parcel: &Parcel) -> Result<bool, ff::Error> {
        if self.zero.is_none() && parcel.track == Track::Picture && parcel.is_key {
            self.zero = Some(parcel.at);
        }
        let Some(zero) = self.zero.filter(|&zero| zero <= parcel.at) else { return Ok(false) };
        let track = parcel.track as usize;
        if parcel.track == Track::Sound && !self.has_sound {
            return Ok(false);
        }
        let here = |ticks| Timestamp::new(ticks, CLOCK).rescale(self.bases[track]).ticks;
        // A coarser clock may round two times to one.
        let at = here(parcel.at - zero).max(self.last[track].saturating_add(1));
        self.last[track] = at;
        let mut packet = packet::share(&parcel.packet)?;
        packet.set_stream(track);
        packet.set_pts(Some(at));
        packet.set_dts(Some(at));
        packet.set_duration(here(parcel.duration));
        packet.set_position(-1);
        packet::write(&mut packet, &mut self.out)?;
        self.end = self.end.max(parcel.at - zero + parcel.duration);
        self.frames += u64::from(parcel.track == Track::Picture);
        Ok(true)
    }

    /// Completes the container.
    pub(super) fn end(&mut self) -> Result<(), ff::Error> {
        self.out.write_trailer()?;
        packet::flush(&mut self.out)
    }

    /// Hands everything that was written so far to the system.
    pub(super) fn flush(&mut self) -> Result<(), ff::Error> {
        packet::flush(&mut self.out)
    }

    /// Pictures written.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// How long it lasts so far, in ticks of [`CLOCK`].
    pub(super) fn length(&self) -> i64 {
        self.end
    }
}

/// The containers that a recording can be written in, by the extension of its name.
pub(super) fn file_container(extension: &str) -> Option<Container> {
    let known = matches!(extension, "mkv" | "mp4" | "mov");
    known.then(|| Container::by_extension(extension)).flatten()
}

/// Settings with which a file can be played at any moment while it is written: it comes in pieces of a
/// quarter of a second, so that much is missing after a kill.
pub(super) fn survivable(container: Container) -> &'static [(&'static str, &'static str)] {
    if container.is_matroska() {
        &[("cluster_time_limit", "250")]
    } else {
        &[("movflags", "+frag_keyframe+empty_moov+default_base_moof"), ("frag_duration", "250000")]
    }
}
