//! FFmpeg where the other end may be slow, or never answer: outputs over the network, and devices.
//!
//! A file takes what it is given; a server may hold a call for minutes. FFmpeg asks a callback, while it
//! waits, whether it still should: here that is a [`Patience`], which runs out by itself or is cut short
//! by whoever wants to stop.

use super::mux::Container;
use ff::ffi::*;
use ff::format::context::{Input, Output};
use ffmpeg_next as ff;
use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long FFmpeg may wait, set anew before each call, and the end that no call may pass.
#[derive(Debug)]
pub struct Patience {
    began: Instant,
    /// Both in microseconds since `began`.
    call: AtomicU64,
    last: AtomicU64,
}

impl Patience {
    /// Endless until something is said.
    pub fn new() -> Arc<Self> {
        let endless = || AtomicU64::new(u64::MAX);
        Arc::new(Self { began: Instant::now(), call: endless(), last: endless() })
    }

    /// Calls may wait until `time` from now, but not beyond an end that was set.
    pub fn allow(&self, time: Duration) {
        self.call.store(self.after(time), Ordering::Relaxed);
    }

    /// Whatever is waited for now or later ends `time` from now at the latest. Cannot be taken back.
    pub fn end_within(&self, time: Duration) {
        self.last.fetch_min(self.after(time), Ordering::Relaxed);
    }

    /// Whether it has run out, for either reason.
    pub fn is_over(&self) -> bool {
        self.after(Duration::ZERO) >= self.call.load(Ordering::Relaxed).min(self.last.load(Ordering::Relaxed))
    }

    fn after(&self, time: Duration) -> u64 {
        u64::try_from((self.began.elapsed() + time).as_micros()).unwrap_or(u64::MAX)
    }
}

/// An output that gives up when its patience does. It is closed when dropped.
pub struct LiveOutput {
    // In this order: closing asks the callback too.
    out: Output,
    _patience: ff::util::interrupt::InterruptGuard,
}

impl std::ops::Deref for LiveOutput {
    type Target = Output;

    fn deref(&self) -> &Output {
        &self.out
    }
}

impl std::ops::DerefMut for LiveOutput {
    fn deref_mut(&mut self) -> &mut Output {
        &mut self.out
    }
}

fn interrupt(patience: &Arc<Patience>) -> ff::util::interrupt::Interrupt {
    let patience = Arc::clone(patience);
    ff::util::interrupt::new(Box::new(move || patience.is_over()))
}

/// Opens `address` for writing as `container`, with settings for the protocol. Muxers that open their
/// own files (HLS) do so when the header is written.
#[expect(unsafe_code, reason = "the wrapper's outputs cannot be interrupted")]
pub fn open_output(
    container: Container,
    address: &CStr,
    patience: &Arc<Patience>,
    settings: &[(&str, &str)],
) -> Result<LiveOutput, ff::Error> {
    let interrupt = interrupt(patience);
    let mut context = ptr::null_mut();
    // SAFETY: `context` receives a new context or stays null; the address and the callback outlive the
    // calls; a context that cannot be opened is freed here, one that can is owned by the wrapper, which closes both.
    unsafe {
        let code =
            avformat_alloc_output_context2(&mut context, container.raw(), ptr::null(), address.as_ptr());
        if code < 0 || context.is_null() {
            return Err(ff::Error::from(code));
        }
        (*context).interrupt_callback = interrupt.interrupt;
        if !container.flags().contains(ff::format::Flags::NO_FILE) {
            let mut settings = settings.iter().copied().collect::<ff::Dictionary<'_>>().disown();
            let code = avio_open2(
                &mut (*context).pb,
                address.as_ptr(),
                AVIO_FLAG_WRITE as _,
                &interrupt.interrupt,
                &mut settings,
            );
            drop(ff::Dictionary::own(settings));
            if code < 0 {
                avformat_free_context(context);
                return Err(ff::Error::from(code));
            }
        }
        Ok(LiveOutput { out: Output::wrap(context), _patience: interrupt.guard })
    }
}

