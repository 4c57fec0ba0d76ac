//! The one hinge to Video4Linux, Linux's way of speaking to cameras: device nodes, what they can do,
//! the formats they agree to, and their stream of buffers.
//!
//! Most calls go through the crate `v4l`. Those whose answers it turns into text or enumerations are
//! made here instead, because it panics at what it does not expect there: a card's name that the kernel
//! cut in the middle of a letter, a colour space of a newer kernel. Errors stay `io::Error`s, whose codes
//! tell busy from forbidden from unplugged.

mod feed;

pub use feed::Feed;

use crate::frame::Size;
use crate::time::FrameRate;
use crate::yuv::YuvColour;
use std::io;
use std::mem::zeroed;
use std::os::raw::c_void;
use std::path::Path;
use std::time::{Duration, Instant};
use v4l::buffer::{Flags, Type};
use v4l::capability::Flags as Able;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::v4l_sys::{v4l2_capability, v4l2_fmtdesc, v4l2_format, v4l2_format__bindgen_ty_1, v4l2_pix_format};
use v4l::v4l2::vidioc;
use v4l::video::{Capture, Output};
use v4l::{Device, FourCC, Fraction};

/// Linux's number for a device that is no longer there.
pub const ENODEV: i32 = 19;
/// Linux's number for a device that somebody else uses.
pub const EBUSY: i32 = 16;
/// "Data may be read", among the events that are waited for.
const POLLIN: i16 = 1;
/// "Data may be written".
const POLLOUT: i16 = 4;

/// Four letters that name a pixel format ("YUYV").
pub type Code = [u8; 4];

/// Which way pictures go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the device: a camera.
    Capture,
    /// Into the device: a virtual camera.
    Output,
}

impl Way {
    fn buffers(self) -> Type {
        match self {
            Self::Capture => Type::VideoCapture,
            Self::Output => Type::VideoOutput,
        }
    }
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its name for people.
    pub name: String,
    /// Where it is plugged in.
    pub bus: String,
    /// Whether pictures can be taken from it.
    pub captures: bool,
    /// Whether pictures can be given to it.
    pub outputs: bool,
}

/// The sizes that a format comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// Just this one.
    One(Size),
    /// Everything from the first to the second in steps of the third.
    Range(Size, Size, Size),
}

/// The rates that a format at one size comes at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rates {
    /// Just this one.
    One(FrameRate),
    /// Everything from the first to the second.
    Range(FrameRate, FrameRate),
}

/// What a node has agreed to send or take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreed {
    /// The format.
    pub code: Code,
    /// The pixels.
    pub size: Size,
    /// Bytes from one row to the next, in the first plane; 0 for compressed formats.
    pub stride: usize,
    /// Bytes of one picture, at most.
    pub bytes: usize,
    /// The matrix and range of its YUV formats.
    pub colour: YuvColour,
}

/// An opened device node.
pub struct Node {
    device: Device,
}

