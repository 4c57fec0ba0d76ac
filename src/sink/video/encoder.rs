//! The video encoder: packed RGB in, packets with their true times out.
//!
//! Colours become BT.709 in limited range, and are tagged so; encoders of RGB get RGB, JPEG gets its own
//! BT.601 in full range, and small films that cannot be tagged (AVI, pipes) what players take them for.

use super::options::VideoSinkOptions;
use super::palette::Palette;
use super::quality::{self, Quality};
use super::timing::Timing;
use crate::error::{Error, Result};
use crate::ffmpeg::mux::Container;
use crate::ffmpeg::mux_codec;
use crate::ffmpeg::mux_scale::{Matrix, Range, RgbScaler};
use crate::frame::{Frame, Size};
use crate::time::FrameRate;
use ff::codec::{Flags, Id};
use ff::format::Pixel;
use ffmpeg_next as ff;
use std::borrow::Cow;
use std::collections::VecDeque;

/// One packet out of the encoder, in the source's ticks.
pub(in crate::sink) struct Encoded {
    pub(in crate::sink) packet: ff::Packet,
    pub(in crate::sink) pts: i64,
    pub(in crate::sink) dts: i64,
    pub(in crate::sink) duration: i64,
}

/// An open encoder with everything that stands before and behind it.
pub(in crate::sink) struct Encoder {
    inner: ff::encoder::video::Encoder,
    converter: Converter,
    timing: Timing,
    ready: VecDeque<Encoded>,
    received: i64,
}

enum Converter {
    Scale(Box<RgbScaler>),
    Palette(Palette),
}

/// What an encoder is opened with.
pub(in crate::sink) struct Wish<'a> {
    pub(in crate::sink) codec: ff::Codec,
    pub(in crate::sink) size: Size,
    pub(in crate::sink) rate: FrameRate,
    /// Ticks of the source that a frame lasts at that rate.
    pub(in crate::sink) nominal_ticks: i64,
    /// Where it goes: it may want codec headers once, in front, and may tell of colours or not.
    pub(in crate::sink) container: Container,
    pub(in crate::sink) manner: Manner,
    pub(in crate::sink) options: &'a VideoSinkOptions,
}

/// What matters more: the size of a film, or that a frame comes out as soon as it has gone in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum Manner {
    /// The encoder may look ahead, reorder, and place key frames where it likes.
    Film,
    /// Nothing is held back, key frames come when asked for, and each carries the codec's headers, so
    /// that a receiver can begin at any of them.
    Live,
}

/// What is asked of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum Coding {
    /// As the encoder likes.
    Free,
    /// Decodable by itself.
    Key,
}

