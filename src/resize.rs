//! Pictures at other sizes, for everyone who needs one.
//!
//! Lanczos with three lobes, widened when shrinking so that nothing aliases; on sRGB values as they
//! are, because that is what the network and the encoder see too.

use crate::frame::{Frame, Size};
use crate::pixels::Pixels;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{F32, InnerPixel, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

/// `frame` at `size`; a side of 0 is taken as 1.
pub fn resize_frame(frame: &Frame, size: Size) -> Frame {
    if frame.size() == size {
        return frame.clone();
    }
    let mut target = Frame::from_fn(size, |_, _| [0; 3]);
    let goal = target.size();
    resize_plane::<U8x3>(frame.data(), frame.size(), target.data_mut(), goal, FilterType::Lanczos3);
    target
}

/// `frame` at the size of `target`, which it is written over. Catmull & Rom's cubic: quicker than Lanczos,
/// for what is looked at and gone.
pub fn resize_frame_into(frame: &Frame, target: &mut Frame) {
    let goal = target.size();
    if frame.size() == goal {
        target.data_mut().copy_from_slice(frame.data());
    } else {
        resize_plane::<U8x3>(frame.data(), frame.size(), target.data_mut(), goal, FilterType::CatmullRom);
    }
}

/// `pixels` at `size`. Lanczos overshoots a little beyond 0..1; the values are not clamped.
pub fn resize_pixels(pixels: &Pixels, size: Size) -> Pixels {
    resize(pixels, size, FilterType::Lanczos3)
}

/// `pixels` at `size` by Catmull & Rom's cubic: softer than Lanczos, with a third of its ringing.
pub fn resize_cubic(pixels: &Pixels, size: Size) -> Pixels {
    resize(pixels, size, FilterType::CatmullRom)
}

/// `pixels` at `size`, bilinearly: no overshoot, for fields that are not pictures.
pub fn resize_linear(pixels: &Pixels, size: Size) -> Pixels {
    resize(pixels, size, FilterType::Bilinear)
}

/// A plane of `from` at `to`, bilinearly: `values`, row-major, are `from.pixels()` many.
pub fn resize_values(values: &[f32], from: Size, to: Size) -> Vec<f32> {
    let mut target = vec![0.0f32; to.pixels()];
    let goal = bytemuck::cast_slice_mut(&mut target);
    resize_plane::<F32>(bytemuck::cast_slice(values), from, goal, to, FilterType::Bilinear);
    target
}

fn resize(pixels: &Pixels, size: Size, filter: FilterType) -> Pixels {
    if pixels.size() == size {
        return pixels.clone();
    }
    let mut target = Pixels::zeros(size);
    let goals = target.data_mut().chunks_exact_mut(size.pixels());
    for (plane, goal) in pixels.planes().into_iter().zip(goals) {
        resize_plane::<F32>(
            bytemuck::cast_slice(plane),
            pixels.size(),
            bytemuck::cast_slice_mut(goal),
            size,
            filter,
        );
    }
    target
}

fn resize_plane<P: InnerPixel + PixelTrait>(
    plane: &[u8],
    from: Size,
    goal: &mut [u8],
    to: Size,
    filter: FilterType,
) {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    let done = TypedImageRef::<P>::from_buffer(from.width as u32, from.height as u32, plane).ok().and_then(
        |plane| {
            let mut goal = TypedImage::<P>::from_buffer(to.width as u32, to.height as u32, goal).ok()?;
            Resizer::new().resize_typed(&plane, &mut goal, &options).ok()
        },
    );
    debug_assert!(done.is_some(), "buffers and sizes agree by construction");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_picture_stays_flat_and_a_ramp_a_ramp() {
        let flat = Frame::from_fn(Size::new(31, 17), |_, _| [10, 200, 90]);
        let small = resize_frame(&flat, Size::new(12, 9));
        assert_eq!(small.size(), Size::new(12, 9));
        assert!(small.data().chunks(3).all(|p| p == [10, 200, 90]));
        // Pixel centres: column x of 64 lies at (x + ½) / 64.
        let ramp = Frame::from_fn(Size::new(64, 4), |x, _| [(4 * x) as u8; 3]);
        let half = resize_pixels(&Pixels::from_frame(&ramp), Size::new(32, 4));
        for x in 4..28 {
            assert!((half.data()[x] * 255.0 - (8 * x + 2) as f32).abs() < 0.5);
        }
    }
}
