//! Pictures into a device by buffers that are shared with its driver, for devices that do not take plain
//! `write`: vivid's output node refuses it in Linux 6.1, because the pictures arrive there with a length
//! of 0. The crate's own stream cannot be used for it: it queues one buffer and waits for it, while
//! drivers want two before they begin.

use super::{Node, POLLOUT, milliseconds};
use std::io;
use std::mem::zeroed;
use std::os::raw::c_void;
use std::time::{Duration, Instant};
use v4l::buffer::Type;
use v4l::memory::Memory;
use v4l::v4l_sys::{v4l2_buffer, v4l2_requestbuffers};
use v4l::v4l2::vidioc;

/// Buffers asked for: one is shown, one waits, one is written.
const BUFFERS: u32 = 3;
/// Linux's numbers for memory that may be read and written, and that others see.
const READ_WRITE: i32 = 1 | 2;
const SHARED: i32 = 1;
/// Linux's number for "not now".
const EAGAIN: i32 = 11;

/// A stream of pictures into a node.
pub struct Feed {
    buffers: Vec<&'static mut [u8]>,
    free: Vec<usize>,
    started: bool,
}

impl Feed {
    /// Sets up the buffers, in the format that `node` has agreed to.
    ///
    /// # Errors
    ///
    /// If somebody else has done so, or the node cannot.
    pub fn new(node: &Node) -> io::Result<Self> {
        #[expect(unsafe_code, reason = "a plain C structure, all zeros are valid")]
        // SAFETY: it consists of integers.
        let mut asked: v4l2_requestbuffers = unsafe { zeroed() };
        (asked.count, asked.type_, asked.memory) = (BUFFERS, Type::VideoOutput as u32, Memory::Mmap as u32);
        node.ask(vidioc::VIDIOC_REQBUFS, &mut asked)?;
        let mut feed = Self { buffers: Vec::new(), free: Vec::new(), started: false };
        for index in 0..asked.count {
            let mut about = description(index);
            node.ask(vidioc::VIDIOC_QUERYBUF, &mut about)?;
            #[expect(unsafe_code, reason = "the driver's memory is mapped by pointer")]
            // SAFETY: the union holds `offset` for mapped memory; the driver named it and the length, and the
            // mapping is this slice's alone until it is undone in `drop`.
            let buffer = unsafe {
                let (length, offset) = (about.length as usize, i64::from(about.m.offset));
                let fd = node.device.handle().fd();
                let start = v4l::v4l2::mmap(std::ptr::null_mut(), length, READ_WRITE, SHARED, fd, offset)?;
                std::slice::from_raw_parts_mut(start.cast::<u8>(), length)
            };
            feed.free.push(feed.buffers.len());
            feed.buffers.push(buffer);
        }
        Ok(feed)
    }

    /// Gives one picture, waits at most `patience` for a buffer. `false`: there was none.
    ///
    /// # Errors
    ///
    /// If the device has gone ([`ENODEV`](super::ENODEV)) or fails.
    pub fn write(&mut self, node: &Node, picture: &[u8], patience: Duration) -> io::Result<bool> {
        let end = Instant::now() + patience;
        loop {
            self.take_back(node)?;
            if let Some(index) = self.free.pop() {
                let buffer = self.buffers.get_mut(index).ok_or(io::ErrorKind::InvalidData)?;
                let length = buffer.len().min(picture.len());
                buffer[..length].copy_from_slice(&picture[..length]);
                let mut given = description(index as u32);
                given.bytesused = length as u32;
                node.ask(vidioc::VIDIOC_QBUF, &mut given)?;
                if !self.started {
                    node.ask(vidioc::VIDIOC_STREAMON, &mut (Type::VideoOutput as i32))?;
                    self.started = true;
                }
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            node.device.handle().poll(POLLOUT, milliseconds(left))?;
            // A node that says "ready" and then has nothing must not be asked in a tight loop.
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Buffers whose pictures were shown are free again.
    fn take_back(&mut self, node: &Node) -> io::Result<()> {
        while self.started && self.free.len() < self.buffers.len() {
            let mut shown = description(0);
            match node.ask(vidioc::VIDIOC_DQBUF, &mut shown) {
                Ok(()) => self.free.push(shown.index as usize),
                Err(error) if error.raw_os_error() == Some(EAGAIN) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        for buffer in self.buffers.drain(..) {
            #[expect(unsafe_code, reason = "undoes the mapping")]
            // SAFETY: this very mapping was made in `new`, and nobody has the slice any more. Closing the
            // node, which comes with it, ends the stream.
            let _ = unsafe { v4l::v4l2::munmap(buffer.as_mut_ptr().cast::<c_void>(), buffer.len()) };
        }
    }
}

fn description(index: u32) -> v4l2_buffer {
    #[expect(unsafe_code, reason = "a plain C structure, all zeros are valid")]
    // SAFETY: it consists of integers and unions of them and of pointers that may be null.
    let mut buffer: v4l2_buffer = unsafe { zeroed() };
    (buffer.index, buffer.type_, buffer.memory) = (index, Type::VideoOutput as u32, Memory::Mmap as u32);
    buffer
}