impl Encoder {
    /// Opens the encoder; what it cannot do as wished is said in `notes`.
    pub(in crate::sink) fn open(wish: &Wish<'_>, notes: &mut Vec<String>) -> Result<Self> {
        let (codec, name) = (wish.codec, wish.codec.name());
        if let Some(crf) = wish.options.crf.filter(|crf| !crf.is_finite() || *crf < 0.0) {
            return Err(Error::usage(format!("--crf {crf} is no quality"))
                .hint("give a number from 0 (best) to 51, for example --crf 18"));
        }
        let format = pixel_format(wish, notes)?;
        let (matrix, range) = colours(wish, format);
        let broken = |error| encoder_error(name, "cannot be prepared", error);
        let tags = Tags::new(format, matrix, range);
        let converter = if format == Pixel::PAL8 {
            Converter::Palette(Palette::new(wish.size).map_err(broken)?)
        } else {
            let mut scaler = RgbScaler::new(wish.size, format, matrix, range).map_err(broken)?;
            tags.put_on_picture(scaler.picture());
            Converter::Scale(Box::new(scaler))
        };

        let mut video = ff::codec::Context::new_with_codec(codec).encoder().video().map_err(broken)?;
        video.set_width(wish.size.width as u32);
        video.set_height(wish.size.height as u32);
        video.set_format(format);
        let rate = nominal_rate(&codec, wish.rate);
        video.set_time_base((rate.den, rate.num));
        video.set_frame_rate(Some((rate.num, rate.den)));
        video.set_aspect_ratio((1, 1));
        tags.put_on_encoder(&mut video);

        let mut flags = Flags::empty();
        if wish.manner == Manner::Live {
            video.set_max_b_frames(0);
            // Whoever feeds it says when: counted in frames, the distance means nothing at a rate that varies.
            video.set_gop(1 << 30);
        }
        let in_front = wish.container.flags().contains(ff::format::Flags::GLOBAL_HEADER);
        flags.set(Flags::GLOBAL_HEADER, in_front);
        let mut settings = settings(wish, notes);
        let pixels_per_second = wish.size.pixels() as f64 * wish.rate.fps();
        let (quality, honoured) = quality::choose(&codec, wish.options.crf, pixels_per_second);
        if !honoured {
            notes.push(format!("The encoder {name} has no constant quality: --crf has no effect."));
        }
        match quality {
            Quality::Option(option, value) => {
                settings.set(option, &value.to_string());
                // libvpx and nvenc take a quality for a mere limit unless the bit rate is free.
                video.set_bit_rate(0);
            }
            Quality::Quantiser(quantiser) => {
                flags |= Flags::QSCALE;
                video.set_quality((quantiser * FF_QP2LAMBDA) as usize);
            }
            Quality::BitRate(bits) => video.set_bit_rate(bits),
            Quality::Fixed => {}
        }
        video.set_flags(flags);
        let inner = video.open_with(settings).map_err(|error| refused(wish, error))?;
        Ok(Self {
            inner,
            converter,
            timing: Timing::new(wish.nominal_ticks),
            ready: VecDeque::new(),
            received: 0,
        })
    }

    /// The open context, for a stream's parameters.
    pub(in crate::sink) fn context(&self) -> &ff::codec::Context {
        &self.inner
    }

    /// What a container must know of the packets that come out.
    pub(in crate::sink) fn parameters(&self) -> ff::codec::Parameters {
        ff::codec::Parameters::from(&self.inner)
    }

    /// Takes the next frame.
    pub(in crate::sink) fn send(
        &mut self,
        frame: Frame,
        ticks: i64,
        duration: Option<i64>,
    ) -> Result<(), ff::Error> {
        self.send_as(Cow::Owned(frame), ticks, duration, Coding::Free)
    }

    /// Takes the next frame, which need not be owned, and says how it is to be coded (palettes do not
    /// listen: each frame of theirs is a key).
    pub(in crate::sink) fn send_as(
        &mut self,
        frame: Cow<'_, Frame>,
        ticks: i64,
        duration: Option<i64>,
        coding: Coding,
    ) -> Result<(), ff::Error> {
        let number = self.timing.push(ticks, duration);
        match &mut self.converter {
            Converter::Scale(scaler) => {
                let picture = scaler.convert(frame)?;
                picture.set_pts(Some(number));
                picture.set_kind(match coding {
                    Coding::Free => ff::picture::Type::None,
                    Coding::Key => ff::picture::Type::I,
                });
                self.inner.send_frame(picture)?;
                self.receive()
            }
            Converter::Palette(palette) => {
                palette.push(&frame, number)?;
                self.send_palettes()
            }
        }
    }

    /// Says that no more frames will come; the rest is ready then.
    pub(in crate::sink) fn end(&mut self) -> Result<(), ff::Error> {
        if let Converter::Palette(palette) = &mut self.converter {
            palette.end()?;
            self.send_palettes()?;
        }
        self.inner.send_eof()?;
        self.receive()
    }

    /// The next packet that is ready.
    pub(in crate::sink) fn next(&mut self) -> Option<Encoded> {
        self.ready.pop_front()
    }

