//! Containers that can be written, and the calls on them that the wrapper lacks.
//!
//! The wrapper opens outputs by UTF-8 paths only, takes a colon in a name for a protocol and has no
//! way to ask what a container can hold, to set dispositions or to copy tags byte for byte. The
//! functions here do, and are safe to call.

use ff::ffi::*;
use ff::format::context::{Input, Output};
use ffmpeg_next as ff;
use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr;

/// A kind of file that FFmpeg can write: one of its muxers.
#[derive(Clone, Copy)]
pub struct Container(*const AVOutputFormat);

#[expect(unsafe_code, reason = "the pointer is to one of FFmpeg's constant tables")]
// SAFETY: muxers are immutable statics of the library.
unsafe impl Send for Container {}
#[expect(unsafe_code, reason = "the pointer is to one of FFmpeg's constant tables")]
// SAFETY: muxers are immutable statics of the library.
unsafe impl Sync for Container {}

/// Where the bytes go.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// A file, created or emptied.
    File(&'a Path),
    /// Standard output, which cannot be seeked.
    Stdout,
}

impl Container {
    /// The muxer with this name ("mp4", "matroska", "nut"…).
    pub fn by_name(name: &str) -> Option<Self> {
        Self::guess(Some(name), None)
    }

    /// The muxer for this file extension, without a dot.
    pub fn by_extension(extension: &str) -> Option<Self> {
        Self::guess(None, Some(&format!("film.{extension}")))
    }

    #[expect(unsafe_code, reason = "FFmpeg's C interface")]
    fn guess(name: Option<&str>, file: Option<&str>) -> Option<Self> {
        let name = name.map(CString::new).transpose().ok()?;
        let file = file.map(CString::new).transpose().ok()?;
        let raw = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        // SAFETY: both are null or strings that outlive the call.
        let found = unsafe { av_guess_format(raw(&name), raw(&file), ptr::null()) };
        (!found.is_null()).then_some(Self(found))
    }

    /// For FFmpeg's own calls, which do not change it though some of their signatures say so.
    pub(super) fn raw(self) -> *mut AVOutputFormat {
        self.0.cast_mut()
    }

    /// FFmpeg's name of it.
    #[expect(unsafe_code, reason = "FFmpeg's C interface")]
    pub fn name(self) -> &'static str {
        // SAFETY: a muxer's name is a constant string.
        unsafe { CStr::from_ptr((*self.0).name) }.to_str().unwrap_or_default()
    }

    /// What it needs and can do.
    #[expect(unsafe_code, reason = "FFmpeg's C interface")]
    pub fn flags(self) -> ff::format::Flags {
        // SAFETY: `self.0` is a muxer of the library.
        ff::format::Flags::from_bits_truncate(unsafe { (*self.0).flags })
    }

    /// The codec it prefers for video, audio or subtitles.
    #[expect(unsafe_code, reason = "FFmpeg's C interface")]
    pub fn default_codec(self, kind: ff::media::Type) -> ff::codec::Id {
        // SAFETY: `self.0` is a muxer of the library.
        let format = unsafe { &*self.0 };
        match kind {
            ff::media::Type::Video => format.video_codec,
            ff::media::Type::Audio => format.audio_codec,
            _ => format.subtitle_codec,
        }
        .into()
    }

    /// Whether it can hold streams of this codec; `None` where it does not say.
    #[expect(unsafe_code, reason = "FFmpeg's C interface")]
    pub fn holds(self, codec: ff::codec::Id) -> Option<bool> {
        use ff::codec::Id;
        // These muxers say otherwise when asked, and refuse when the header is written.
        let mp4_only = matches!(codec, Id::FLAC | Id::OPUS | Id::TRUEHD | Id::VP8 | Id::VP9 | Id::AV1);
        let not_in_flv = matches!(codec, Id::MPEG4 | Id::H263);
        if mp4_only && self.has_edit_lists() && self.name() != "mp4" || not_in_flv && self.name() == "flv" {
            return Some(false);
        }
        // SAFETY: `self.0` is a muxer of the library.
        match unsafe { avformat_query_codec(self.0, codec.into(), FF_COMPLIANCE_NORMAL as _) } {
            0 => Some(false),
            1.. => Some(true),
            _ => None,
        }
    }

    /// Whether its times can be negative, kept by an edit list: MP4, MOV and their kin.
    pub fn has_edit_lists(self) -> bool {
        matches!(self.name(), "mp4" | "mov" | "ipod" | "3gp" | "3g2" | "psp" | "f4v" | "ismv")
    }

    /// Whether it is Matroska or WebM, whose clock ticks in milliseconds.
    pub fn is_matroska(self) -> bool {
        matches!(self.name(), "matroska" | "webm")
    }
}

