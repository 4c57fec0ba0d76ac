//! A virtual camera: what is painted shows up as a camera in other programs (Linux, V4L2).
//!
//! The device is one that takes pictures and hands them on, made by the kernel module v4l2loopback (or by
//! `vivid`, for tests). It is asked for YUV 4:2:0 or YUYV at the frames' size; one that insists on another
//! size gets the frames scaled. Pictures are given by plain `write`, which v4l2loopback is made for, and to
//! a device that refuses it through shared buffers.

mod pack;

use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::resize::resize_frame;
use crate::time::FrameRate;
use crate::v4l2::{Agreed, EBUSY, ENODEV, Feed, Node, Way};
use pack::{Packing, pack};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long is waited for room in the device. About two frames: a device whose reader is slower than the
/// painter loses pictures, as every camera does.
const PATIENCE: Duration = Duration::from_millis(80);

/// A device that other programs see as a camera.
pub struct VirtualCamera {
    path: PathBuf,
    /// `None` as long as plain `write` does. Before the node, so that it is dropped first.
    feed: Option<Feed>,
    node: Node,
    agreed: Agreed,
    packing: Packing,
    bytes: Vec<u8>,
    dropped: u64,
}

impl VirtualCamera {
    /// Opens the device at `path` (`/dev/video10`) for frames of `size` at `rate`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`](crate::error::ErrorKind::Output) if there is no such device, it takes no
    /// pictures or none in a known format, somebody else feeds it, or permission is denied.
    pub fn open(path: &Path, size: Size, rate: FrameRate) -> Result<Self> {
        let refuse = |error: io::Error| refused(path, &error);
        let node = Node::open(path).map_err(refuse)?;
        let about = node.about().map_err(|_| no_device(path, "it is not a video device"))?;
        if !about.outputs {
            let what = if about.captures { "is a camera" } else { "takes no pictures" };
            return Err(no_device(path, &format!("{} {what}", about.name)));
        }
        let (agreed, packing) = agree(&node, size.even()).map_err(refuse)?.ok_or_else(|| {
            Error::output(format!(
                "cannot write to {}: {} takes neither YUV 4:2:0 nor YUYV at even sizes",
                path.display(),
                about.name
            ))
            .hint("close the programs that read from it, so that its format can be set")
        })?;
        // Readers take what is announced; a device that has no notion of it shows pictures as they come.
        let _ = node.set_rate(Way::Output, rate);
        Ok(Self { path: path.to_owned(), feed: None, node, agreed, packing, bytes: Vec::new(), dropped: 0 })
    }

    /// The size that the device shows.
    pub fn size(&self) -> Size {
        self.agreed.size
    }

    /// The device's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many frames were not taken because the device had no room for them.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Shows a frame, scaled where the device has another size. Waits for room for two frames at most; a
    /// frame for which there is none is dropped and counted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`](crate::error::ErrorKind::Output) if the device has gone or fails.
    pub fn write(&mut self, frame: &Frame) -> Result<()> {
        let scaled;
        let frame = if frame.size() == self.agreed.size {
            frame
        } else {
            scaled = resize_frame(frame, self.agreed.size);
            &scaled
        };
        pack(frame, self.packing, self.agreed.stride, self.agreed.bytes, &mut self.bytes);
        let taken = self.give().map_err(|error| refused(&self.path, &error))?;
        self.dropped += u64::from(!taken);
        Ok(())
    }
}

impl VirtualCamera {
    /// Gives the packed picture to the device. `false`: it has no room.
    fn give(&mut self) -> io::Result<bool> {
        if self.feed.is_none() {
            match self.node.write(&self.bytes, PATIENCE) {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => (),
                given => return given,
            }
        }
        let feed = match &mut self.feed {
            Some(feed) => feed,
            none => {
                // What was tried by `write` holds the node until it is closed.
                self.node = Node::open(&self.path)?;
                self.agreed = self.node.agree(Way::Output, self.agreed.code, self.agreed.size)?;
                none.insert(Feed::new(&self.node)?)
            }
        };
        feed.write(&self.node, &self.bytes, PATIENCE)
    }
}

