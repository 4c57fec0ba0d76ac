//! The kernels that make where a frame starts of the paint before: see `stylize/warm.rs`.

use super::Kernels;
use super::kernels::{blocks, int};
use super::machine::{Argument, Buffer, Launch};
use super::vectors::{FlowField, expect, long};
use crate::error::Result;
use crate::frame::Size;

/// A thread for each of `n` numbers.
fn each(n: usize) -> Launch {
    Launch { grid: [blocks(n, 256), 1, 1], block: 256, shared: 0 }
}

impl Kernels {
    /// `to` is `from`, `[3, H, W]`, fetched along a flow by the cubic spline, within 0..1. The spline needs `room` of
    /// the same length.
    ///
    /// # Errors
    /// Lengths that do not go together, or a failing device; so too below.
    pub fn warp_spline(
        &self,
        from: &Buffer<f32>,
        flow: &FlowField,
        [room, to]: [&mut Buffer<f32>; 2],
    ) -> Result<()> {
        let FlowField { right, down, size } = flow;
        let (plane, count) = (size.pixels(), 3 * size.pixels());
        expect(&[from.len(), room.len(), to.len()], count)?;
        expect(&[right.len(), down.len()], plane)?;
        let filter = |from: &Buffer<f32>, to: &Buffer<f32>, n: usize, stride: usize| {
            let arguments = [from.address(), to.address(), int(n), int(stride), long(count)];
            self.run("stylecast_spline", each(count), &arguments)
        };
        filter(from, to, size.width, 1)?;
        filter(to, room, size.height, size.width)?;
        let memory = [room.address(), right.address(), down.address(), to.address()];
        let shape = [int(size.height), int(size.width)];
        self.run("stylecast_warp_spline", each(plane), &[&memory[..], &shape].concat())
    }

    /// Where a pixel is not visible and `older` paint is `known` to show it, it is taken, and what is known of it.
    ///
    /// # Errors
    /// As [`Self::warp_spline`].
    pub fn fill(
        &self,
        [paint, visible, certainty]: [&mut Buffer<f32>; 3],
        older: &Buffer<f32>,
        known: &Buffer<f32>,
    ) -> Result<()> {
        let plane = known.len();
        expect(&[visible.len(), certainty.len()], plane)?;
        expect(&[paint.len(), older.len()], 3 * plane)?;
        let memory = [paint, visible, certainty].map(|buffer| buffer.address());
        let rest = [older.address(), known.address(), long(plane)];
        self.run("stylecast_fill", each(plane), &[memory, rest].concat())
    }

    /// `to` = `v` · (`a` − `b`), where `v` has a number for each pixel.
    ///
    /// # Errors
    /// As [`Self::warp_spline`].
    pub fn seen_difference(
        &self,
        [a, b]: [&Buffer<f32>; 2],
        v: &Buffer<f32>,
        to: &mut Buffer<f32>,
    ) -> Result<()> {
        let plane = v.len();
        expect(&[a.len(), b.len(), to.len()], 3 * plane)?;
        let arguments = [a.address(), b.address(), v.address(), to.address(), long(plane)];
        self.run("stylecast_seen_difference", each(3 * plane), &arguments)
    }

    /// `planes`, any number of them of `size`, become their mean over the window of `2 · radius + 1` pixels each way,
    /// cut at the edges. It needs `room` of the same length.
    ///
    /// # Errors
    /// As [`Self::warp_spline`].
    pub fn box_mean(
        &self,
        planes: &mut Buffer<f32>,
        size: Size,
        radius: usize,
        room: &mut Buffer<f32>,
    ) -> Result<()> {
        let count = planes.len();
        expect(&[room.len(), count / size.pixels() * size.pixels()], count)?;
        let mean = |from: &Buffer<f32>, to: &Buffer<f32>, n: usize, stride: usize| {
            let arguments = [from.address(), to.address(), int(n), int(stride), int(radius), long(count)];
            self.run("stylecast_line_mean", each(count), &arguments)
        };
        mean(planes, room, size.width, 1)?;
        mean(room, planes, size.height, size.width)
    }

    /// `paint` += `change` / `share`, within 0..1, where `share`, a number for each pixel, is above 0.
    ///
    /// # Errors
    /// As [`Self::warp_spline`].
    pub fn relight(&self, paint: &mut Buffer<f32>, change: &Buffer<f32>, share: &Buffer<f32>) -> Result<()> {
        let plane = share.len();
        expect(&[paint.len(), change.len()], 3 * plane)?;
        let arguments = [paint.address(), change.address(), share.address(), long(plane)];
        self.run("stylecast_relight", each(3 * plane), &arguments)
    }

    /// `to` is `paint` as far as it is `visible`, and beside that `fresh` + `shift` / `share`, within 0..1.
    ///
    /// # Errors
    /// As [`Self::warp_spline`].
    pub fn over(
        &self,
        [paint, fresh, shift]: [&Buffer<f32>; 3],
        [share, visible]: [&Buffer<f32>; 2],
        to: &mut Buffer<f32>,
    ) -> Result<()> {
        let plane = share.len();
        expect(&[visible.len()], plane)?;
        expect(&[paint.len(), fresh.len(), shift.len(), to.len()], 3 * plane)?;
        let pictures = [paint, fresh, shift, share, visible].map(Buffer::address);
        let rest = [to.address(), long(plane)];
        self.run("stylecast_over", each(3 * plane), &[&pictures[..], &rest].concat())
    }

    /// Numbers in 0..1 as bytes, to the nearest step of 255.
    ///
    /// # Errors
    /// As [`Self::warp_spline`].
    pub fn pack(&self, from: &Buffer<f32>, to: &mut Buffer<u8>) -> Result<()> {
        let n = to.len();
        expect(&[from.len()], n)?;
        let arguments = [from.address(), to.address(), Argument::Long(n as i64)];
        self.run("stylecast_pack", each(n), &arguments)
    }

    /// Bytes as numbers in 0..1.
    ///
    /// # Errors
    /// As [`Self::warp_spline`].
    pub fn unpack(&self, from: &Buffer<u8>, to: &mut Buffer<f32>) -> Result<()> {
        let n = to.len();
        expect(&[from.len()], n)?;
        self.run("stylecast_unpack", each(n), &[from.address(), to.address(), long(n)])
    }
}