/// A path as FFmpeg wants it: marked as a file, so that a colon in it means nothing, unless it names
/// a protocol itself ("http://…").
pub fn url(path: &Path) -> Option<CString> {
    let bytes = path.as_os_str().as_encoded_bytes();
    let protocol = bytes.windows(3).any(|window| window == b"://");
    let mut url = if protocol { Vec::new() } else { b"file:".to_vec() };
    url.extend_from_slice(bytes);
    CString::new(url).ok()
}

/// Opens `target` for writing as `container`, in a way that gives the same bytes for the same input.
#[expect(unsafe_code, reason = "FFmpeg's C interface")]
pub fn create(container: Container, target: Target<'_>) -> Result<Output, ff::Error> {
    let url = match target {
        Target::File(path) => url(path).ok_or(ff::Error::from(AVERROR(ff::error::ENOENT)))?,
        Target::Stdout => c"pipe:1".to_owned(),
    };
    let mut context = ptr::null_mut();
    // SAFETY: `context` receives a new context or stays null; `url` outlives the calls; a context that
    // cannot be opened is freed here, one that can is owned by the wrapper, which closes both.
    unsafe {
        let code = avformat_alloc_output_context2(&mut context, container.raw(), ptr::null(), url.as_ptr());
        if code < 0 || context.is_null() {
            return Err(ff::Error::from(code));
        }
        (*context).flags |= AVFMT_FLAG_BITEXACT;
        // FFmpeg calls FLAC in MP4 an experiment; players have long known it, and the sound stays whole.
        (*context).strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL as _;
        if !container.flags().contains(ff::format::Flags::NO_FILE) {
            let code = avio_open(&mut (*context).pb, url.as_ptr(), AVIO_FLAG_WRITE as _);
            if code < 0 {
                avformat_free_context(context);
                return Err(ff::Error::from(code));
            }
        }
        Ok(Output::wrap(context))
    }
}

/// Opens a film for reading; unlike the wrapper's call, any path will do.
#[expect(unsafe_code, reason = "FFmpeg's C interface")]
pub fn open_input(path: &Path) -> Result<Input, ff::Error> {
    let url = url(path).ok_or(ff::Error::from(AVERROR(ff::error::ENOENT)))?;
    let mut context = ptr::null_mut();
    // SAFETY: on failure FFmpeg frees the context itself, or it is closed here; on success the
    // wrapper owns it.
    unsafe {
        let code = avformat_open_input(&mut context, url.as_ptr(), ptr::null_mut(), ptr::null_mut());
        if code < 0 {
            return Err(ff::Error::from(code));
        }
        let code = avformat_find_stream_info(context, ptr::null_mut());
        if code < 0 {
            avformat_close_input(&mut context);
            return Err(ff::Error::from(code));
        }
        Ok(Input::wrap(context))
    }
}

/// Tells the reader to skip everything of this stream.
#[expect(unsafe_code, reason = "the wrapper cannot set it")]
pub fn discard(input: &mut Input, stream: usize) {
    if let Some(mut stream) = input.stream_mut(stream) {
        // SAFETY: the stream belongs to `input`, borrowed mutably.
        unsafe { (*stream.as_mut_ptr()).discard = AVDiscard::AVDISCARD_ALL };
    }
}

/// The clock value at which the file says that it starts, in microseconds.
#[expect(unsafe_code, reason = "the wrapper does not show it")]
pub fn start_time(input: &Input) -> Option<i64> {
    // SAFETY: a plain field of an open context.
    let start = unsafe { (*input.as_ptr()).start_time };
    (start != AV_NOPTS_VALUE).then_some(start)
}

/// Whether the file's clock may start anywhere and jump: transport and program streams.
#[expect(unsafe_code, reason = "the wrapper's type for demuxers has no flags")]
pub fn has_arbitrary_clock(input: &Input) -> bool {
    // SAFETY: an open input has a demuxer, a constant of the library.
    unsafe { (*(*input.as_ptr()).iformat).flags & AVFMT_TS_DISCONT != 0 }
}

