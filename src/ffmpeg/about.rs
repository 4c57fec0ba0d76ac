//! What this FFmpeg is and can: for people who wonder why a film cannot be written.

use ffmpeg_next as ff;

/// The release, as FFmpeg names itself ("5.1.6-0+deb12u1").
pub fn version() -> String {
    super::init();
    // SAFETY: the function takes nothing and returns a static, NUL-terminated string.
    #[expect(unsafe_code, reason = "the wrapper has no call for it")]
    let text = unsafe { std::ffi::CStr::from_ptr(ff::ffi::av_version_info()) };
    text.to_string_lossy().into_owned()
}

/// Whether there is an encoder of this name ("libx264").
pub fn has_encoder(name: &str) -> bool {
    super::init();
    ff::encoder::find_by_name(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ffmpeg_knows_itself() {
        assert!(version().contains(|c: char| c.is_ascii_digit()), "{}", version());
        // Both are FFmpeg's own, in every build.
        assert!(has_encoder("ffv1") && has_encoder("rawvideo"));
        assert!(!has_encoder("no such encoder"));
    }
}