    fn send_palettes(&mut self) -> Result<(), ff::Error> {
        while let Converter::Palette(palette) = &mut self.converter
            && let Some(picture) = palette.pull()
        {
            self.inner.send_frame(&picture)?;
            self.receive()?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), ff::Error> {
        loop {
            let mut packet = ff::Packet::empty();
            match self.inner.receive_packet(&mut packet) {
                Ok(()) => {}
                Err(ff::Error::Eof | ff::Error::Other { errno: ff::error::EAGAIN }) => return Ok(()),
                Err(error) => return Err(error),
            }
            let number = packet.pts().unwrap_or(self.received);
            self.received += 1;
            let (pts, duration) = self.timing.shown(number).ok_or(ff::Error::Bug)?;
            let decoding = packet.dts().unwrap_or(number).min(number);
            let dts = self.timing.decoded(decoding).ok_or(ff::Error::Bug)?;
            self.timing.forget_below(decoding);
            self.ready.push_back(Encoded { packet, pts, dts, duration });
        }
    }
}

/// FFmpeg's unit for quantisers.
const FF_QP2LAMBDA: f32 = 118.0;

/// The private options, as text.
fn settings<'a>(wish: &Wish<'_>, notes: &mut Vec<String>) -> ff::Dictionary<'a> {
    let name = wish.codec.name();
    let mut settings = ff::Dictionary::new();
    let threads = wish.options.threads.map_or("auto".into(), |threads| threads.to_string());
    settings.set("threads", &threads);
    if let Some(preset) = &wish.options.preset {
        // A zero byte in it could not reach FFmpeg and would not be a preset.
        if mux_codec::has_option(&wish.codec, "preset") && !preset.contains('\0') {
            settings.set("preset", preset);
        } else {
            notes.push(format!("The encoder {name} has no presets: --preset {preset} has no effect."));
        }
    }
    match name {
        "libx264" if wish.manner == Manner::Live => {
            settings.set("tune", "zerolatency");
            settings.set("forced-idr", "1");
            settings.set("x264-params", "repeat-headers=1");
        }
        "libx265" if wish.manner == Manner::Live => {
            settings.set("tune", "zerolatency");
            settings.set("forced-idr", "1");
            settings.set("x265-params", "log-level=error:repeat-headers=1");
        }
        // Its own log would mix with ours.
        "libx265" => settings.set("x265-params", "log-level=error"),
        // Its default speed would hold painting up.
        "libvpx-vp9" | "libaom-av1" => {
            settings.set("row-mt", "1");
            settings.set("cpu-used", "4");
        }
        _ => {}
    }
    settings
}

fn pixel_format(wish: &Wish<'_>, notes: &mut Vec<String>) -> Result<Pixel> {
    let name = wish.codec.name();
    let wanted = match &wish.options.pix_fmt {
        None => Pixel::YUV420P,
        Some(text) => text.parse().map_err(|_| {
            Error::usage(format!("there is no pixel format '{text}'"))
                .hint("yuv420p, yuv422p, yuv444p and yuv420p10le are common; `ffmpeg -pix_fmts` lists all")
        })?,
    };
    let format = mux_codec::nearest_pixel_format(&wish.codec, wanted);
    let shown = |format: Pixel| format.descriptor().map_or("none", |descriptor| descriptor.name());
    if wish.options.pix_fmt.is_some() && format != wanted {
        notes.push(format!(
            "The encoder {name} does not take {}: {} is used instead.",
            shown(wanted),
            shown(format)
        ));
    }
    let (across, down) = mux_codec::chroma_block(format);
    if !wish.size.width.is_multiple_of(across) || !wish.size.height.is_multiple_of(down) {
        return Err(Error::usage(format!(
            "a film of {} cannot be written as {}: its sides must be even",
            wish.size,
            shown(format)
        ))
        .hint(format!("write {} instead, or add --pix-fmt yuv444p", wish.size.even())));
    }
    Ok(format)
}