/// Adds a stream that carries packets of `from` as they are, and returns its index. With `padding`
/// a player is told to drop that many samples at the start, unless the codec says so itself.
#[expect(unsafe_code, reason = "codec tags and padding are not in the wrapper")]
pub fn add_copy(out: &mut Output, from: &ff::Stream<'_>, padding: Option<i32>) -> Result<usize, ff::Error> {
    let mut stream = out.add_stream(ff::encoder::find(ff::codec::Id::None))?;
    stream.set_parameters(from.parameters());
    stream.set_time_base(from.time_base());
    // SAFETY: a stream just added owns its parameters.
    unsafe {
        let parameters = &mut *(*stream.as_mut_ptr()).codecpar;
        // The tag belongs to the old container; the muxer picks its own.
        parameters.codec_tag = 0;
        let id = ff::codec::Id::from(parameters.codec_id);
        // Known to be wrong or harmful in other containers; FFmpeg's own command clears them too.
        if id == ff::codec::Id::AC3
            || (id == ff::codec::Id::MP3 && [1, 576, 1152].contains(&parameters.block_align))
        {
            parameters.block_align = 0;
        }
        // What a codec says of itself (Opus) is more exact than what times show.
        if let Some(padding) = padding
            && parameters.initial_padding == 0
        {
            parameters.initial_padding = padding;
        }
    }
    Ok(stream.index())
}

/// What must be added to the times of an audio stream of Matroska, in samples, because the muxer
/// announces that much codec delay without counting it in: FFmpeg before 6.0 does so for Opus. All
/// versions' readers subtract the delay.
#[expect(unsafe_code, reason = "the wrapper does not show the padding")]
pub fn uncounted_delay(out: &Output, stream: usize, container: Container) -> i64 {
    const COUNTED_SINCE: u32 = 60 << 16;
    if !container.is_matroska() || ff::format::version() >= COUNTED_SINCE {
        return 0;
    }
    out.stream(stream).map_or(0, |stream| {
        // SAFETY: plain fields of the stream's parameters.
        let parameters = unsafe { &*(*stream.as_ptr()).codecpar };
        let opus = ff::codec::Id::from(parameters.codec_id) == ff::codec::Id::OPUS;
        if opus { i64::from(parameters.initial_padding.max(0)) } else { 0 }
    })
}

/// Adds an attached file (a font, a cover) to a container that holds such, and returns its index.
#[expect(unsafe_code, reason = "the wrapper cannot make attachments")]
pub fn add_attachment(
    out: &mut Output,
    codec: ff::codec::Id,
    data: &[u8],
    tags: &[(&str, &str)],
) -> Result<usize, ff::Error> {
    let mut stream = out.add_stream(ff::encoder::find(ff::codec::Id::None))?;
    let size = i32::try_from(data.len()).map_err(|_| ff::Error::InvalidData)?;
    // SAFETY: the block is freed with the stream's parameters, and padded as FFmpeg asks.
    unsafe {
        let parameters = &mut *(*stream.as_mut_ptr()).codecpar;
        let block = av_mallocz(data.len() + AV_INPUT_BUFFER_PADDING_SIZE as usize).cast::<u8>();
        if block.is_null() {
            return Err(ff::Error::Other { errno: ff::error::ENOMEM });
        }
        ptr::copy_nonoverlapping(data.as_ptr(), block, data.len());
        parameters.codec_type = AVMediaType::AVMEDIA_TYPE_ATTACHMENT;
        parameters.codec_id = codec.into();
        parameters.extradata = block;
        parameters.extradata_size = size;
    }
    stream.set_metadata(tags.iter().copied().collect());
    Ok(stream.index())
}

/// Marks an output stream as default, forced, attached picture and so on.
#[expect(unsafe_code, reason = "the wrapper cannot set it")]
pub fn set_disposition(out: &mut Output, stream: usize, disposition: ff::format::stream::Disposition) {
    if let Some(mut stream) = out.stream_mut(stream) {
        // SAFETY: the stream belongs to `out`, borrowed mutably.
        unsafe { (*stream.as_mut_ptr()).disposition = disposition.bits() as _ };
    }
}

/// Leaves times below zero as they are instead of moving every stream.
#[expect(unsafe_code, reason = "the wrapper cannot set it")]
pub fn keep_negative_times(out: &mut Output) {
    // SAFETY: a plain field, read when the header is written.
    unsafe { (*out.as_mut_ptr()).avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED as _ };
}

