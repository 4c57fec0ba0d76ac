//! Flows as files, in the format of the Middlebury benchmark (Baker et al. 2011) that Sintel, OpenCV and
//! most flow programs read and write: `PIEH`, width and height as 32-bit integers, then right and down of
//! every pixel as 32-bit floats, row by row, all little-endian.

use super::Flow;
use crate::error::{Error, Result};
use crate::frame::Size;
use std::fs;
use std::path::Path;

const MAGIC: &[u8; 4] = b"PIEH";
const HEADER: usize = 12;
/// From here on a vector means "unknown" by the format's convention.
const UNKNOWN: f32 = 1e9;

/// Reads a `.flo` file. Vectors that the file calls unknown (1e9 and more) become 0.
///
/// # Errors
/// [`crate::error::ErrorKind::Input`] for a file that cannot be read, is no `.flo` file, or is not as long
/// as its size says.
pub fn read_flow(path: &Path) -> Result<Flow> {
    let name = path.display();
    let bytes =
        fs::read(path).map_err(|cause| Error::input(format!("cannot read {name}")).caused_by(cause))?;
    let not_a_flow = |why: &str| {
        Error::input(format!("cannot read {name} as a flow: {why}"))
            .hint("a .flo file of the Middlebury format is needed")
    };
    let (header, body) = bytes.split_at_checked(HEADER).ok_or_else(|| not_a_flow("it is too short"))?;
    if !header.starts_with(MAGIC) {
        return Err(not_a_flow("it does not begin with PIEH"));
    }
    let side = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|b| b.try_into().ok()).unwrap_or_default();
        usize::try_from(i32::from_le_bytes(bytes)).unwrap_or(0)
    };
    let size = Size::new(side(4), side(8));
    let pixels = size.width.checked_mul(size.height).filter(|n| *n > 0);
    if pixels.and_then(|n| n.checked_mul(8)) != Some(body.len()) {
        return Err(not_a_flow(&format!("{size} vectors do not fit into {} bytes", body.len())));
    }
    let (values, _) = body.as_chunks::<4>();
    let known = |bytes: [u8; 4]| {
        let value = f32::from_le_bytes(bytes);
        if value.abs() < UNKNOWN { value } else { 0.0 }
    };
    let right = values.iter().step_by(2).map(|b| known(*b)).collect();
    let down = values.iter().skip(1).step_by(2).map(|b| known(*b)).collect();
    Flow::new(size, right, down).ok_or_else(|| not_a_flow("its values are no numbers"))
}

/// Writes a `.flo` file, over one that exists.
///
/// # Errors
/// [`crate::error::ErrorKind::Output`] if it cannot be written.
pub fn write_flow(path: &Path, flow: &Flow) -> Result<()> {
    let Size { width, height } = flow.size();
    let mut bytes = Vec::with_capacity(HEADER + 8 * flow.size().pixels());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(width as i32).to_le_bytes());
    bytes.extend_from_slice(&(height as i32).to_le_bytes());
    for (right, down) in flow.right().iter().zip(flow.down()) {
        bytes.extend_from_slice(&right.to_le_bytes());
        bytes.extend_from_slice(&down.to_le_bytes());
    }
    fs::write(path, bytes)
        .map_err(|cause| Error::output(format!("cannot write {}", path.display())).caused_by(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_has_the_formats_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.flo");
        let flow = Flow::from_fn(Size::new(3, 2), |x, y| [x as f32 + 0.25, -(y as f32)]);
        write_flow(&path, &flow).unwrap();
        assert_eq!(read_flow(&path).unwrap(), flow);
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 12 + 3 * 2 * 8);
        // The tag is the float 202021.25 (Middlebury's flow-code/flowIO.cpp).
        assert_eq!(f32::from_le_bytes(bytes[..4].try_into().unwrap()), 202_021.25);
        assert_eq!(bytes[4..12], [3, 0, 0, 0, 2, 0, 0, 0]);
    }

    #[test]
    fn damaged_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.flo");
        let huge = [b"PIEH".as_slice(), &i32::MAX.to_le_bytes(), &i32::MAX.to_le_bytes()].concat();
        let negative = [b"PIEH".as_slice(), &(-1i32).to_le_bytes(), &(-1i32).to_le_bytes(), &[0; 8]].concat();
        let long = [b"PIEH".as_slice(), &1i32.to_le_bytes(), &1i32.to_le_bytes(), &[0; 9]].concat();
        for bytes in [b"".as_slice(), b"PIEH", b"P6 3 2 255 .....", &huge, &negative, &long] {
            fs::write(&path, bytes).unwrap();
            assert!(read_flow(&path).is_err(), "{bytes:?}");
        }
        assert!(read_flow(&folder.path().join("none.flo")).is_err());
    }
}