/// Which numbers the encoder gets for a colour.
fn colours(wish: &Wish<'_>, format: Pixel) -> (Matrix, Range) {
    let codec = wish.codec.id();
    // Films that cannot say are taken for BT.601 in the sizes of old television, by players' custom.
    let guessed = wish.size.height <= 576 && !tells_colours(codec, wish.container);
    let matrix = if guessed { Matrix::Bt601 } else { Matrix::Bt709 };
    match format {
        _ if mux_codec::is_rgb(format) => (Matrix::Bt709, Range::Full),
        // JPEG knows only this one (JFIF).
        _ if codec == Id::MJPEG => (Matrix::Bt601, Range::Full),
        Pixel::YUVJ420P | Pixel::YUVJ422P | Pixel::YUVJ444P | Pixel::YUVJ440P => (matrix, Range::Full),
        _ => (matrix, Range::Limited),
    }
}

/// Whether the file says which colours its numbers mean: in its container or in the codec's own headers.
fn tells_colours(codec: Id, container: Container) -> bool {
    container.has_edit_lists()
        || container.is_matroska()
        || matches!(codec, Id::H264 | Id::HEVC | Id::AV1 | Id::VP9 | Id::MPEG2VIDEO | Id::PRORES | Id::DNXHD)
}

/// What a file says of its colours.
struct Tags {
    space: ff::color::Space,
    range: ff::color::Range,
    transfer: ff::color::TransferCharacteristic,
}

impl Tags {
    fn new(format: Pixel, matrix: Matrix, range: Range) -> Self {
        use ff::color;
        let rgb = mux_codec::is_rgb(format);
        Self {
            space: match matrix {
                _ if rgb => color::Space::RGB,
                Matrix::Bt709 => color::Space::BT709,
                Matrix::Bt601 => color::Space::BT470BG,
            },
            range: if range == Range::Full { color::Range::JPEG } else { color::Range::MPEG },
            transfer: if rgb {
                color::TransferCharacteristic::IEC61966_2_1
            } else {
                color::TransferCharacteristic::BT709
            },
        }
    }

    fn put_on_encoder(&self, video: &mut ff::encoder::video::Video) {
        video.set_colorspace(self.space);
        video.set_color_range(self.range);
        video.set_color_primaries(ff::color::Primaries::BT709);
        video.set_color_transfer_characteristic(self.transfer);
    }

    fn put_on_picture(&self, picture: &mut ff::frame::Video) {
        picture.set_color_space(self.space);
        picture.set_color_range(self.range);
        picture.set_color_primaries(ff::color::Primaries::BT709);
        picture.set_color_transfer_characteristic(self.transfer);
    }
}

/// The rate that the encoder is told: near the film's, in numbers that it takes.
fn nominal_rate(codec: &ff::Codec, rate: FrameRate) -> FrameRate {
    let listed = codec.video().ok().and_then(|video| video.rates()).and_then(|rates| {
        let distance = |listed: &ff::Rational| (f64::from(*listed) / rate.fps()).ln().abs();
        rates.min_by(|a, b| distance(a).total_cmp(&distance(b)))
    });
    match listed {
        Some(listed) => FrameRate::new(listed.numerator(), listed.denominator()),
        // MPEG-4 stores the clock in 16 bits.
        None if rate.num > 65_535 || rate.den > 65_535 => {
            FrameRate::new((rate.fps() * 1000.0).round().min(65_535.0) as i32, 1000)
        }
        None => rate,
    }
}

fn encoder_error(name: &str, what: &str, error: ff::Error) -> Error {
    Error::output(format!("the encoder {name} {what}: {error}"))
        .hint("try another with --codec, for example libx264")
}

fn refused(wish: &Wish<'_>, error: ff::Error) -> Error {
    let name = wish.codec.name();
    let mut chosen = vec![format!("size {}", wish.size)];
    let VideoSinkOptions { crf, preset, pix_fmt, .. } = wish.options;
    chosen.extend(crf.map(|crf| format!("--crf {crf}")));
    chosen.extend(preset.iter().map(|preset| format!("--preset {preset}")));
    chosen.extend(pix_fmt.iter().map(|pix_fmt| format!("--pix-fmt {pix_fmt}")));
    Error::usage(format!("the encoder {name} does not work with {}: {error}", chosen.join(", ")))
        .hint(format!("`ffmpeg -h encoder={name}` lists what it takes; libx264 works everywhere"))
}