/// Copies a film's tags, byte for byte and whatever their encoding, except those named in `without`.
#[expect(unsafe_code, reason = "the wrapper takes tags for UTF-8")]
pub fn copy_tags(from: &Input, out: &mut Output, without: &[&CStr]) {
    // SAFETY: both dictionaries belong to contexts borrowed here.
    unsafe { copy_dictionary((*from.as_ptr()).metadata, &mut (*out.as_mut_ptr()).metadata, without) };
}

/// Copies a stream's tags, as [`copy_tags`] does.
#[expect(unsafe_code, reason = "the wrapper takes tags for UTF-8")]
pub fn copy_stream_tags(from: &ff::Stream<'_>, out: &mut Output, stream: usize, without: &[&CStr]) {
    if let Some(mut stream) = out.stream_mut(stream) {
        // SAFETY: both streams belong to contexts borrowed here.
        unsafe { copy_dictionary((*from.as_ptr()).metadata, &mut (*stream.as_mut_ptr()).metadata, without) };
    }
}

/// Adds a chapter that lasts from `start` to `end` milliseconds, with the tags of `from`.
#[expect(unsafe_code, reason = "the wrapper takes tags for UTF-8")]
pub fn copy_chapter(
    from: &ff::Chapter<'_>,
    out: &mut Output,
    start_ms: i64,
    end_ms: i64,
) -> Result<(), ff::Error> {
    // Numbered here: ids in files may repeat, and the wrapper would then overwrite.
    let id = i64::from(out.nb_chapters());
    let mut chapter = out.add_chapter(id, (1, 1000), start_ms, end_ms, "")?;
    // SAFETY: both chapters belong to contexts borrowed here.
    unsafe {
        let tags = &mut (*chapter.as_mut_ptr()).metadata;
        av_dict_free(tags);
        copy_dictionary((*from.as_ptr()).metadata, tags, &[]);
    }
    Ok(())
}

#[expect(unsafe_code, reason = "FFmpeg's C interface")]
/// # Safety
/// `from` is a dictionary or null; `to` points to one.
unsafe fn copy_dictionary(from: *const AVDictionary, to: &mut *mut AVDictionary, without: &[&CStr]) {
    // SAFETY: as this function's own; a null value removes the key.
    unsafe {
        av_dict_copy(to, from, 0);
        for key in without {
            av_dict_set(to, key.as_ptr(), ptr::null(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_found_by_name_and_extension() {
        crate::ffmpeg::init();
        assert_eq!(Container::by_extension("mp4").unwrap().name(), "mp4");
        assert_eq!(Container::by_extension("mkv").unwrap().name(), "matroska");
        assert_eq!(Container::by_name("nut").unwrap().name(), "nut");
        assert!(Container::by_extension("painting").is_none());
        assert!(Container::by_name("a\0b").is_none());
    }

    #[test]
    fn containers_say_what_they_hold() {
        crate::ffmpeg::init();
        let webm = Container::by_name("webm").unwrap();
        assert_eq!(webm.holds(ff::codec::Id::AAC), Some(false));
        assert_eq!(webm.holds(ff::codec::Id::OPUS), Some(true));
        let mp4 = Container::by_name("mp4").unwrap();
        assert_eq!(mp4.holds(ff::codec::Id::H264), Some(true));
        assert_eq!(mp4.holds(ff::codec::Id::FLAC), Some(true));
        assert_eq!(Container::by_name("mov").unwrap().holds(ff::codec::Id::FLAC), Some(false));
        let flv = Container::by_name("flv").unwrap();
        assert_eq!(
            (flv.holds(ff::codec::Id::MPEG4), flv.holds(ff::codec::Id::H264)),
            (Some(false), Some(true))
        );
        assert!(mp4.has_edit_lists() && !webm.has_edit_lists() && webm.is_matroska());
    }

    #[test]
    fn a_colon_in_a_file_name_is_no_protocol() {
        assert_eq!(url(Path::new("a:b.mp4")).unwrap().as_c_str(), c"file:a:b.mp4");
        assert_eq!(url(Path::new("http://x/a.mp4")).unwrap().as_c_str(), c"http://x/a.mp4");
        assert!(url(Path::new("a\0b")).is_none());
    }

    #[test]
    fn what_cannot_be_opened_is_an_error() {
        crate::ffmpeg::init();
        let mp4 = Container::by_name("mp4").unwrap();
        assert!(create(mp4, Target::File(Path::new("/no/such/folder/a.mp4"))).is_err());
        assert!(open_input(Path::new("/no/such/folder/a.mp4")).is_err());
    }
}
