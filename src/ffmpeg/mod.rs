//! The one hinge to FFmpeg: initialisation, rationals, error text, and the few calls that its Rust
//! wrapper lacks. Other rooms speak of [`crate::time`] and [`crate::frame`], not of FFmpeg's types.

pub mod about;

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