/// What the device makes of `size` in a format that we know. `None`: nothing that can be used.
fn agree(node: &Node, size: Size) -> io::Result<Option<(Agreed, Packing)>> {
    let mut usable = None;
    let mut refusal = None;
    for (code, packing) in [(*b"YU12", Packing::Planar420), (*b"YUYV", Packing::Yuyv)] {
        match node.agree(Way::Output, code, size) {
            Ok(agreed) if agreed.code == code && agreed.size == agreed.size.even() => {
                if agreed.size == size {
                    return Ok(Some((agreed, packing)));
                }
                usable.get_or_insert((code, packing, agreed.size));
            }
            // v4l2loopback answers a second writer with "invalid" too: the format stands.
            Ok(_) => (),
            Err(error) => refusal = Some(error),
        }
    }
    match (usable, refusal) {
        // Asked again, because the last question is the one that counts.
        (Some((code, packing, size)), _) => {
            let agreed = node.agree(Way::Output, code, size)?;
            let same = agreed.code == code && agreed.size == agreed.size.even();
            Ok(same.then_some((agreed, packing)))
        }
        (None, Some(error)) => Err(error),
        (None, None) => Ok(None),
    }
}

fn refused(path: &Path, error: &io::Error) -> Error {
    let shown = path.display();
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::NotFound, _) => no_device(path, "there is no such device"),
        (io::ErrorKind::PermissionDenied, _) => {
            Error::output(format!("cannot write to {shown}: permission denied"))
                .hint("sudo usermod -aG video $USER, then log out and in again")
        }
        (_, Some(EBUSY)) => Error::output(format!("cannot write to {shown}: another program feeds it"))
            .hint(format!("close it (fuser -v {shown} names it), or write to another device")),
        (_, Some(ENODEV)) => Error::output(format!("cannot write to {shown}: the device has gone"))
            .hint("load its module again"),
        _ => Error::output(format!("cannot write to {shown}: {error}")),
    }
}

/// There is nothing to write to, and how to make it.
fn no_device(path: &Path, cause: &str) -> Error {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = name.strip_prefix("video").and_then(|number| number.parse::<u32>().ok());
    let number = number.filter(|_| !path.exists()).unwrap_or(10);
    Error::output(format!("cannot write to {}: {cause}", path.display())).hint(format!(
        "sudo modprobe v4l2loopback video_nr={number} card_label=stylecast exclusive_caps=1 makes \
         /dev/video{number} (the module comes with: sudo apt install v4l2loopback-dkms)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> (String, String) {
        let error = VirtualCamera::open(path, Size::new(64, 48), FrameRate::new(30, 1)).err().unwrap();
        (error.to_string(), error.next_step().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_missing_device_comes_with_the_line_that_makes_it() {
        let (cause, hint) = refusal(Path::new("/dev/video73"));
        assert_eq!(cause, "cannot write to /dev/video73: there is no such device");
        assert!(
            hint.contains("modprobe v4l2loopback video_nr=73") && hint.contains("v4l2loopback-dkms"),
            "{hint}"
        );
        // What has no number gets the usual one.
        assert!(refusal(Path::new("/dev/painting")).1.contains("video_nr=10"));
    }

    #[test]
    fn what_is_no_video_device_is_not_written_to() {
        let (cause, hint) = refusal(Path::new("/dev/null"));
        assert_eq!(cause, "cannot write to /dev/null: it is not a video device");
        assert!(hint.contains("modprobe"));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "precious").unwrap();
        assert!(refusal(file.path()).0.contains("not a video device"));
        assert_eq!(std::fs::read(file.path()).unwrap(), b"precious");
    }
}
