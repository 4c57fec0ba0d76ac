//! The one hinge to FFmpeg: initialisation, rationals, error text, and the few calls that its Rust
//! wrapper lacks. Other rooms speak of [`crate::time`] and [`crate::frame`], not of FFmpeg's types.

pub mod about;
pub mod colour;
pub mod decode;
pub mod graph;
pub mod live;
pub mod open;
pub mod orient;
pub mod picture;
pub mod probe;

pub use ffmpeg_next::Error as Failure;
pub use probe::{Probe, probe};
pub mod mux;
pub mod mux_codec;
mod mux_rgb420;
pub mod mux_scale;
pub mod mux_subtitle;
pub mod packet;
pub mod tags;

use crate::time::{FrameRate, TimeBase};
use ffmpeg_next as ff;
use std::sync::OnceLock;

/// Registers FFmpeg's parts once and silences its own log, whose lines would mix with ours. Cheap to
/// call again.
pub fn init() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        // Fails only where FFmpeg itself was built without what it needs; the first open says so.
        let _ = ff::init();
        ff::log::set_level(ff::log::Level::Quiet);
    });
}

/// A time base as FFmpeg's rational.
pub fn rational(base: TimeBase) -> ff::Rational {
    ff::Rational::new(base.num, base.den)
}

/// FFmpeg's rational as a time base; invalid ones become 1/1.
pub fn time_base(rational: ff::Rational) -> TimeBase {
    TimeBase::new(rational.numerator(), rational.denominator())
}

/// FFmpeg's rational as a frame rate, or `None` where FFmpeg says "unknown" (0/0 and the like).
pub fn frame_rate(rational: ff::Rational) -> Option<FrameRate> {
    (rational.numerator() > 0 && rational.denominator() > 0)
        .then(|| FrameRate::new(rational.numerator(), rational.denominator()))
}

/// FFmpeg's reason as the end of a sentence: "invalid data found when processing input".
pub fn reason(error: ff::Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    match letters.next() {
        // "I/O error" keeps its capital.
        Some(first) if !text[first.len_utf8()..].starts_with('/') => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text,
    }
}

/// The version of FFmpeg the program runs with, as its own tools print it ("5.1.9-0+deb12u1").
pub fn version() -> String {
    #[expect(unsafe_code, reason = "the wrapper has no call for it")]
    // SAFETY: returns a static string that is never freed.
    let text = unsafe { std::ffi::CStr::from_ptr(ff::ffi::av_version_info()) };
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_end_a_sentence() {
        init();
        assert_eq!(reason(ff::Error::InvalidData), "invalid data found when processing input");
        assert!(version().starts_with(|c: char| c.is_ascii_alphanumeric()), "{}", version());
    }
}