impl Node {
    /// Opens it, for reading and writing.
    ///
    /// # Errors
    ///
    /// What the system answers: there is none, permission denied.
    pub fn open(path: &Path) -> io::Result<Self> {
        use std::os::unix::ffi::OsStrExt;
        // The crate panics at a path that C cannot hold.
        if path.as_os_str().as_bytes().contains(&0) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self { device: Device::with_path(path)? })
    }

    /// What it is.
    ///
    /// # Errors
    ///
    /// If it is not a video device at all, or has gone.
    pub fn about(&self) -> io::Result<About> {
        #[expect(unsafe_code, reason = "a plain C structure, all zeros are valid")]
        // SAFETY: it consists of integers and arrays of them.
        let mut answer: v4l2_capability = unsafe { zeroed() };
        self.ask(vidioc::VIDIOC_QUERYCAP, &mut answer)?;
        let able = Able::from_bits_truncate(answer.device_caps);
        let moves = able.intersects(Able::STREAMING | Able::READ_WRITE);
        Ok(About {
            name: text(&answer.card),
            bus: text(&answer.bus_info),
            captures: able.contains(Able::VIDEO_CAPTURE | Able::STREAMING),
            outputs: able.contains(Able::VIDEO_OUTPUT) && moves,
        })
    }

    /// The formats it has, in its order.
    pub fn formats(&self, way: Way) -> Vec<Code> {
        let mut codes = Vec::new();
        // More than any driver has; a driver that never says no must not hold us.
        for index in 0..256 {
            #[expect(unsafe_code, reason = "a plain C structure, all zeros are valid")]
            // SAFETY: it consists of integers and arrays of them.
            let mut answer: v4l2_fmtdesc = unsafe { zeroed() };
            (answer.index, answer.type_) = (index, way.buffers() as u32);
            if self.ask(vidioc::VIDIOC_ENUM_FMT, &mut answer).is_err() {
                break;
            }
            codes.push(answer.pixelformat.to_le_bytes());
        }
        codes
    }

    /// The sizes of one of its formats; none where it does not say.
    pub fn sizes(&self, code: Code) -> Vec<Sizes> {
        let found = Capture::enum_framesizes(&self.device, FourCC::new(&code)).unwrap_or_default();
        let size = |width: u32, height: u32| Size::new(width as usize, height as usize);
        let kinds = found.into_iter().map(|found| match found.size {
            FrameSizeEnum::Discrete(one) => Sizes::One(size(one.width, one.height)),
            FrameSizeEnum::Stepwise(range) => Sizes::Range(
                size(range.min_width, range.min_height),
                size(range.max_width, range.max_height),
                size(range.step_width, range.step_height),
            ),
        });
        kinds.collect()
    }

    /// The rates of one of its formats at a size; none where it does not say.
    pub fn rates(&self, code: Code, size: Size) -> Vec<Rates> {
        let (width, height) = (size.width as u32, size.height as u32);
        let found = Capture::enum_frameintervals(&self.device, FourCC::new(&code), width, height);
        let kinds = found.unwrap_or_default().into_iter().filter_map(|found| match found.interval {
            FrameIntervalEnum::Discrete(one) => rate(one).map(Rates::One),
            // The shortest interval is the highest rate.
            FrameIntervalEnum::Stepwise(range) => Some(Rates::Range(rate(range.max)?, rate(range.min)?)),
        });
        kinds.collect()
    }

    /// Asks for a format at a size; the answer is what the node makes of it, which may be another one.
    /// For output, the pictures are announced as BT.601, limited range.
    ///
    /// # Errors
    ///
    /// If somebody else holds it, if it has gone, or if it takes no format at all.
    pub fn agree(&self, way: Way, code: Code, size: Size) -> io::Result<Agreed> {
        const PROGRESSIVE: u32 = 1;
        const SMPTE_170M: u32 = 1;
        const REC_709: u32 = 3;
        const JPEG: u32 = 7;
        const FULL: u32 = 1;
        const LIMITED: u32 = 2;
        #[expect(unsafe_code, reason = "a plain C structure, all zeros are valid")]
        // SAFETY: it consists of integers and unions of them.
        let mut pix: v4l2_pix_format = unsafe { zeroed() };
        (pix.width, pix.height) = (size.width as u32, size.height as u32);
        (pix.pixelformat, pix.field) = (u32::from_le_bytes(code), PROGRESSIVE);
        if way == Way::Output {
            (pix.colorspace, pix.quantization) = (SMPTE_170M, LIMITED);
        }
        let mut asked = v4l2_format { type_: way.buffers() as u32, fmt: v4l2_format__bindgen_ty_1 { pix } };
        self.ask(vidioc::VIDIOC_S_FMT, &mut asked)?;
        #[expect(unsafe_code, reason = "a union of C")]
        // SAFETY: for these two types of buffers the union holds `pix`, which consists of integers.
        let pix = unsafe { asked.fmt.pix };
        let (kr, kb) = if pix.colorspace == REC_709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let full_range = pix.quantization == FULL || pix.quantization == 0 && pix.colorspace == JPEG;
        Ok(Agreed {
            code: pix.pixelformat.to_le_bytes(),
            size: Size::new(pix.width as usize, pix.height as usize),
            stride: pix.bytesperline as usize,
            bytes: pix.sizeimage as usize,
            colour: YuvColour { kr, kb, full_range },
        })
    }

    /// Asks for a rate; the answer is the one the node will keep to, `None` where it does not say.
    pub fn set_rate(&self, way: Way, rate_asked: FrameRate) -> Option<FrameRate> {
        let interval = Fraction::new(rate_asked.den as u32, rate_asked.num as u32);
        let answer = match way {
            Way::Capture => {
                let asked = v4l::video::capture::Parameters::new(interval);
                Capture::set_params(&self.device, &asked).ok().map(|answer| answer.interval)
            }
            Way::Output => {
                let asked = v4l::video::output::Parameters::new(interval);
                Output::set_params(&self.device, &asked).ok().map(|answer| answer.interval)
            }
        };
        answer.and_then(rate)
    }

    /// Starts the stream of pictures, in the format agreed to.
    ///
    /// # Errors
    ///
    /// If somebody else has started it ([`EBUSY`]), or the device cannot.
    pub fn start(self) -> io::Result<Flow> {
        // Four buffers: one is read from, the camera fills the others meanwhile.
        let mut stream = Stream::with_buffers(&self.device, Type::VideoCapture, 4)?;
        stream.set_timeout(Duration::from_secs(1));
        // `next` hands back the buffer it gave out last, number 0 at first; the others are the camera's.
        let mut index = 1;
        while index < 32 && CaptureStream::queue(&mut stream, index).is_ok() {
            index += 1;
        }
        stream.start()?;
        Ok(Flow { stream: Some(stream) })
    }

    /// Gives one whole picture to an output node by plain `write`, which waits at most `patience` for
    /// room. `false`: there was none, the picture is not taken.
    ///
    /// # Errors
    ///
    /// What the system answers.
    pub fn write(&mut self, picture: &[u8], patience: Duration) -> io::Result<bool> {
        use std::io::Write;
        let end = Instant::now() + patience;
        let mut rest = picture;
        loop {
            match self.device.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(false);
                    }
                    self.device.handle().poll(POLLOUT, milliseconds(left))?;
                    // A node that says "ready" and then refuses must not be asked in a tight loop.
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
            if rest.is_empty() {
                return Ok(true);
            }
        }
    }

    /// One question to the driver, answered in place.
    fn ask<T>(&self, question: vidioc::_IOC_TYPE, answer: &mut T) -> io::Result<()> {
        // The size of the structure is part of the question's number.
        debug_assert_eq!((question >> 16) as usize & 0x3fff, size_of::<T>());
        #[expect(unsafe_code, reason = "the driver is asked by pointer")]
        // SAFETY: the pointer is to a live structure of the size that the question names.
        unsafe {
            v4l::v4l2::ioctl(self.device.handle().fd(), question, std::ptr::from_mut(answer).cast::<c_void>())
        }
    }
}