/// Opens the device `name` of FFmpeg's input `kind` ("pulse", "alsa"), and looks into its streams.
#[expect(unsafe_code, reason = "the wrapper opens no device by name with an interrupt")]
pub fn open_device(kind: &str, name: &str, patience: &Arc<Patience>) -> Result<Input, ff::Error> {
    let (kind, url) = (c_string(kind)?, c_string(name)?);
    let interrupt = interrupt(patience);
    // SAFETY: the strings outlive the calls. On failure FFmpeg frees the context, and the callback is
    // dropped after it; on success the wrapper owns both.
    unsafe {
        let format = av_find_input_format(kind.as_ptr());
        if format.is_null() {
            return Err(ff::Error::DemuxerNotFound);
        }
        let mut context = avformat_alloc_context();
        if context.is_null() {
            return Err(ff::Error::Other { errno: ff::error::ENOMEM });
        }
        (*context).interrupt_callback = interrupt.interrupt;
        let code = avformat_open_input(&mut context, url.as_ptr(), format.cast_mut().cast(), ptr::null_mut());
        if code < 0 {
            return Err(ff::Error::from(code));
        }
        let mut input = Input::wrap_with_interrupt(context, interrupt.guard);
        match avformat_find_stream_info(input.as_mut_ptr(), ptr::null_mut()) {
            code if code < 0 => Err(ff::Error::from(code)),
            _ => Ok(input),
        }
    }
}

/// Whether FFmpeg has an input device of this kind ("pulse").
#[expect(unsafe_code, reason = "the wrapper cannot ask by name")]
pub fn has_device(kind: &str) -> bool {
    super::init();
    // SAFETY: the name outlives the call.
    c_string(kind).is_ok_and(|kind| unsafe { !av_find_input_format(kind.as_ptr()).is_null() })
}

/// The protocols that this FFmpeg can write to ("rtmp", "srt"), as `ffmpeg -protocols` lists them.
#[expect(unsafe_code, reason = "the wrapper has no call for it")]
pub fn output_protocols() -> Vec<&'static str> {
    super::init();
    let mut state = ptr::null_mut();
    let mut names = Vec::new();
    // SAFETY: FFmpeg's own iteration over constant names, which ends with null.
    unsafe {
        loop {
            let name = avio_enum_protocols(&mut state, 1);
            if name.is_null() {
                return names;
            }
            names.extend(CStr::from_ptr(name).to_str().ok());
        }
    }
}

/// Hands every packet to the system at once, instead of keeping it until there is more.
#[expect(unsafe_code, reason = "the wrapper cannot set it")]
pub fn flush_every_packet(out: &mut Output) {
    // SAFETY: a plain field of a context that is borrowed mutably.
    unsafe { (*out.as_mut_ptr()).flags |= AVFMT_FLAG_FLUSH_PACKETS };
}

/// How far a transport stream's clock runs ahead of its pictures, so that receivers can buffer.
#[expect(unsafe_code, reason = "the wrapper cannot set it")]
pub fn set_max_delay(out: &mut Output, delay: Duration) {
    // SAFETY: a plain field of a context that is borrowed mutably.
    unsafe { (*out.as_mut_ptr()).max_delay = i32::try_from(delay.as_micros()).unwrap_or(0) };
}

fn c_string(text: &str) -> Result<CString, ff::Error> {
    CString::new(text).map_err(|_| ff::Error::from(AVERROR(ff::error::EINVAL)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_runs_out_and_an_end_cannot_be_taken_back() {
        let patience = Patience::new();
        assert!(!patience.is_over());
        patience.allow(Duration::ZERO);
        assert!(patience.is_over());
        patience.allow(Duration::from_secs(3600));
        assert!(!patience.is_over());
        patience.end_within(Duration::ZERO);
        patience.allow(Duration::from_secs(3600));
        patience.end_within(Duration::from_secs(3600));
        assert!(patience.is_over());
    }

    #[test]
    fn a_silent_listener_is_waited_for_only_as_long_as_allowed() {
        crate::ffmpeg::init();
        // It listens and never answers the handshake.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = c_string(&format!("rtmp://{}/live/x", silent.local_addr().unwrap())).unwrap();
        let patience = Patience::new();
        patience.allow(Duration::from_millis(200));
        let flv = Container::by_name("flv").unwrap();
        let error = open_output(flv, &address, &patience, &[]).err().unwrap();
        assert!(patience.is_over(), "{error}");
    }

    #[test]
    fn protocols_and_devices_are_known() {
        let protocols = output_protocols();
        assert!(protocols.contains(&"udp") && protocols.contains(&"file"), "{protocols:?}");
        assert!(!has_device("no such device"));
        assert!(open_device("no such device", "x", &Patience::new()).is_err());
    }
}