/// One picture as it came.
#[derive(Debug, Clone, Copy)]
pub struct Buffer<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The driver says that something of it is missing.
    pub damaged: bool,
}

/// A camera that is sending.
pub struct Flow {
    /// `None` only while it is dropped.
    stream: Option<Stream<'static>>,
}

impl Flow {
    /// Waits for the next picture, at most `patience` (longer only if the driver misbehaves). `None`:
    /// nothing came.
    ///
    /// # Errors
    ///
    /// If the camera has gone ([`ENODEV`]) or fails. Then it is only good for dropping.
    pub fn next(&mut self, patience: Duration) -> io::Result<Option<Buffer<'_>>> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        match stream.handle().poll(POLLIN, milliseconds(patience)) {
            Ok(0) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
            ready => ready?,
        };
        let (bytes, about) = CaptureStream::next(stream)?;
        let used = bytes.get(..about.bytesused as usize).unwrap_or(bytes);
        Ok(Some(Buffer { bytes: used, damaged: about.flags.contains(Flags::ERROR) }))
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        // The crate panics where a stream cannot be stopped, unless the device has gone. Such a stream is
        // left to the end of the process instead.
        if let Some(mut stream) = self.stream.take()
            && stream.stop().is_err_and(|error| error.raw_os_error() != Some(ENODEV))
        {
            std::mem::forget(stream);
        }
    }
}

fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX).max(1)
}

/// The text before the first zero, whatever its bytes are.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
}

/// The rate whose frames are `interval` seconds long.
fn rate(interval: Fraction) -> Option<FrameRate> {
    let (num, den) = (i32::try_from(interval.denominator).ok()?, i32::try_from(interval.numerator).ok()?);
    (num > 0 && den > 0).then(|| FrameRate::new(num, den))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_cut_in_a_letter_is_still_a_name() {
        // 32 bytes, the last of them the first half of an "é", as the kernel cuts names.
        assert_eq!(text(b"Cam\xc3"), "Cam\u{fffd}");
        assert_eq!(text(b"vivid\0\0rest"), "vivid");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn an_interval_is_a_rate_turned_over_and_nonsense_is_none() {
        assert_eq!(rate(Fraction::new(1001, 30000)), Some(FrameRate::new(30000, 1001)));
        assert_eq!(rate(Fraction::new(0, 30)), None);
        assert_eq!(rate(Fraction::new(1, u32::MAX)), None);
    }

    #[test]
    fn what_is_no_video_device_says_so() {
        let about = Node::open(Path::new("/dev/null")).and_then(|node| node.about());
        assert!(about.is_err());
        assert_eq!(Node::open(Path::new("/dev/a\0b")).err().unwrap().kind(), io::ErrorKind::NotFound);
        assert_eq!(Node::open(Path::new("/dev/video-none")).err().unwrap().kind(), io::ErrorKind::NotFound);
    }
}
